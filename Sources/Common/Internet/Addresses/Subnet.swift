import LinuxSystem

/// An IP network: an address and the number of leading bits that its hosts share.
public struct Subnet<Address: IPAddress>: Sendable, Hashable, Codable, CustomStringConvertible {
  /// The first address; all bits after the prefix are zero.
  public let network: Address
  /// 0 to 32, or to 128.
  public let prefixLength: Int

  private static var width: Int { Address.Bits.bitWidth }

  /// Takes any address in the subnet; bits after the prefix are cleared. Traps for a prefix that the family has not.
  public init(containing address: Address, prefixLength: Int) {
    precondition((0...Self.width).contains(prefixLength), "prefix length out of range")
    self.prefixLength = prefixLength
    network = Address(bits: address.bits & Self.mask(prefixLength))
  }

  /// Parses `address/len`; host bits may be set, as docker allows, and are cleared. Nil for anything else.
  public init?(_ text: String) {
    guard let slash = text.firstIndex(of: "/"), let address = Address(String(text[..<slash])),
      let length = IPv4Address.decimal(text[text.index(after: slash)...].utf8, maximum: UInt32(Self.width))
    else { return nil }
    self.init(containing: address, prefixLength: Int(length))
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let subnet = Self(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "not an \(Address.familyName) subnet")
    }
    self = subnet
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  private static func mask(_ length: Int) -> Address.Bits { length == 0 ? 0 : ~0 << Address.Bits(width - length) }

  public var description: String { "\(network)/\(prefixLength)" }
  /// The last address, the broadcast address of IPv4 subnets larger than /31.
  public var last: Address { Address(bits: network.bits | ~Self.mask(prefixLength)) }
  /// The address after the first, where the gateway is unless another is asked for. The prefix is shorter than the address.
  public var second: Address { Address(bits: network.bits | 1) }
  /// Addresses in the subnet, those for network and broadcast included; `UInt64.max` for more.
  public var count: UInt64 {
    let bits = Self.width - prefixLength
    return bits < 64 ? UInt64(1) << UInt64(bits) : .max
  }

  public func contains(_ address: Address) -> Bool { address.bits & Self.mask(prefixLength) == network.bits }
  public func contains(_ other: Self) -> Bool { other.prefixLength >= prefixLength && contains(other.network) }
  public func overlaps(_ other: Self) -> Bool { contains(other) || other.contains(self) }
}

public typealias IPv4Subnet = Subnet<IPv4Address>
public typealias IPv6Subnet = Subnet<IPv6Address>
