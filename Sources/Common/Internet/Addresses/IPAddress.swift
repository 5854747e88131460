import LinuxSystem

/// An address of one of the two families, written as text in records.
public protocol IPAddress: Sendable, Hashable, Comparable, Codable, LosslessStringConvertible {
  /// 32 or 128 bits, in host byte order.
  associatedtype Bits: AddressBits

  var bits: Bits { get }
  init(bits: Bits)

  /// `IPv4` or `IPv6`.
  static var familyName: String { get }
}

extension IPAddress {
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    guard let address = Self(try container.decode(String.self)) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an \(Self.familyName) address")
    }
    self = address
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  /// The bytes in network order.
  public var octets: [UInt8] {
    let width = Bits.bitWidth
    return stride(from: width - 8, through: 0, by: -8).map { UInt8(truncatingIfNeeded: bits >> Bits($0)) }
  }

  public static func < (left: Self, right: Self) -> Bool { left.bits < right.bits }

  /// All bits zero: every address of the family.
  public static var any: Self { Self(bits: 0) }
}
