import LinuxSystem
import Model

/// A running container as the engine's records describe it.
public struct RunningContainer: Sendable {
  public var id: ContainerID
  public var name: String
  /// Its network namespace; nil where it cannot be opened any more.
  public var netns: Descriptor?
  public var endpoints: [EndpointRecord]
  /// The ports that were in effect.
  public var bindings: [PortBinding]
  /// The endpoint that the ports lead to.
  public var publishing: EndpointRecord?
  /// The limits of its ports.
  public var limits: [PortLimits]
  /// Whether the engine serves names to it.
  public var hasNameService: Bool
  /// `--dns`.
  public var servers: [String]

  public init(
    id: ContainerID, name: String, netns: Descriptor?, endpoints: [EndpointRecord], bindings: [PortBinding] = [],
    publishing: EndpointRecord? = nil, limits: [PortLimits] = [], hasNameService: Bool = true, servers: [String] = []
  ) {
    self.id = id
    self.name = name
    self.netns = netns
    self.endpoints = endpoints
    self.bindings = bindings
    self.publishing = publishing ?? endpoints.first
    self.limits = limits
    self.hasNameService = hasNameService
    self.servers = servers
  }
}

// Agreement of records, memory and kernel.
extension NetworkStack {
  /// Makes the kernel and this process agree with the records, after a start of the engine.
  ///
  /// Links, routes and firewall elements of this instance without a record are removed, missing ones are restored, ports
  /// and name service are opened again. What cannot be restored is reported, not thrown.
  /// - Returns: what was done or could not be, one line each; empty where everything was in place.
  public func reconcile(networks: [NetworkRecord], running: [RunningContainer]) throws -> [String] {
    var report: [String] = []
    try restore(networks)
    report += try Self.translating("failed to compare networks with the kernel") {
      try removeStaleRoutes(networks) + removeStaleLinks(running)
    }
    let records = Dictionary(networks.map { ($0.id, $0) }) { first, _ in first }
    for container in running {
      for endpoint in container.endpoints { adopt(endpoint) }
    }
    report += try Self.translating("failed to restore the firewall") {
      // Ports stay translated while their sockets are opened again.
      let done = try firewall.replace(with: wantedElements(records, running))
      try firewall.replaceLimits(
        with: Set(running.flatMap { LimitGroup.groups($0.limits, of: $0.id, at: $0.bindings) }))
      return done
    }
    for container in running { report += restore(container, records) }
    return report
  }

  private func removeStaleRoutes(_ networks: [NetworkRecord]) throws -> [String] {
    try removeRoutes(except: networks.compactMap(\.subnet)) + removeRoutes(except: networks.compactMap(\.ipv6?.subnet))
  }

  private func removeRoutes<Address>(except known: [Subnet<Address>]) throws -> [String] {
    try links.claimedSubnets().filter { !known.contains($0) }.map { subnet in
      try links.release(subnet)
      return "removed the route of subnet \(subnet)"
    }
  }

  private func removeStaleLinks(_ running: [RunningContainer]) throws -> [String] {
    let known = Set(running.flatMap(\.endpoints).map(\.interfaceHost))
    let stale = try links.ownLinks().filter { !known.contains($0) }
    try links.disconnect(names: stale)
    return stale.map { "removed link \($0)" }
  }

  private func wantedElements(
    _ networks: [NetworkID: NetworkRecord], _ running: [RunningContainer]
  ) -> [String: Set<Firewall.Element>] {
    var changes: [Firewall.Change] = []
    for network in networks.values where network.isBridge {
      changes += Self.networkElements(network, .add)
    }
    for container in running {
      for endpoint in container.endpoints {
        guard let network = networks[endpoint.networkID] else { continue }
        changes += Self.endpointElements(endpoint, network: network, .add)
      }
      guard let target = container.publishing else { continue }
      changes += container.bindings.flatMap { PortPublisher.translation($0, to: target) }
    }
    return changes.reduce(into: [:]) { $0[$1.set, default: []].formUnion($1.elements) }
  }

  /// Restores what a container has in this process and, where it is missing, in the kernel.
  private func restore(_ container: RunningContainer, _ networks: [NetworkID: NetworkRecord]) -> [String] {
    var report: [String] = []
    func attempt(_ what: String, _ body: () throws -> Bool) {
      do {
        if try body() { report.append(what) }
      } catch {
        report.append("failed: \(what): \((error as? PlatformError)?.message ?? "\(error)")")
      }
    }
    for endpoint in container.endpoints {
      attempt("connected container \(container.id.short) to its network again") {
        guard let network = networks[endpoint.networkID], let netns = container.netns,
          try links.link(name: endpoint.interfaceHost) == nil
        else { return false }
        try attach(endpoint, network: network, netns: netns)
        return true
      }
    }
    if let endpoint = container.publishing {
      let open = Set(ports.bindings(container: container.id))
      let missing = container.bindings.filter { !open.contains($0) }
      attempt("opened \(missing.count) ports of container \(container.id.short)") {
        guard !missing.isEmpty else { return false }
        _ = try publish(
          missing.map(PortRequest.init), limits: container.limits, endpoint: endpoint, containerName: container.name)
        return true
      }
    }
    updateNames(container: container.id, endpoints: container.endpoints)
    attempt("opened the name service of container \(container.id.short)") {
      guard container.hasNameService, !dns.isServing(container.id), let netns = container.netns else { return false }
      try startDNS(
        container: container.id, netns: netns, endpoints: container.endpoints, servers: container.servers)
      return true
    }
    return report
  }
}
