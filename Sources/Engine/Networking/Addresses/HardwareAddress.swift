import Model

/// A 48-bit Ethernet address.
public struct HardwareAddress: Sendable, Hashable, CustomStringConvertible {
  /// Six bytes.
  public let octets: [UInt8]

  /// Parses six pairs of hexadecimal digits with colons or hyphens; nil for anything else and for addresses that no
  /// single station may have (multicast, all zero).
  public init?(_ text: String) {
    let separator: Character = text.contains("-") ? "-" : ":"
    let parts = text.split(separator: separator, omittingEmptySubsequences: false)
    guard parts.count == 6 else { return nil }
    var octets: [UInt8] = []
    for part in parts {
      guard part.utf8.count == 2, part.utf8.allSatisfy(\.isHexDigit), let octet = UInt8(part, radix: 16) else {
        return nil
      }
      octets.append(octet)
    }
    guard octets[0] & 1 == 0, octets.contains(where: { $0 != 0 }) else { return nil }
    self.octets = octets
  }

  /// The address that docker derives from an IPv4 address: 02:42 and the four bytes.
  public init(derivedFrom address: IPv4Address) {
    octets = [0x02, 0x42] + address.octets
  }

  public var description: String {
    octets.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":")
  }
}

extension UInt8 {
  var isHexDigit: Bool { (48...57).contains(self) || (97...102).contains(self) || (65...70).contains(self) }
}
