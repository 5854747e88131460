import Glibc
import LinuxSystem
import Model

// Endpoints: the membership of containers in networks.
extension NetworkStack {
  /// Endpoints of one container, one for each network.
  static let maximumEndpointsPerContainer = 64
  static let maximumNameLength = 253

  /// Allocates an endpoint in memory; the engine writes the record before it calls `attach`.
  ///
  /// - Parameters:
  ///   - name: the container's name.
  ///   - aliases: further names on this network.
  ///   - requestedAddress: on user-defined networks only; so is `requestedIPv6`, on those with IPv6.
  ///   - mac: six bytes with colons; derived from the address where nil.
  ///   - interfaceIndex: 0 for eth0, 1 for eth1…
  /// - Throws: `invalidArgument` and `forbidden` for the requested values, `resourceExhausted` when no address is free,
  ///   `notFound` for an unknown network.
  public func planEndpoint(
    network: NetworkRecord, container: ContainerID, name: String, aliases: [String], requestedAddress: IPv4Address?,
    requestedIPv6: IPv6Address? = nil, mac: String?, interfaceIndex: Int
  ) throws -> EndpointRecord {
    guard network.isBridge, let subnet = network.subnet else {
      throw PlatformError(.invalidArgument, "network \(network.name) has no endpoints")
    }
    guard (0..<Self.maximumEndpointsPerContainer).contains(interfaceIndex) else {
      throw PlatformError(
        .resourceExhausted, "more than \(Self.maximumEndpointsPerContainer) networks in one container")
    }
    if requestedAddress != nil || requestedIPv6 != nil, network.isDefault {
      throw PlatformError(.invalidArgument, "user specified IP address is supported on user defined networks only")
    }
    if let requestedIPv6, network.ipv6 == nil {
      throw PlatformError(
        .invalidArgument,
        "invalid endpoint settings: no configured subnet contains IP address \(requestedIPv6): network \(network.name) has no IPv6"
      )
    }
    if let mac, HardwareAddress(mac) == nil {
      throw PlatformError(.invalidArgument, "invalid MAC address '\(mac.prefix(64))'")
    }
    let names = ([name] + aliases + [container.short]).filter { !$0.isEmpty }
    if let bad = names.first(where: { $0.utf8.count > Self.maximumNameLength }) {
      throw PlatformError(.invalidArgument, "invalid network alias '\(bad.prefix(64))…': longer than 253 bytes")
    }
    return try state.withLock { state in
      guard var entry = state.networks[network.id], var addresses = entry.addresses else {
        throw PlatformError(.notFound, "network \(network.name) not found")
      }
      let address = try addresses.take(requestedAddress)
      let address6 = try entry.addresses6?.take(requestedIPv6)
      let id = self.freeEndpointID(state.endpoints)
      var record = EndpointRecord(
        endpointID: id, networkID: network.id, containerID: container, interfaceHost: self.names.link(endpointID: id),
        interfaceContainer: "eth\(interfaceIndex)", address: address, prefixLength: subnet.prefixLength,
        gateway: network.isInternal ? nil : network.gateway,
        macAddress: (mac.flatMap { HardwareAddress($0) } ?? HardwareAddress(derivedFrom: address)).description,
        aliases: aliases, dnsNames: network.resolvesNames ? names : [])
      if let address6, let pool = network.ipv6 {
        record.ipv6 = EndpointRecord.IPv6Part(
          address: address6, prefixLength: pool.subnet.prefixLength, gateway: network.isInternal ? nil : pool.gateway)
      }
      entry.addresses = addresses
      state.networks[network.id] = entry
      state.endpoints[id] = record
      return record
    }
  }

  /// A random id whose link name is free too.
  private func freeEndpointID(_ taken: [String: EndpointRecord]) -> String {
    while true {
      let id = ContainerID.random().hex
      let link = names.link(endpointID: id)
      if !taken.values.contains(where: { $0.interfaceHost == link }) { return id }
    }
  }

  /// Connects a container: link, addresses, routes, and the right to send from its address.
  ///
  /// Nothing is left behind on failure. Calling it again for a connected endpoint fails with `conflict`.
  public func attach(_ endpoint: EndpointRecord, network: NetworkRecord, netns: Descriptor) throws {
    guard network.isBridge else {
      throw PlatformError(.invalidArgument, "network \(network.name) has no endpoints")
    }
    adopt(endpoint)
    if reaper.forget(endpoint.interfaceHost) {
      try Self.translating("failed to remove link \(endpoint.interfaceHost)") {
        try links.disconnect(name: endpoint.interfaceHost)
      }
    }
    do {
      try Self.translating("failed to connect container \(endpoint.containerID.short) to network \(network.name)") {
        try firewall.apply(Self.endpointElements(endpoint, network: network, .add))
        try links.connect(endpoint, network: network, mtu: try mtu(of: network), netns: netns)
      }
    } catch let error as PlatformError {
      if (error.cause as? SystemError)?.errno == EEXIST {
        throw PlatformError(.conflict, error.message, cause: error.cause)
      }
      try? firewall.apply(Self.endpointElements(endpoint, network: network, .remove))
      throw error
    }
  }

  private func mtu(of network: NetworkRecord) throws -> UInt32 {
    if let text = network.options[Self.mtuOption] { return try Self.mtu(parsing: text) }
    return try links.outsideMTU()
  }

