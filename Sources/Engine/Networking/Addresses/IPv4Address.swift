/// An IPv4 address.
public struct IPv4Address: Sendable, Hashable, Comparable, Codable, CustomStringConvertible {
  /// The 32 bits, in host byte order.
  public let bits: UInt32

  public init(bits: UInt32) { self.bits = bits }

  /// Parses four decimal numbers with dots; nil for anything else (no leading zeros, signs, spaces or short forms).
  public init?(_ text: String) {
    guard text.utf8.count <= 15 else { return nil }
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var bits: UInt32 = 0
    for part in parts {
      guard let octet = Self.decimal(part, maximum: 255) else { return nil }
      bits = bits << 8 | octet
    }
    self.bits = bits
  }

  /// Reads an unsigned decimal number without leading zeros; nil above `maximum` or for any other character.
  static func decimal(_ digits: some Collection<UInt8>, maximum: UInt32) -> UInt32? {
    guard !digits.isEmpty, digits.count <= 9, digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
    var value: UInt32 = 0
    for digit in digits {
      guard digit >= 48, digit <= 57 else { return nil }
      value = value * 10 + UInt32(digit - 48)
    }
    return value <= maximum ? value : nil
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let address = IPv4Address(text) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "not an IPv4 address")
    }
    self = address
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  public var description: String { "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)" }

  /// The four bytes in network order.
  public var octets: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: bits >> (24 - 8 * $0)) } }

  public static func < (left: IPv4Address, right: IPv4Address) -> Bool { left.bits < right.bits }

  public static let any = IPv4Address(bits: 0)
  public static let loopback = IPv4Address(bits: 0x7f00_0001)

  /// In 127.0.0.0/8.
  public var isLoopback: Bool { bits >> 24 == 127 }
  /// In 224.0.0.0/4 or above it.
  public var isMulticastOrReserved: Bool { bits >= 0xe000_0000 }
}
