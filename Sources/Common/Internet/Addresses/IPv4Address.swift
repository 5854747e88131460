import LinuxSystem

/// An IPv4 address.
public struct IPv4Address: IPAddress {
  public let bits: UInt32

  public static let familyName = "IPv4"

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
  public static func decimal(_ digits: some Collection<UInt8>, maximum: UInt32) -> UInt32? {
    guard !digits.isEmpty, digits.count <= 9, digits.count == 1 || digits.first != UInt8(ascii: "0") else { return nil }
    var value: UInt32 = 0
    for digit in digits {
      guard digit >= 48, digit <= 57 else { return nil }
      value = value * 10 + UInt32(digit - 48)
    }
    return value <= maximum ? value : nil
  }

  public var description: String { "\(bits >> 24).\(bits >> 16 & 255).\(bits >> 8 & 255).\(bits & 255)" }

  public static let loopback = IPv4Address(bits: 0x7f00_0001)

  /// In 127.0.0.0/8.
  public var isLoopback: Bool { bits >> 24 == 127 }
  /// In 224.0.0.0/4 or above it.
  public var isMulticastOrReserved: Bool { bits >= 0xe000_0000 }
}