  /// Notes an endpoint that a record says exists.
  func adopt(_ endpoint: EndpointRecord) {
    state.withLock { state in
      state.endpoints[endpoint.endpointID] = endpoint
      state.networks[endpoint.networkID]?.addresses?.note(endpoint.address)
      if let part = endpoint.ipv6 { state.networks[endpoint.networkID]?.addresses6?.note(part.address) }
    }
  }

  /// Takes an endpoint out of the kernel; it need not be there. Its address stays taken until `releaseEndpoint`.
  ///
  /// Deleting a link takes the kernel some 20 ms, in which nobody else can change links.
  /// - Parameter namespaceEnds: the container's namespace is about to go, and the link with it: what is left of it is
  ///   deleted a little later. The container sends nothing from the moment this returns.
  public func detach(_ endpoint: EndpointRecord, network: NetworkRecord, namespaceEnds: Bool = false) throws {
    try Self.translating("failed to disconnect container \(endpoint.containerID.short) from network \(network.name)") {
      try firewall.apply(Self.endpointElements(endpoint, network: network, .remove))
      if namespaceEnds {
        reaper.add(endpoint.interfaceHost)
      } else {
        try links.disconnect(name: endpoint.interfaceHost)
      }
    }
    connections.forgetAll(of: endpoint.address)
    if let address = endpoint.ipv6?.address { connections.forgetAll(of: address) }
  }

  /// Gives an endpoint's addresses back; it need not be known.
  public func releaseEndpoint(_ endpoint: EndpointRecord) {
    state.withLock { state in
      guard state.endpoints.removeValue(forKey: endpoint.endpointID) != nil else { return }
      let others = state.endpoints.values.filter { $0.networkID == endpoint.networkID }
      if !others.contains(where: { $0.address == endpoint.address }) {
        state.networks[endpoint.networkID]?.addresses?.release(endpoint.address)
      }
      if let part = endpoint.ipv6, !others.contains(where: { $0.ipv6?.address == part.address }) {
        state.networks[endpoint.networkID]?.addresses6?.release(part.address)
      }
    }
  }

  /// The set elements of one endpoint.
  static func endpointElements(
    _ endpoint: EndpointRecord, network: NetworkRecord, _ action: Firewall.Change.Action
  ) -> [Firewall.Change] {
    let interface = NFTables.Field.interface(endpoint.interfaceHost)
    func changes(_ address: NFTables.Field, sources: [String], loops: String, outbound: String) -> [Firewall.Change] {
      let source = Firewall.Element(key: NFTables.bytes(interface, address))
      var changes = sources.map { Firewall.Change(action, $0, [source]) }
      changes.append(
        Firewall.Change(action, loops, [Firewall.Element(key: NFTables.bytes(address, address))]))
      if !network.isInternal {
        changes.append(Firewall.Change(action, outbound, [Firewall.Element(key: NFTables.bytes(address))]))
      }
      return changes
    }
    typealias Rules = FirewallRules
    let ipv4 = changes(
      .ipv4(endpoint.address.bits), sources: [Rules.sources, Rules.neighbours], loops: Rules.loops,
      outbound: Rules.outbound)
    guard let part = endpoint.ipv6 else { return ipv4 }
    return ipv4
      + changes(
        .ipv6(part.address.bits), sources: [Rules.sources6], loops: Rules.loops6, outbound: Rules.outbound6)
  }

  /// Publishes ports of a connected container; all or none. Internal networks publish nothing, as in docker.
  ///
  /// - Parameters:
  ///   - bindings: what is wanted; an empty host address means all, IPv4 and IPv6.
  ///   - limits: of ports of the container; those of ports that are not published say nothing.
  ///   - nameOf: the name of another container, for errors about its ports.
  /// - Returns: what is in effect, one entry for each host address.
  /// - Throws: `conflict` when a port is taken, with docker's words and who has it.
  public func publish(
    _ bindings: [PortRequest], limits: [PortLimits] = [], endpoint: EndpointRecord, containerName: String,
    nameOf: (ContainerID) -> String? = { _ in nil }
  ) throws -> [PortBinding] {
    let isInternal = state.withLock { $0.networks[endpoint.networkID]?.record.isInternal ?? false }
    if isInternal { return [] }
    return try ports.publish(
      bindings, limits: limits, endpoint: endpoint, containerName: containerName, nameOf: nameOf)
  }

  /// Takes all published ports of a container back; it need not have any.
  public func unpublish(container: ContainerID) throws {
    try ports.unpublish(container: container)
  }

  /// The counters of a connected endpoint as its container sees them; zeros where it is not connected.
  public func statistics(_ endpoint: EndpointRecord) throws -> EndpointStatistics {
    let link = try Self.translating("failed to read network statistics") {
      try links.link(name: endpoint.interfaceHost)
    }
    // The host's end sends what the container receives.
    let host = link?.counters
    return EndpointStatistics(
      receivedBytes: host?.sentBytes ?? 0, receivedPackets: host?.sentPackets ?? 0,
      receiveErrors: host?.sendErrors ?? 0, receiveDropped: host?.sendDropped ?? 0,
      sentBytes: host?.receivedBytes ?? 0, sentPackets: host?.receivedPackets ?? 0,
      sendErrors: host?.receiveErrors ?? 0, sendDropped: host?.receiveDropped ?? 0)
  }
}
