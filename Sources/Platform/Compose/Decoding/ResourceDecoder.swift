/// The top-level networks, volumes, configs and secrets.
struct ResourceDecoder {
  let project: String
  let environment: [String: String]
  let faults: FaultCollector

  private func name(_ key: String, _ fields: Fields, isExternal: Bool) -> String {
    fields.text("name") ?? (isExternal ? key : "\(project)_\(key)")
  }

  func network(_ key: String, _ fields: Fields) throws(ComposeFault) -> ComposeNetwork {
    let isExternal = fields.flag("external") ?? false
    try onlyName(fields, isExternal)
    var network = ComposeNetwork(key: key, name: name(key, fields, isExternal: isExternal))
    network.isExternal = isExternal
    network.location = fields.node.at
    network.driver = fields.text("driver")
    network.driverOptions = fields.labels("driver_opts")
    network.isInternal = fields.flag("internal") ?? false
    network.isAttachable = fields.flag("attachable") ?? false
    network.enableIPv6 = fields.flag("enable_ipv6")
    if fields.flag("enable_ipv4") == false {
      try faults.add(
        fields.fault("enable_ipv4", "networks without IPv4 are not supported; take it out", .unsupported))
    }
    network.labels = fields.labels("labels")
    try requireNetworkOptions(fields)
    guard let ipam = fields.below("ipam") else { return network }
    network.ipamDriver = ipam.text("driver")
    network.ipamOptions = ipam.labels("options")
    network.pools = ipam.list("config").map { config in
      var pool = ComposeAddressPool()
      pool.subnet = config.text("subnet")
      pool.ipRange = config.text("ip_range")
      pool.gateway = config.text("gateway")
      return pool
    }
    return network
  }

  func volume(_ key: String, _ fields: Fields) throws(ComposeFault) -> ComposeVolume {
    let isExternal = fields.flag("external") ?? false
    try onlyName(fields, isExternal)
    var volume = ComposeVolume(key: key, name: name(key, fields, isExternal: isExternal))
    volume.isExternal = isExternal
    volume.location = fields.node.at
    volume.driver = fields.text("driver")
    volume.driverOptions = fields.labels("driver_opts")
    volume.labels = fields.labels("labels")
    if ["local", nil].contains(volume.driver) { try requireVolumeOptions(fields) }
    return volume
  }

  /// What of the options of docker's bridge the engine has: the MTU; and of others what always holds here.
  private static let networkOptions = [
    "com.docker.network.bridge.enable_icc": "true", "com.docker.network.bridge.enable_ip_masquerade": "true",
    "com.docker.network.bridge.default_bridge": "false", "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
  ]

  private func requireNetworkOptions(_ fields: Fields) throws(ComposeFault) {
    for member in fields["driver_opts"]?.members ?? [] where member.key != "com.docker.network.driver.mtu" {
      guard let value = member.value.text, Self.networkOptions[member.key] != value else { continue }
      let reason = Self.networkOptions[member.key].map { "is '\($0)' here; leave it out" }
      try faults.add(
        ComposeFault(
          .unsupported, at: member.at, key: KeyPath.join(fields.place("driver_opts"), member.key),
          reason ?? "is not supported: the engine names and sets up its devices itself; leave it out"))
    }
  }

  /// Options of local volumes: `size`, and `type`, `device` and `o` of a tmpfs.
  private func requireVolumeOptions(_ fields: Fields) throws(ComposeFault) {
    for member in fields["driver_opts"]?.members ?? [] {
      let key = KeyPath.join(fields.place("driver_opts"), member.key)
      if !["size", "type", "device", "o"].contains(member.key) {
        try faults.add(
          ComposeFault(
            .unsupported, at: member.at, key: key, "is not supported: options are 'size', or 'type', 'device' and 'o'"))
      } else if member.key == "type", let type = member.value.text, type != "tmpfs" {
        try faults.add(
          ComposeFault(
            .unsupported, at: member.value.at, key: key,
            "'\(type.prefix(50))' is not supported: volumes are folders or tmpfs; mount it on the host, and that folder "
              + "with 'type: bind' in the service"))
      }
    }
  }

  /// What compose does not make it cannot configure.
  private func onlyName(_ fields: Fields, _ isExternal: Bool) throws(ComposeFault) {
    guard isExternal, let members = fields.node.members else { return }
    for member in members where !["external", "name"].contains(member.key) && !member.key.hasPrefix("x-") {
      try faults.add(
        fields.fault(member.key, "stands beside 'external: true', which says that it is made elsewhere"))
    }
  }

  /// A config or secret.
  func file(_ key: String, _ fields: Fields) throws(ComposeFault) -> ComposeFile {
    let ways = ["file", "environment", "content"].filter { fields[$0] != nil }
    let isExternal = fields.flag("external") ?? false
    guard ways.count + (isExternal ? 1 : 0) == 1 else {
      throw fields.fault(
        ways.isEmpty && !isExternal
          ? "has no content: write 'file', 'environment' or 'content'"
          : "says more than once where it comes from: one of 'file', 'environment', 'content', 'external'")
    }
    let origin: ComposeFile.Origin
    if isExternal {
      origin = .external
    } else if let path = fields.text("file") {
      origin = .file(path)
    } else if let variable = fields.text("environment") {
      guard let value = environment[variable] else {
        throw fields.fault("environment", "the variable '\(variable.prefix(100))' is not set", .variable)
      }
      origin = .environment(name: variable, value: value)
    } else {
      origin = .content(fields.text("content") ?? "")
    }
    var file = ComposeFile(key: key, name: name(key, fields, isExternal: isExternal), origin: origin)
    file.location = fields.node.at
    file.labels = fields.labels("labels")
    return file
  }
}
