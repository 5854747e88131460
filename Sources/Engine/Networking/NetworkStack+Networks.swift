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
  ///   is free, `unavailable` for IPv6 where the host has none.
  public func createNetwork(_ request: NetworkRequest, existing: [NetworkRecord]) throws -> NetworkRecord {
    guard request.enableIPv6 || request.ipv6 == NetworkRequest.Pool() else {
      throw PlatformError(.invalidArgument, "an IPv6 subnet, gateway or range needs a network with IPv6 (--ipv6)")
    }
    guard existing.count < Self.maximumNetworks else {
      throw PlatformError(.resourceExhausted, "more than \(Self.maximumNetworks) networks")
    }
    try Self.check(request.options)
    var record = NetworkRecord(
      id: request.id ?? .random(), name: request.name, driver: request.driver, isInternal: request.isInternal,
      attachable: request.attachable, enableIPv6: request.enableIPv6, labels: request.labels, options: request.options,
      createdUnixNanoseconds: Self.nowUnixNanoseconds())
    switch request.driver {
    case "host", "null":
      state.withLock { $0.networks[record.id] = Network(record: record) }
      return record
    case "bridge": break
    default:
      throw PlatformError(
        .notImplemented, "network driver '\(request.driver.prefix(64))' is not supported: use bridge, host or null")
    }
    return try Self.translating("failed to create network \(request.name)") {
      let inMemory = state.withLock { $0.networks.values.map(\.record) }
      let others = existing + inMemory
      if request.enableIPv6 { record.ipv6 = try choosePool(request, others: others) }
      let known = Set(others.compactMap(\.subnet))
      if let pool = try SubnetPool.requested(request) {
        try requireFree(pool.subnet, others.compactMap { other in other.subnet.map { (other.name, $0) } })
        (record.subnet, record.gateway, record.ipRange) = (pool.subnet, pool.gateway, pool.range)
      } else {
        record.subnet = try claimFreeSubnet(isDefault: record.isDefault, known: known)
        record.gateway = record.subnet?.second
      }
      do {
        try install(record)
      } catch {
        try? release(record)
        throw error
      }
      return record
    }
  }

  /// A subnet that somebody has already would take his packets: a network of this or another engine, or the host itself.
  private func requireFree<Address: IPAddress>(
    _ subnet: Subnet<Address>, _ networks: [(name: String, subnet: Subnet<Address>)]
  ) throws {
    func fail(_ owner: String) -> PlatformError {
      PlatformError(
        .forbidden, "invalid pool request: Pool overlaps with other one on this address space: \(subnet) with \(owner)")
    }
    if let other = networks.first(where: { subnet.overlaps($0.subnet) }) {
      throw fail("\(other.subnet) of network '\(other.name)'")
    }
    let claimed: [Subnet<Address>] = try links.claimedSubnets(ofOthers: true)
    if let other = claimed.first(where: subnet.overlaps) { throw fail("\(other) of another engine") }
    if let other = try links.subnetsInUse(excludingOwn: true).first(where: subnet.overlaps) {
      throw fail("\(other), which the host itself has or reaches by a route of its own")
    }
  }

  /// The IPv6 addresses asked for, or some of our own.
  private func choosePool(
    _ request: NetworkRequest, others: [NetworkRecord]
  ) throws -> AddressPool<IPv6Address> {
    if let pool = try SubnetPool.requestedIPv6(request) {
      try requireFree(pool.subnet, others.compactMap { other in other.ipv6.map { (other.name, $0.subnet) } })
      return pool
    }
    let taken = try others.compactMap(\.ipv6?.subnet) + links.claimedSubnets(ofOthers: true)
    while true {
      let subnet = SubnetPool.randomUniqueLocal()
      if !taken.contains(where: subnet.overlaps) { return AddressPool(subnet: subnet, gateway: subnet.second) }
    }
  }

  /// Claims the first candidate that nobody uses. Another engine may take the same one at the same moment: then both
  /// see it and go on to the next.
  private func claimFreeSubnet(isDefault: Bool, known: Set<IPv4Subnet>) throws -> IPv4Subnet {
    let inUse = try links.subnetsInUse(excludingOwn: false) + known
    for candidate in SubnetPool.free(isDefault: isDefault, inUse: inUse) {
      try links.claim(candidate)
      let others: [IPv4Subnet] = try links.claimedSubnets(ofOthers: true)
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
        logger.notice("turned on net.ipv4.ip_forward, which containers need; nothing is passed on between other hosts")
      }
      try links.claim(subnet)
      if let pool = record.ipv6 {
        if try Forwarding.enableIPv6(stateDirectory: stateDirectory) {
          logger.notice(
            "turned on net.ipv6.conf.all.forwarding, which networks with IPv6 need; nothing is passed on between other hosts"
          )
        }
        try links.claim(pool.subnet)
      }
      try firewall.close(Forwarding.turnedOn(stateDirectory: stateDirectory))
      try firewall.apply(Self.networkElements(record, .add))
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
      let addresses6 = record.ipv6.map {
        AddressAllocator(subnet: $0.subnet, range: $0.range, gateway: $0.gateway, networkName: record.name)
      }
      state.networks[record.id] = Network(record: record, addresses: addresses, addresses6: addresses6)
    }
  }

  /// Takes a network's routes and elements out of the kernel; they need not be there.
  private func release(_ record: NetworkRecord) throws {
    guard let subnet = record.subnet, record.isBridge else { return }
    try firewall.apply(Self.networkElements(record, .remove))
    try links.release(subnet)
    if let pool = record.ipv6 { try links.release(pool.subnet) }
  }

  /// Removes a network from the kernel; it need not be there. Throws `forbidden` while it has endpoints.
  public func removeNetwork(_ record: NetworkRecord) throws {
    let isUsed = state.withLock { $0.endpoints.values.contains { $0.networkID == record.id } }
    guard !isUsed else {
      throw PlatformError(
        .forbidden, "error while removing network: network \(record.name) has active endpoints")
    }
    try Self.translating("failed to remove network \(record.name)") { try release(record) }
    dns.directory.remove(record.id)
    state.withLock { $0.networks[record.id] = nil }
  }

  /// The set elements that let a network's members talk to each other.
  static func networkElements(_ record: NetworkRecord, _ action: Firewall.Change.Action) -> [Firewall.Change] {
    func pair(_ first: NFTables.Field, _ last: NFTables.Field) -> Firewall.Element {
      Firewall.Element(key: NFTables.bytes(first, first), keyEnd: NFTables.bytes(last, last))
    }
    var changes: [Firewall.Change] = []
    if let subnet = record.subnet {
      let element = pair(.ipv4(subnet.network.bits), .ipv4(subnet.last.bits))
      changes.append(Firewall.Change(action, FirewallRules.networks, [element]))
    }
    if let subnet = record.ipv6?.subnet {
      let element = pair(.ipv6(subnet.network.bits), .ipv6(subnet.last.bits))
      changes.append(Firewall.Change(action, FirewallRules.networks6, [element]))
    }
    return changes
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
