import Glibc
import LinuxSystem

/// An IPv6 address without zone.
public struct IPv6Address: IPAddress {
  public let bits: UInt128

  public static let familyName = "IPv6"

  public init(bits: UInt128) { self.bits = bits }

  /// Parses the forms of RFC 4291, section 2.2; nil for anything else, zones and IPv4-mapped addresses (which are IPv4
  /// in disguise) among them.
  public init?(_ text: String) {
    guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
    var raw = in6_addr()
    guard inet_pton(AF_INET6, text, &raw) == 1 else { return nil }
    let bits = withUnsafeBytes(of: raw) { $0.reduce(UInt128(0)) { $0 << 8 | UInt128($1) } }
    guard bits >> 32 != 0xffff else { return nil }
    self.bits = bits
  }

  /// Takes the sixteen bytes of an address; nil for any other number of them.
  public init?(octets: [UInt8]) {
    guard octets.count == 16 else { return nil }
    bits = octets.reduce(0) { $0 << 8 | UInt128($1) }
  }

  /// The short form of RFC 5952.
  public var description: String {
    octets.withUnsafeBytes { raw in
      withUnsafeTemporaryAllocation(of: CChar.self, capacity: Int(INET6_ADDRSTRLEN)) { buffer in
        guard let base = buffer.baseAddress,
          inet_ntop(AF_INET6, raw.baseAddress, base, socklen_t(INET6_ADDRSTRLEN)) != nil
        else { return "::" }
        return String(cString: base)
      }
    }
  }

  public static let loopback = IPv6Address(bits: 1)

  /// In fc00::/7, the addresses that no one routes between sites (RFC 4193).
  public var isUniqueLocal: Bool { bits >> 121 == 0xfc >> 1 }
  /// In 2000::/3, what is given out to the world (RFC 4291, section 2.4).
  public var isGlobalUnicast: Bool { bits >> 125 == 0b001 }
}
