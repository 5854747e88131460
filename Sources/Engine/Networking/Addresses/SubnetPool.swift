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

  /// What a request's addresses say, checked against each other; nil where the request leaves the subnet open.
  static func requested(_ request: NetworkRequest) throws -> (IPv4Subnet, gateway: IPv4Address, range: IPv4Subnet?)? {
    guard let text = request.subnet, !text.isEmpty else {
      if request.gateway?.isEmpty == false || request.ipRange?.isEmpty == false {
        throw PlatformError(.invalidArgument, "a gateway or IP range needs the subnet it belongs to")
      }
      return nil
    }
    guard let subnet = IPv4Subnet(text) else {
      throw PlatformError(.invalidArgument, "invalid subnet '\(text.prefix(64))': expected an IPv4 address/length")
    }
    guard (8...30).contains(subnet.prefixLength) else {
      throw PlatformError(.invalidArgument, "invalid subnet \(subnet): the prefix length must be 8 to 30")
    }
    guard !subnet.network.isMulticastOrReserved, !subnet.network.isLoopback, subnet.network.bits >> 24 != 0 else {
      throw PlatformError(.invalidArgument, "invalid subnet \(subnet): not usable for hosts")
    }
    var gateway = IPv4Address(bits: subnet.network.bits + 1)
    if let text = request.gateway, !text.isEmpty {
      guard let address = IPv4Address(text) else {
        throw PlatformError(.invalidArgument, "invalid gateway '\(text.prefix(64))'")
      }
      guard subnet.contains(address), address != subnet.network, address != subnet.last else {
        throw PlatformError(.invalidArgument, "no matching subnet for gateway \(address)")
      }
      gateway = address
    }
    guard let text = request.ipRange, !text.isEmpty else { return (subnet, gateway, nil) }
    guard let range = IPv4Subnet(text) else {
      throw PlatformError(.invalidArgument, "invalid IP range '\(text.prefix(64))'")
    }
    guard subnet.contains(range) else {
      throw PlatformError(.invalidArgument, "no matching subnet for range \(range)")
    }
    return (subnet, gateway, range)
  }
}
