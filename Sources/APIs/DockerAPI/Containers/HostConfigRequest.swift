import Model

/// `HostConfig` of a create request.
enum HostConfigRequest {
  static func settings(_ fields: JSONFields, version: APIVersion) throws -> HostSettings {
    var host = HostSettings()
    host.resources = try ResourceRequest.resources(fields, version: version)
    host.resourceLimits = try ResourceRequest.resourceLimits(fields)
    host.mounts = try MountRequests.binds(fields) + MountRequests.mounts(fields, version: version)
    host.volumesFrom = try fields.strings("VolumesFrom") ?? []
    host.volumeDriver = try fields.text("VolumeDriver")
    host.tmpfs = try fields.stringMap("Tmpfs") ?? [:]
    host.cidFile = try fields.text("ContainerIDFile")
    host.restart = try restartPolicy(fields)
    host.autoRemove = version >= .v1(25) ? try fields.bool("AutoRemove") ?? false : false
    if host.autoRemove, host.restart.kind != .no {
      throw fields.failure("AutoRemove", "can't create 'AutoRemove' container with restart policy")
    }
    if let log = try fields.object("LogConfig") {
      host.log.driver = try log.text("Type") ?? ""
      host.log.options = try log.stringMap("Config") ?? [:]
      try log.finish()
    }
    host.publishedPorts = try publishedPorts(fields)
    host.publishAllPorts = try fields.bool("PublishAllPorts") ?? false
    host.networkMode = networkMode(try fields.text("NetworkMode") ?? "default")
    try readIsolation(fields, version: version, into: &host)
    try readNames(fields, into: &host)
    host.devices = try devices(fields)
    host.deviceCgroupRules = try fields.strings("DeviceCgroupRules") ?? []
    host.cgroupParent = try fields.text("CgroupParent")
    host.runtime = try fields.text("Runtime")
    host.storageOptions = try fields.stringMap("StorageOpt") ?? [:]
    host.annotations = version >= .v1(43) ? try fields.stringMap("Annotations") ?? [:] : [:]
    try readConsoleSize(fields, version: version, into: &host)
    // Set by clients for other systems only, or without meaning today.
    fields.ignore("KernelMemory", "Isolation", "Annotations", "AutoRemove", "ConsoleSize")
    if let isolation = try fields.text("Isolation"), isolation.lowercased() != "default" {
      throw PlatformError(
        .invalidArgument, "HostConfig.Isolation: invalid isolation mode '\(isolation.prefix(32))' on linux")
    }
    try fields.refuse(
      "Cgroup", "DeviceRequests", "CpuCount", "CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth", "KernelMemoryTCP")
    return host
  }

  static func restartPolicy(_ fields: JSONFields) throws -> RestartPolicy {
    guard let policy = try fields.object("RestartPolicy") else { return RestartPolicy() }
    let name = try policy.text("Name") ?? "no"
    let count = try policy.integer("MaximumRetryCount", in: Int(Int32.min)...Int(Int32.max)) ?? 0
    try policy.finish()
    guard let kind = RestartPolicy.Kind(rawValue: name) else {
      throw policy.failure(
        "Name",
        "invalid restart policy: unknown policy '\(name.prefix(32))'; use one of 'no', 'always', 'on-failure', "
          + "or 'unless-stopped'")
    }
    guard count >= 0 else {
      throw policy.failure("MaximumRetryCount", "invalid restart policy: maximum retry count cannot be negative")
    }
    guard count == 0 || kind == .onFailure else {
      throw policy.failure(
        "MaximumRetryCount", "invalid restart policy: maximum retry count can only be used with 'on-failure'")
    }
    return RestartPolicy(kind, maximumRetryCount: count)
  }

  static func networkMode(_ text: String) -> NetworkMode {
    switch text {
    case "", "default", "bridge": .standard
    case "host": .host
    case "none": .none
    default: text.hasPrefix("container:") ? .container(String(text.dropFirst(10))) : .network(text)
    }
  }

  private static func publishedPorts(_ fields: JSONFields) throws -> [PublishedPortRequest] {
    guard let bindings = try fields.object("PortBindings") else { return [] }
    return try bindings.names.flatMap { name -> [PublishedPortRequest] in
      guard let port = PortText.port(name) else {
        throw bindings.failure(name, "invalid port: expected a form like 80/tcp")
      }
      let hosts = try bindings.objects(name) ?? []
      // An empty list asks for any port, as an empty binding does.
      if hosts.isEmpty { return [PublishedPortRequest(port: port, hostAddress: "", hostPortFirst: 0, hostPortLast: 0)] }
      return try hosts.map { host in
        let text = try host.text("HostPort") ?? "0"
        guard let range = PortText.range(text) else {
          throw host.failure("HostPort", "invalid port specification: \"\(text.prefix(32))\"")
        }
        let address = try host.text("HostIp") ?? ""
        try host.finish()
        return PublishedPortRequest(
          port: port, hostAddress: address, hostPortFirst: range.lowerBound, hostPortLast: range.upperBound)
      }
    }
  }

