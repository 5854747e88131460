import Model

/// Chooses subnets for new networks.
public enum SubnetPool {
  /// Subnets for the default network, best first.
  static let defaultNetworkCandidates: [IPv4Subnet] =
    (24...30).reversed().map { IPv4Subnet(containing: IPv4Address(bits: 172 << 24 | $0 << 16), prefixLength: 16) }
    + userNetworkCandidates

  /// Subnets for networks that users create without one: /20s (4,096 addresses each) of private blocks that few use.
  static let userNetworkCandidates: [IPv4Subnet] =
    blocks(of: 20, in: IPv4Subnet(containing: IPv4Address(bits: 0xac14_0000), prefixLength: 14))
    + blocks(of: 20, in: IPv4Subnet(containing: IPv4Address(bits: 0xac18_0000), prefixLength: 14))
    + blocks(of: 20, in: IPv4Subnet(containing: IPv4Address(bits: 0x0ae0_0000), prefixLength: 11))

  static func blocks(of length: Int, in outer: IPv4Subnet) -> [IPv4Subnet] {
    let step = UInt32(1) << UInt32(32 - length)
    return (0..<UInt32(1) << UInt32(length - outer.prefixLength)).map {
      IPv4Subnet(containing: IPv4Address(bits: outer.network.bits + $0 * step), prefixLength: length)
    }
  }

  /// The candidates that overlap nothing in use, best first.
  public static func free(isDefault: Bool, inUse: [IPv4Subnet]) -> some Sequence<IPv4Subnet> {
    (isDefault ? defaultNetworkCandidates : userNetworkCandidates).lazy.filter { candidate in
      !inUse.contains { $0.overlaps(candidate) }
    }
  }

  /// A /64 of addresses that nobody else has: its 40 bits after fd are random, as RFC 4193, section 3.2.2 wants them.
  static func randomUniqueLocal() -> IPv6Subnet {
    let random = UInt128(UInt64.random(in: 0..<1 << 40))
    return IPv6Subnet(containing: IPv6Address(bits: 0xfd << 120 | random << 80), prefixLength: 64)
  }

  /// What nobody has outside: RFC 1918, RFC 6598, RFC 2544, RFC 5737; RFC 4193, RFC 3849.
  private static let inside = [
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15", "192.0.2.0/24",
    "198.51.100.0/24", "203.0.113.0/24", "fc00::/7", "2001:db8::/32",
  ]

  /// Refuses subnets of others outside: the host would send to containers what is meant for them.
  ///
  /// - Parameters:
  ///   - text: of a request; what is no subnet is told elsewhere.
  ///   - permitted: subnets of the outside that networks may have all the same, or lie in.
  /// - Throws: `forbidden` for the subnet, `invalidArgument` for what is permitted and no subnet.
  public static func check(_ text: String?, permitted: [String]) throws {
    func isPermitted<Address: IPAddress>(_ subnet: Subnet<Address>) -> Bool {
      (inside + permitted).contains { Subnet<Address>($0)?.contains(subnet) == true }
    }
    if let wrong = permitted.first(where: { IPv4Subnet($0) == nil && IPv6Subnet($0) == nil }) {
      throw PlatformError(
        .invalidArgument,
        "'networks.subnets' of the policy must name subnets such as 10.0.0.0/8, not '\(wrong.prefix(64))'")
    }
    guard let text, !(IPv4Subnet(text).map(isPermitted) ?? IPv6Subnet(text).map(isPermitted) ?? true) else { return }
    throw PlatformError(
      .forbidden,
      "the subnet \(text) has addresses of others outside, which this host would reach no more: take a private one, or have the policy permit it (networks.subnets)"
    )
  }

  /// What a request's IPv4 addresses say, checked against each other; nil where the request leaves the subnet open.
  static func requested(_ request: NetworkRequest) throws -> AddressPool<IPv4Address>? {
    let wish = NetworkRequest.Pool(subnet: request.subnet, gateway: request.gateway, ipRange: request.ipRange)
    return try checked(wish, lengths: 8...30) { (subnet: IPv4Subnet) in
      !subnet.network.isMulticastOrReserved && !subnet.network.isLoopback && subnet.network.bits >> 24 != 0
    }
  }

  /// The same of its IPv6 addresses.
  static func requestedIPv6(_ request: NetworkRequest) throws -> AddressPool<IPv6Address>? {
    try checked(request.ipv6, lengths: 48...126) { (subnet: IPv6Subnet) in
      subnet.network.isUniqueLocal || subnet.network.isGlobalUnicast
    }
  }

  private static func checked<Address>(
    _ wish: NetworkRequest.Pool, lengths: ClosedRange<Int>, isUsable: (Subnet<Address>) -> Bool
  ) throws -> AddressPool<Address>? {
    guard let text = wish.subnet, !text.isEmpty else {
      if wish.gateway?.isEmpty == false || wish.ipRange?.isEmpty == false {
        throw PlatformError(.invalidArgument, "a gateway or IP range needs the subnet it belongs to")
      }
      return nil
    }
    guard let subnet = Subnet<Address>(text) else {
      throw PlatformError(
        .invalidArgument, "invalid subnet '\(text.prefix(64))': expected an \(Address.familyName) address/length")
    }
    try requireNoHostBits(text, subnet, "subnet")
    guard lengths.contains(subnet.prefixLength) else {
      throw PlatformError(
        .invalidArgument,
        "invalid subnet \(subnet): the prefix length must be \(lengths.lowerBound) to \(lengths.upperBound)")
    }
    guard isUsable(subnet) else {
      throw PlatformError(.invalidArgument, "invalid subnet \(subnet): not usable for hosts")
    }
    var pool = AddressPool(subnet: subnet, gateway: subnet.second)
    if let text = wish.gateway, !text.isEmpty {
      guard let address = Address(text) else {
        throw PlatformError(.invalidArgument, "invalid gateway '\(text.prefix(64))'")
      }
      guard subnet.contains(address), address != subnet.network, address != subnet.last else {
        throw PlatformError(.invalidArgument, "no matching subnet for gateway \(address)")
      }
      pool.gateway = address
    }
    guard let text = wish.ipRange, !text.isEmpty else { return pool }
    guard let range = Subnet<Address>(text) else {
      throw PlatformError(.invalidArgument, "invalid IP range '\(text.prefix(64))'")
    }
    try requireNoHostBits(text, range, "IP range")
    guard subnet.contains(range) else {
      throw PlatformError(.invalidArgument, "no matching subnet for range \(range)")
    }
    pool.range = range
    return pool
  }

  /// An address of a host is not taken for its network's: as docker since API 1.44, for all versions.
  private static func requireNoHostBits<Address>(_ text: String, _ subnet: Subnet<Address>, _ what: String) throws {
    guard Address(String(text.prefix { $0 != "/" })) != subnet.network else { return }
    throw PlatformError(.invalidArgument, "invalid \(what) \(text.prefix(64)): it should be \(subnet)")
  }
}
