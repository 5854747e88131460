import Glibc
import LinuxSystem
import Model

// Networks: their subnets, routes and firewall elements.
extension NetworkStack {
  /// Creates a network: chooses or checks its subnet and claims it on the host.
  ///
  /// - Parameter existing: the engine's other networks; names are not compared here.
  /// - Returns: the record for the engine to keep. Call `restore` with it after a restart.
  /// - Throws: `invalidArgument` for bad addresses, `forbidden` (as docker answers) for an overlapping subnet, `resourceExhausted` when none
  ///   is free, `notImplemented` for IPv6.
  public func createNetwork(_ request: NetworkRequest, existing: [NetworkRecord]) throws -> NetworkRecord {
    guard !request.enableIPv6 else { throw PlatformError(.notImplemented, "IPv6 networks are not supported") }
    guard existing.count < Self.maximumNetworks else {
      throw PlatformError(.resourceExhausted, "more than \(Self.maximumNetworks) networks")
    }
    try Self.check(request.options)
    var record = NetworkRecord(
      id: request.id ?? .random(), name: request.name, driver: request.driver, isInternal: request.isInternal,
      attachable: request.attachable, labels: request.labels, options: request.options,
      createdUnixNanoseconds: Self.nowUnixNanoseconds())
    switch request.driver {
    case "host", "null":
      state.withLock { $0.networks[record.id] = Network(record: record, addresses: nil) }
      return record
    case "bridge": break
    default:
      throw PlatformError(
        .notImplemented, "network driver '\(request.driver.prefix(64))' is not supported: use bridge, host or null")
    }
    return try Self.translating("failed to create network \(request.name)") {
      let known = Set(existing.compactMap(\.subnet)).union(
        state.withLock { $0.networks.values.compactMap(\.record.subnet) })
      if let (subnet, gateway, range) = try SubnetPool.requested(request) {
        let taken = try known.union(links.claimedSubnets(ofOthers: true))
        guard !taken.contains(where: subnet.overlaps) else {
          throw PlatformError(
            .forbidden, "invalid pool request: Pool overlaps with other one on this address space: \(subnet)")
        }
        record.subnet = subnet
        record.gateway = gateway
        record.ipRange = range
        try install(record)
        return record
      }
      record.subnet = try claimFreeSubnet(isDefault: record.isDefault, known: known)
      record.gateway = record.subnet.map { IPv4Address(bits: $0.network.bits + 1) }
      try install(record)
      return record
    }
  }

  /// Claims the first candidate that nobody uses. Another engine may take the same one at the same moment: then both
  /// see it and go on to the next.
  private func claimFreeSubnet(isDefault: Bool, known: Set<IPv4Subnet>) throws -> IPv4Subnet {
    let inUse = try links.subnetsInUse(excludingOwn: false) + known
    for candidate in SubnetPool.free(isDefault: isDefault, inUse: inUse) {
      try links.claim(candidate)
      let others = try links.claimedSubnets(ofOthers: true)
      if !others.contains(where: candidate.overlaps) { return candidate }
      try links.release(candidate)
    }
    throw PlatformError(
      .resourceExhausted, "all predefined address pools have been fully subnetted: remove networks or ask for a subnet")
  }

  /// Takes up networks that exist already, as after a restart: nothing is changed where everything is in place.
  public func restore(_ networks: [NetworkRecord]) throws {
    for record in networks {
      try Self.translating("failed to restore network \(record.name)") { try install(record) }
    }
  }

  /// Makes memory and kernel agree with a record.
  private func install(_ record: NetworkRecord) throws {
    if let subnet = record.subnet, record.isBridge {
      if try Forwarding.enable(stateDirectory: stateDirectory) {
        logger.notice("turned on net.ipv4.ip_forward, which containers need to reach other hosts")
      }
      try links.claim(subnet)
      try firewall.apply([Self.networkElement(subnet, .add)])
    }
    dns.directory.add(record)
    state.withLock { state in
      if state.networks[record.id] != nil {
        state.networks[record.id]?.record = record
        return
      }
      let addresses = record.subnet.map {
        AddressAllocator(subnet: $0, range: record.ipRange, gateway: record.gateway, networkName: record.name)
      }
      state.networks[record.id] = Network(record: record, addresses: addresses)
    }
  }

  /// Removes a network from the kernel; it need not be there. Throws `forbidden` while it has endpoints.
  public func removeNetwork(_ record: NetworkRecord) throws {
    let isUsed = state.withLock { $0.endpoints.values.contains { $0.networkID == record.id } }
    guard !isUsed else {
      throw PlatformError(
        .forbidden, "error while removing network: network \(record.name) has active endpoints")
    }
    try Self.translating("failed to remove network \(record.name)") {
      if let subnet = record.subnet, record.isBridge {
        try firewall.apply([Self.networkElement(subnet, .remove)])
        try links.release(subnet)
      }
    }
    dns.directory.remove(record.id)
    state.withLock { $0.networks[record.id] = nil }
  }

  /// The set element that lets a network's members talk to each other.
  static func networkElement(_ subnet: IPv4Subnet, _ action: Firewall.Change.Action) -> Firewall.Change {
    let first = NFTables.Field.ipv4(subnet.network.bits)
    let last = NFTables.Field.ipv4(subnet.last.bits)
    return Firewall.Change(
      action, FirewallRules.networks,
      [Firewall.Element(key: NFTables.bytes(first, first), keyEnd: NFTables.bytes(last, last))])
  }

  /// Options of docker's bridge driver that say no more than what always holds here.
  private static let standardOptions = [
    "com.docker.network.bridge.enable_icc": "true", "com.docker.network.bridge.enable_ip_masquerade": "true",
    "com.docker.network.bridge.default_bridge": "false", "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
  ]

  private static func check(_ options: [String: String]) throws {
    for (name, value) in options.sorted(by: { $0.key < $1.key }) where standardOptions[name] != value {
      guard name == mtuOption else {
        throw PlatformError(
          .notImplemented,
          "the network option '\(name.prefix(128))=\(value.prefix(64))' is not supported by this engine; leave it out")
      }
      _ = try mtu(parsing: value)
    }
  }

  static func mtu(parsing text: String) throws -> UInt32 {
    guard let value = UInt32(text), LinkWiring.acceptedMTU.contains(value) else {
      throw PlatformError(.invalidArgument, "invalid value '\(text.prefix(32))' for \(mtuOption)")
    }
    return value
  }

  private static func nowUnixNanoseconds() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
  }
}