  private static func readIsolation(_ fields: JSONFields, version: APIVersion, into host: inout HostSettings) throws {
    host.capabilitiesAdded = try fields.command("CapAdd") ?? []
    host.capabilitiesDropped = try fields.command("CapDrop") ?? []
    host.privileged = try fields.bool("Privileged") ?? false
    host.readOnlyRoot = try fields.bool("ReadonlyRootfs") ?? false
    host.securityOptions = try fields.strings("SecurityOpt") ?? []
    host.maskedPaths = try fields.strings("MaskedPaths")
    host.readOnlyPaths = try fields.strings("ReadonlyPaths")
    host.additionalGroups = try fields.strings("GroupAdd") ?? []
    host.pidMode = try namespace(fields, "PidMode", allows: [.host, .container("")])
    host.ipcMode = try namespace(fields, "IpcMode", allows: [.host, .container(""), .shareable, .none])
    host.utsMode = try namespace(fields, "UTSMode", allows: [.host])
    host.userMode = try namespace(fields, "UsernsMode", allows: [.host])
    host.cgroupNamespaceMode = try namespace(fields, "CgroupnsMode", allows: [.host])
    host.useInit = try fields.bool("Init")
    host.sysctls = try fields.stringMap("Sysctls") ?? [:]
    host.oomScoreAdjustment = try fields.integer("OomScoreAdj", in: Int.min...Int.max).flatMap { $0 == 0 ? nil : $0 }
    host.sharedMemorySizeBytes = try fields.integer("ShmSize").flatMap { $0 == 0 ? nil : $0 }
    if let size = host.sharedMemorySizeBytes, size < 0 {
      throw fields.failure("ShmSize", "SHM size can not be less than 0")
    }
  }

  private static func namespace(_ fields: JSONFields, _ name: String, allows: [NamespaceMode]) throws -> NamespaceMode {
    let text = try fields.text(name) ?? "private"
    let mode: NamespaceMode? =
      switch text {
      case "private": .own
      case "host": .host
      case "shareable": .shareable
      case "none": NamespaceMode.none
      default: text.hasPrefix("container:") ? .container(String(text.dropFirst(10))) : nil
      }
    if mode == .own { return .own }
    if let mode, case .container(let target) = mode {
      if !target.isEmpty, allows.contains(.container("")) { return mode }
    } else if let mode, allows.contains(mode) {
      return mode
    }
    throw fields.failure(name, "invalid mode: \(text.prefix(64))")
  }

  private static func readNames(_ fields: JSONFields, into host: inout HostSettings) throws {
    host.dnsServers = try fields.strings("Dns") ?? []
    host.dnsSearch = try fields.strings("DnsSearch") ?? []
    host.dnsOptions = try fields.strings("DnsOptions") ?? []
    host.extraHosts = try fields.strings("ExtraHosts") ?? []
    host.links = try fields.strings("Links") ?? []
  }

  private static func devices(_ fields: JSONFields) throws -> [DeviceRequest] {
    try (fields.objects("Devices") ?? []).map { device in
      guard let path = try device.text("PathOnHost") else { throw device.failure("PathOnHost", "must name a device") }
      let inside = try device.text("PathInContainer") ?? path
      let permissions = try device.text("CgroupPermissions") ?? "rwm"
      try device.finish()
      return DeviceRequest(pathOnHost: path, pathInContainer: inside, permissions: permissions)
    }
  }

  private static func readConsoleSize(_ fields: JSONFields, version: APIVersion, into host: inout HostSettings) throws {
    guard let (height, width) = try ConsoleSize.read(fields), version >= .v1(42) else { return }
    host.consoleHeight = height
    host.consoleWidth = width
  }
}

/// `ConsoleSize`: `[height, width]`.
enum ConsoleSize {
  static let range = 0...Int(UInt16.max)

  static func read(_ fields: JSONFields) throws -> (height: Int, width: Int)? {
    guard let value = fields.value("ConsoleSize") else { return nil }
    guard case .array(let items) = value, items.count == 2, case .integer(let height) = items[0],
      case .integer(let width) = items[1], let height = Int(exactly: height), let width = Int(exactly: width),
      range.contains(height), range.contains(width)
    else { throw fields.failure("ConsoleSize", "expected two integers, height and width") }
    return (height, width)
  }
}
