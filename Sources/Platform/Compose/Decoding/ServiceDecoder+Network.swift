import Model

extension ServiceDecoder {
  /// `service:NAME`, `container:NAME`, `host`, `none` or another word.
  func namespace(_ name: String) throws(ComposeFault) -> ComposeNamespace? {
    guard let text = fields.text(name), !text.isEmpty else { return nil }
    for (prefix, make) in [
      ("service:", ComposeNamespace.service), ("container:", ComposeNamespace.container),
    ] where text.hasPrefix(prefix) {
      let target = String(text.dropFirst(prefix.count))
      guard !target.isEmpty else { throw fields.fault(name, "a name behind '\(prefix)' is missing") }
      return make(target)
    }
    switch text {
    case "host": return .host
    case "none": return ComposeNamespace.none
    default: return .named(text)
    }
  }

  mutating func readNetworks() throws(ComposeFault) {
    service.networkMode = try faults.attempt { () throws(ComposeFault) in try namespace("network_mode") } ?? nil
    service.macAddress = fields.text("mac_address")
    if let mode = service.networkMode {
      if fields["networks"] != nil {
        try faults.add(fields.fault("network_mode", "stands beside 'networks': write one of them"))
      }
      if fields["ports"]?.items?.isEmpty == false, Self.hasNoPorts(mode) {
        try faults.add(fields.fault("ports", "cannot be published with this 'network_mode'"))
      }
    }
    service.endpoints = fields.named("networks").map { name, endpoint in
      var result = ComposeEndpoint(network: name)
      result.aliases = endpoint.texts("aliases")
      result.ipv4Address = endpoint.text("ipv4_address")
      result.ipv6Address = endpoint.text("ipv6_address")
      result.linkLocalAddresses = endpoint.texts("link_local_ips")
      result.macAddress = endpoint.text("mac_address")
      result.driverOptions = endpoint.labels("driver_opts")
      result.priority = Int(clamping: endpoint.integer("priority") ?? 0)
      result.gatewayPriority = Int(clamping: endpoint.integer("gw_priority") ?? 0)
      return result
    }.sorted { ($1.priority, $0.network) < ($0.priority, $1.network) }
    service.externalLinks = fields.texts("external_links")
    service.links = fields.texts("links").map { text in
      let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
      return ComposeLink(service: parts.first ?? "", alias: parts.last ?? "")
    }
    service.extraHosts = fields.texts("extra_hosts").map { text in
      let parts = text.split(separator: "=", maxSplits: 1)
      return parts.joined(separator: ":")
    }
    service.dnsServers = fields.texts("dns")
    service.dnsSearch = fields.texts("dns_search")
    service.dnsOptions = fields.texts("dns_opt")
  }

  private static func hasNoPorts(_ mode: ComposeNamespace) -> Bool {
    switch mode {
    case .host, .none, .service, .container: true
    case .named: false
    }
  }

  mutating func readPorts() throws(ComposeFault) {
    // By the port inside, with its transport.
    var limits: [String: ComposePortLimits] = [:]
    for port in fields.list("ports") {
      guard let target = port.integer("target").flatMap({ UInt16(exactly: $0) }) else {
        try faults.add(port.fault("'target' is missing: the port inside"))
        continue
      }
      var result = ComposePort(
        target: target, published: port.text("published").flatMap { PortForm.range($0[...]) },
        hostAddress: port.text("host_ip") ?? "",
        transport: port.text("protocol").flatMap(ComposePort.Transport.init) ?? .tcp)
      if let limits = port.below("x-bulkhead") { result.limits = ComposePortLimits(limits) }
      let inside = "\(result.target)/\(result.transport.rawValue)"
      if let other = limits[inside], other != result.limits {
        try faults.add(
          port.fault(
            "x-bulkhead",
            "limits hold for port \(inside) inside, and an entry above publishes it with others: write the same there"))
      } else {
        limits[inside] = result.limits
      }
      try requireSameLabels(result, port)
      service.ports.append(result)
    }
    let fixed = service.ports.filter { ($0.published?.count ?? service.replicas) < service.replicas }
    if service.replicas > 1, let port = fixed.first {
      warn(
        "ports",
        "\(service.replicas) containers cannot all have port \(port.published?.lowerBound ?? 0) of the host: "
          + "leave it out, write a range, or use 'x-bulkhead: {expose: …}'")
    }
    for (index, text) in fields.texts("expose").enumerated() {
      let parts = text.split(separator: "/", omittingEmptySubsequences: false)
      let transport = parts.count > 1 ? String(parts[1]) : "tcp"
      guard parts.count <= 2, let range = PortForm.range(parts[0]), range.lowerBound > 0,
        ComposePort.Transport(rawValue: transport) != nil
      else {
        try faults.add(
          ComposeFault(
            .invalid, at: fields["expose"]?.items?[index].at, key: "\(fields.place("expose"))[\(index)]",
            "'\(text.prefix(50))' is not a port such as 80, 80-90 or 80/udp"))
        continue
      }
      guard range.count <= ComposeLimits.portRange, service.exposedPorts.count < ComposeLimits.ports else {
        throw fields.fault("expose", "more than \(ComposeLimits.portRange) ports", .limit)
      }
      service.exposedPorts += range.map { "\($0)/\(transport)" }
    }
  }

  /// Labels of the service say limits, too.
  private func requireSameLabels(_ port: ComposePort, _ fields: Fields) throws(ComposeFault) {
    for (label, value) in port.limitLabels.sorted(by: { $0.key < $1.key }) {
      guard let other = service.labels[label], other != value else { continue }
      try faults.add(
        fields.fault("x-bulkhead", "says '\(value)' where the label '\(label)' says '\(other.prefix(50))'"))
    }
  }

  // MARK: What has to be there before

  mutating func readDependencies() throws(ComposeFault) {
    for (name, dependency) in fields.named("depends_on") {
      service.dependencies.append(
        ComposeDependency(
          name, condition: dependency.text("condition").flatMap(ComposeDependency.Condition.init) ?? .started,
          restart: dependency.flag("restart") ?? false, required: dependency.flag("required") ?? true))
    }
    let sources = service.volumesFrom.map(\.source)
    let namespaces = [service.networkMode, service.ipcMode, service.pidMode].compactMap { $0 } + sources
    var implicit = service.links.map(\.service)
    for case .service(let name) in namespaces { implicit.append(name) }
    var known = Set(service.dependencies.map(\.service))
    for name in implicit where known.insert(name).inserted {
      var dependency = ComposeDependency(name)
      dependency.isImplicit = true
      service.dependencies.append(dependency)
    }
    service.dependencies.sort { $0.service < $1.service }
  }
}
