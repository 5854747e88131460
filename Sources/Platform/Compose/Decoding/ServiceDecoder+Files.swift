import Model

extension ServiceDecoder {
  mutating func readFiles() throws(ComposeFault) {
    try readMounts()
    for text in fields.texts("tmpfs") {
      let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
      guard let path = parts.first, path.hasPrefix("/") else {
        try faults.add(fields.fault("tmpfs", "'\(text.prefix(100))': the path inside has to be absolute"))
        continue
      }
      service.tmpfs[path] = parts.count > 1 ? parts[1] : ""
    }
    for text in fields.texts("volumes_from") {
      var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
      var isReadOnly = false
      if let last = parts.last, parts.count > 1, ["ro", "rw"].contains(last) {
        isReadOnly = last == "ro"
        parts.removeLast()
      }
      let isContainer = parts.count == 2 && parts[0] == "container"
      guard let name = parts.last, !name.isEmpty, parts.count == 1 || isContainer else {
        try faults.add(
          fields.fault("volumes_from", "'\(text.prefix(100))' is not SERVICE[:ro] or container:NAME[:ro]"))
        continue
      }
      service.volumesFrom.append(
        ComposeVolumesFrom(isContainer ? .container(name) : .service(name), readOnly: isReadOnly))
    }
    service.configs = try uses("configs") { $0.hasPrefix("/") ? $0 : "/" + $0 }
    service.secrets = try uses("secrets") { $0.hasPrefix("/") ? $0 : "/run/secrets/" + $0 }
    service.readOnlyRoot = fields.flag("read_only") ?? false
    service.devices = fields.list("devices").map { device in
      let source = device.text("source") ?? ""
      return DeviceRequest(
        pathOnHost: source, pathInContainer: device.text("target") ?? source,
        permissions: device.text("permissions") ?? "rwm")
    }
    service.storageOptions = fields.labels("storage_opt")
  }

  private mutating func readMounts() throws(ComposeFault) {
    var targets: Set<String> = []
    for mount in fields.list("volumes") {
      guard let kind = mount.text("type").flatMap(ComposeMount.Kind.init), let target = mount.text("target") else {
        try faults.add(mount.fault("'type' and 'target' are needed"))
        continue
      }
      guard target.hasPrefix("/") else {
        try faults.add(mount.fault("target", "the path inside has to be absolute"))
        continue
      }
      guard targets.insert(target).inserted else {
        try faults.add(mount.fault("target", "'\(target.prefix(200))' is mounted twice"))
        continue
      }
      var result = ComposeMount(kind, source: mount.text("source"), target: target)
      result.readOnly = mount.flag("read_only") ?? false
      let bind = mount.below("bind")
      result.propagation = bind?.text("propagation")
      result.createHostPath = bind?.flag("create_host_path") ?? (kind == .bind && bind == nil)
      switch bind?.text("recursive") {
      case "disabled": result.recursive = false
      case "writable":
        try faults.add(
          mount.fault(
            "bind", "'recursive: writable' is not supported: read-only holds for the whole tree", .unsupported))
      default: break
      }
      let volume = mount.below("volume")
      result.noCopy = volume?.flag("nocopy") ?? false
      result.subpath = volume?.text("subpath")
      result.volumeLabels = volume?.labels("labels") ?? [:]
      let tmpfs = mount.below("tmpfs")
      result.tmpfsSizeBytes = tmpfs?.size("size")
      result.tmpfsMode = tmpfs?.integer("mode").flatMap { UInt32(exactly: $0) }
      service.mounts.append(result)
    }
  }

