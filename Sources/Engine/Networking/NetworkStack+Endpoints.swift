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
  ///   - requestedAddress: on user-defined networks only.
  ///   - mac: six bytes with colons; derived from the address where nil.
  ///   - interfaceIndex: 0 for eth0, 1 for eth1…
  /// - Throws: `invalidArgument` and `forbidden` for the requested values, `resourceExhausted` when no address is free,
  ///   `notFound` for an unknown network.
  public func planEndpoint(
    network: NetworkRecord, container: ContainerID, name: String, aliases: [String], requestedAddress: IPv4Address?,
    mac: String?, interfaceIndex: Int
  ) throws -> EndpointRecord {
    guard network.isBridge, let subnet = network.subnet else {
      throw PlatformError(.invalidArgument, "network \(network.name) has no endpoints")
    }
    guard (0..<Self.maximumEndpointsPerContainer).contains(interfaceIndex) else {
      throw PlatformError(
        .resourceExhausted, "more than \(Self.maximumEndpointsPerContainer) networks in one container")
    }
    if requestedAddress != nil, network.isDefault {
      throw PlatformError(.invalidArgument, "user specified IP address is supported on user defined networks only")
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
      let address: IPv4Address
      if let requestedAddress {
        try addresses.take(requestedAddress)
        address = requestedAddress
      } else {
        address = try addresses.allocate()
      }
      let id = self.freeEndpointID(state.endpoints)
      let record = EndpointRecord(
        endpointID: id, networkID: network.id, containerID: container, interfaceHost: self.names.link(endpointID: id),
        interfaceContainer: "eth\(interfaceIndex)", address: address, prefixLength: subnet.prefixLength,
        gateway: network.isInternal ? nil : network.gateway,
        macAddress: (mac.flatMap { HardwareAddress($0) } ?? HardwareAddress(derivedFrom: address)).description,
        aliases: aliases, dnsNames: network.resolvesNames ? names : [])
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
    guard let gateway = network.gateway, network.isBridge else {
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
        try links.connect(endpoint, gateway: gateway, mtu: try mtu(of: network), netns: netns)
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
  }

  /// Gives an endpoint's address back; it need not be known.
  public func releaseEndpoint(_ endpoint: EndpointRecord) {
    state.withLock { state in
      guard state.endpoints.removeValue(forKey: endpoint.endpointID) != nil else { return }
      let isShared = state.endpoints.values.contains {
        $0.networkID == endpoint.networkID && $0.address == endpoint.address
      }
      if !isShared { state.networks[endpoint.networkID]?.addresses?.release(endpoint.address) }
    }
  }

  /// The set elements of one endpoint.
  static func endpointElements(
    _ endpoint: EndpointRecord, network: NetworkRecord, _ action: Firewall.Change.Action
  ) -> [Firewall.Change] {
    let address = NFTables.Field.ipv4(endpoint.address.bits)
    let source = Firewall.Element(key: NFTables.bytes(.interface(endpoint.interfaceHost), address))
    var changes = [
      Firewall.Change(action, FirewallRules.sources, [source]),
      Firewall.Change(action, FirewallRules.neighbours, [source]),
      Firewall.Change(action, FirewallRules.loops, [Firewall.Element(key: NFTables.bytes(address, address))]),
    ]
    if !network.isInternal {
      changes.append(
        Firewall.Change(action, FirewallRules.outbound, [Firewall.Element(key: NFTables.bytes(address))]))
    }
    return changes
  }

  /// Publishes ports of a connected container; all or none. Internal networks publish nothing, as in docker.
  ///
  /// - Parameter bindings: what is wanted; an empty host address means all, IPv4 and IPv6.
  /// - Returns: what is in effect, one entry for each host address.
  /// - Throws: `conflict` when a port is taken, with docker's words.
  public func publish(
    _ bindings: [PortRequest], endpoint: EndpointRecord, containerName: String
  ) throws -> [PortBinding] {
    let isInternal = state.withLock { $0.networks[endpoint.networkID]?.record.isInternal ?? false }
    if isInternal { return [] }
    return try ports.publish(bindings, endpoint: endpoint, containerName: containerName)
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
