import Model

/// An IPv4 network: an address and the number of leading bits that its hosts share.
public struct IPv4Subnet: Sendable, Hashable, Codable, CustomStringConvertible {
  /// The first address; all bits after the prefix are zero.
  public let network: IPv4Address
  /// 0 to 32.
  public let prefixLength: Int

  /// Takes any address in the subnet; bits after the prefix are cleared. Traps for a prefix outside 0…32.
  public init(containing address: IPv4Address, prefixLength: Int) {
    precondition((0...32).contains(prefixLength), "prefix length out of range")
    self.prefixLength = prefixLength
    network = IPv4Address(bits: address.bits & Self.mask(prefixLength))
  }

  /// Parses `a.b.c.d/len`; host bits may be set, as docker allows, and are cleared. Nil for anything else.
  public init?(_ text: String) {
    guard let slash = text.firstIndex(of: "/"), let address = IPv4Address(String(text[..<slash])),
      let length = IPv4Address.decimal(text[text.index(after: slash)...].utf8, maximum: 32)
    else { return nil }
    self.init(containing: address, prefixLength: Int(length))
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let subnet = IPv4Subnet(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an IPv4 subnet")
    }
    self = subnet
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  private static func mask(_ length: Int) -> UInt32 { length == 0 ? 0 : ~0 << UInt32(32 - length) }

  public var description: String { "\(network)/\(prefixLength)" }
  /// The last address, the broadcast address of subnets larger than /31.
  public var last: IPv4Address { IPv4Address(bits: network.bits | ~Self.mask(prefixLength)) }
  /// Addresses in the subnet, those for network and broadcast included.
  public var count: UInt64 { UInt64(1) << UInt64(32 - prefixLength) }

  public func contains(_ address: IPv4Address) -> Bool { address.bits & Self.mask(prefixLength) == network.bits }
  public func contains(_ other: IPv4Subnet) -> Bool { other.prefixLength >= prefixLength && contains(other.network) }
  public func overlaps(_ other: IPv4Subnet) -> Bool { contains(other) || other.contains(self) }
}