  private func uses(_ name: String, target: (String) -> String) throws(ComposeFault) -> [ComposeFileUse] {
    var result: [ComposeFileUse] = []
    var targets: Set<String> = []
    for use in fields.list(name) {
      guard let source = use.text("source") else {
        try faults.add(use.fault("'source' is missing: its key in '\(name)'"))
        continue
      }
      var item = ComposeFileUse(source: source, target: target(use.text("target") ?? source))
      item.uid = use.text("uid")
      item.gid = use.text("gid")
      item.mode = use.integer("mode").flatMap { UInt32(exactly: $0) }
      guard targets.insert(item.target).inserted else {
        try faults.add(use.fault("'\(item.target.prefix(200))' is there twice"))
        continue
      }
      result.append(item)
    }
    return result
  }

  // MARK: Isolation

  mutating func readIsolation() throws(ComposeFault) {
    service.privileged = fields.flag("privileged") ?? false
    service.capabilitiesAdded = fields.texts("cap_add")
    service.capabilitiesDropped = fields.texts("cap_drop")
    service.securityOptions = fields.texts("security_opt")
    service.deviceCgroupRules = fields.texts("device_cgroup_rules")
    service.cgroupParent = fields.text("cgroup_parent")
    service.pidMode = try faults.attempt { () throws(ComposeFault) in try namespace("pid") } ?? nil
    if case .named(let word)? = service.pidMode {
      try faults.add(
        fields.fault("pid", "'\(word.prefix(50))' is not one of host, service:NAME, container:NAME"))
    }
    service.ipcMode = try faults.attempt { () throws(ComposeFault) in try namespace("ipc") } ?? nil
    if case .named(let word)? = service.ipcMode, !["private", "shareable"].contains(word) {
      try faults.add(
        fields.fault(
          "ipc", "'\(word.prefix(50))' is not one of private, shareable, host, none, service:NAME, container:NAME"))
    }
    service.utsMode = fields.text("uts").flatMap { $0.isEmpty ? nil : $0 }
    service.userMode = fields.text("userns_mode").flatMap { $0.isEmpty ? nil : $0 }
    service.cgroupMode = fields.text("cgroup")
    service.sysctls = fields.labels("sysctls")
  }
}

enum BuildDecoder {
  static func decode(_ fields: Fields) throws(ComposeFault) -> ComposeBuild {
    guard let context = fields.text("context") else {
      throw fields.fault("'context' is missing: the folder of the files")
    }
    var build = ComposeBuild(context: context)
    build.dockerfile = fields.text("dockerfile")
    build.dockerfileInline = fields.text("dockerfile_inline")
    if build.dockerfile != nil, build.dockerfileInline != nil {
      throw fields.fault("dockerfile_inline", "stands beside 'dockerfile': write one of them")
    }
    build.arguments = fields.pairs("args")
    build.labels = fields.labels("labels")
    build.target = fields.text("target")
    build.network = fields.text("network")
    build.platforms = fields.texts("platforms")
    if build.platforms.count > 1 {
      throw fields.fault("platforms", "images are built for this host's platform alone: name one", .unsupported)
    }
    build.tags = fields.texts("tags")
    build.cacheFrom = fields.texts("cache_from")
    build.cacheTo = fields.texts("cache_to")
    build.agents = fields.labels("ssh")
    build.contexts = fields.pairs("additional_contexts").compactMapValues { $0.map { ComposeBuild.Context($0) } }
    build.extraHosts = fields.texts("extra_hosts").map { $0.split(separator: "=", maxSplits: 1).joined(separator: ":") }
    build.sharedMemorySizeBytes = fields.size("shm_size")
    build.noCache = fields.flag("no_cache") ?? false
    build.pull = fields.flag("pull") ?? false
    build.ulimits = fields.named("ulimits").map { name, limit in
      "\(name)=\(limit.integer("soft") ?? 0):\(limit.integer("hard") ?? 0)"
    }.sorted()
    for secret in fields.list("secrets") {
      guard let source = secret.text("source") else { throw secret.fault("'source' is missing: its key in 'secrets'") }
      build.secrets.append(ComposeFileUse(source: source, target: secret.text("target") ?? source))
    }
    return build
  }
}
