import Glibc
import Internet

/// How far inside an address lies, seen from this machine. What comes from outside must not lead further in (ATT-022).
enum AddressZone: Int, Sendable, Comparable {
  case `public` = 0
  /// Private and shared ranges, unique local addresses (RFC 1918, 4193, 6598).
  case `private` = 1
  /// This machine, and what no peer has: unspecified, multicast, reserved.
  case loopback = 2
  /// Link-local, where clouds keep the metadata of machines (169.254.0.0/16, fe80::/10).
  case linkLocal = 3

  static func < (left: AddressZone, right: AddressZone) -> Bool { left.rawValue < right.rawValue }

  /// Whether something that an address of this zone said may lead to an address of another.
  func mayLead(to target: AddressZone) -> Bool { target != .linkLocal && target <= self }

  /// The zone of an address in text; nil for a name.
  init?(address text: String) {
    var v4 = in_addr()
    if inet_pton(AF_INET, text, &v4) == 1 {
      self.init(v4: UInt32(bigEndian: v4.s_addr))
      return
    }
    var v6 = in6_addr()
    guard inet_pton(AF_INET6, text, &v6) == 1 else { return nil }
    let bytes = withUnsafeBytes(of: &v6) { Array($0) }
    // IPv4 in other clothes: mapped (::ffff/96), compatible (::/96), NAT64 (64:ff9b::/96), 6to4 (2002::/16).
    let isLow = bytes[..<10].allSatisfy { $0 == 0 }
    let low = bytes[12...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    if isLow, bytes[10] == 0xFF, bytes[11] == 0xFF {
      self.init(v4: low)
    } else if isLow, bytes[10] == 0, bytes[11] == 0 {
      if low <= 1 { self = .loopback } else { self.init(v4: low) }
    } else if bytes[..<12].elementsEqual([0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0]) {
      self.init(v4: low)
    } else if bytes[0] == 0x20, bytes[1] == 0x02 {
      self.init(v4: bytes[2..<6].reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
    } else if bytes[0] == 0xFE, bytes[1] & 0xC0 == 0x80 {
      self = .linkLocal
    } else if bytes[0] & 0xFE == 0xFC || bytes[0] == 0xFE && bytes[1] & 0xC0 == 0xC0 {
      self = .private
    } else if bytes[0] == 0xFF {
      self = .loopback
    } else {
      self = .public
    }
  }

  private init(v4 address: UInt32) {
    func isIn(_ network: UInt32, _ bits: UInt32) -> Bool { address >> (32 - bits) == network >> (32 - bits) }
    if isIn(0xA9FE_0000, 16) {
      self = .linkLocal
    } else if isIn(0x7F00_0000, 8) || isIn(0, 8) || address >= 0xE000_0000 {
      self = .loopback
    } else if isIn(0x0A00_0000, 8) || isIn(0xAC10_0000, 12) || isIn(0xC0A8_0000, 16) || isIn(0x6440_0000, 10) {
      self = .private
    } else {
      self = .public
    }
  }
}

/// The addresses of a host.
struct ResolvedHost: Sendable {
  /// In text, at least one.
  var addresses: [String]
  /// Of all addresses, the one that lies furthest out: what it may lead to is decided by this.
  var outermost: AddressZone
  /// The one that lies furthest in: whether something may lead to it is decided by this.
  var innermost: AddressZone

  init?(addresses: [String]) {
    let zones = addresses.compactMap(AddressZone.init(address:))
    guard let outermost = zones.min(), let innermost = zones.max() else { return nil }
    self.addresses = addresses
    self.outermost = outermost
    self.innermost = innermost
  }

  /// Asks the system's resolver. Blocks.
  static func lookUp(_ host: String) throws(RegistryFailure) -> ResolvedHost {
    if AddressZone(address: host) != nil, let one = ResolvedHost(addresses: [host]) { return one }
    let found: [SocketAddress]
    do { found = try SocketAddress.lookUp(host, port: 0, atMost: 64) } catch {
      throw RegistryFailure(.unreachable, error.description)
    }
    guard let resolved = ResolvedHost(addresses: found.map(\.host)) else {
      throw RegistryFailure(.unreachable, "cannot find '\(host)': it has no address")
    }
    return resolved
  }
}
