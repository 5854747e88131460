/// Which addresses answers of name servers may not have: a name of somebody outside must not lead a program past its list
/// of trusted names to what is inside (DNS rebinding).
public struct RebindingGuard: Sendable, Equatable {
  public enum Refused: String, Sendable, CaseIterable {
    /// Addresses of the engine's own networks, and link-local ones, which no server outside has to tell.
    case containers
    /// Those, and all private, shared, loopback and unspecified ones, unless the name is a private one.
    case `private`
    case off
  }

  public var refused: Refused
  /// Domains that may have every address, such as `corp.example`: themselves and all below.
  public var privateDomains: [String]

  public init(refused: Refused = .containers, privateDomains: [String] = []) {
    self.refused = refused
    self.privateDomains = privateDomains.map { $0.lowercased() }
  }

  /// Domains that nobody can have outside (RFC 6761, RFC 6762 appendix G, RFC 8375).
  private static let localDomains = [
    "localhost", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa", "test",
  ]
  private static let linkLocal = IPv4Subnet(containing: IPv4Address(bits: 0xa9fe_0000), prefixLength: 16)
  private static let privateSubnets = [
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
  ].compactMap { IPv4Subnet($0) }

  /// Whether an answer has an address that it must not have, or cannot be read to its end.
  ///
  /// - Parameters:
  ///   - isOwn: whether an address is of one of the engine's networks.
  public func refuses(
    _ answer: [UInt8], to query: DNSQuery, isOwn: (IPv4Address) -> Bool, isOwn6: (IPv6Address) -> Bool = { _ in false }
  ) -> Bool {
    guard refused != .off, !isUnder(privateDomains, query.name) else { return false }
    let isStrict = refused == .private && !isPrivate(query.name)
    func isRefused(_ address: IPv4Address) -> Bool {
      Self.linkLocal.contains(address) || isOwn(address)
        || isStrict && Self.privateSubnets.contains { $0.contains(address) }
    }
    func isRefused(_ address: IPv6Address) -> Bool {
      if let inner = Self.embedded(in: address) { return isRefused(inner) }
      return address.bits >> 118 == 0xfe80 >> 6 || isOwn6(address)
        || isStrict && (address.isUniqueLocal || address.bits <= 1)
    }
    guard let addresses = Self.addresses(in: answer, from: query.questionEnd) else { return true }
    return addresses.contains { octets in
      octets.count == 4
        ? isRefused(IPv4Address(bits: octets.reduce(0) { $0 << 8 | UInt32($1) }))
        : IPv6Address(octets: octets).map { isRefused($0) } ?? true
    }
  }

  /// IPv4 in disguise: mapped and compatible (RFC 4291), translated (RFC 2765; RFC 6052, RFC 8215), and 6to4 (RFC 3056).
  private static func embedded(in address: IPv6Address) -> IPv4Address? {
    let bits = address.bits
    let upper = bits >> 32
    let isAtEnd =
      upper == 0xffff || upper == 0xffff_0000 || upper == 0x0064_ff9b << 64 || bits >> 80 == 0x0064_ff9b_0001
      || upper == 0 && bits > 1
    if isAtEnd { return IPv4Address(bits: UInt32(truncatingIfNeeded: bits)) }
    return bits >> 112 == 0x2002 ? IPv4Address(bits: UInt32(truncatingIfNeeded: bits >> 80)) : nil
  }

  private func isPrivate(_ name: String?) -> Bool {
    // A name without a dot is of no domain outside.
    name.map { !$0.contains(".") } ?? false || isUnder(Self.localDomains, name)
  }

  private func isUnder(_ domains: [String], _ name: String?) -> Bool {
    guard let name else { return false }
    return domains.contains { name == $0 || name.hasSuffix("." + $0) }
  }

  /// The addresses that a record of a service gives along, `ipv4hint` and `ipv6hint` (RFC 9460, section 7.3); nil where it is
  /// malformed.
  private static func hints(in answer: [UInt8], from start: Int, to end: Int) -> [[UInt8]]? {
    // A priority, and the name of the target, which is not compressed.
    guard var position = DNSMessage.endOfAnyName(answer, at: start + 2), position <= end else { return nil }
    var found: [[UInt8]] = []
    while position < end {
      guard let key = DNSMessage.number(answer, at: position), let length = DNSMessage.number(answer, at: position + 2),
        position + 4 + Int(length) <= end
      else { return nil }
      let value = Array(answer[(position + 4)..<(position + 4 + Int(length))])
      if let size = [4: 4, 6: 16][key] {
        guard value.count.isMultiple(of: size) else { return nil }
        found += stride(from: 0, to: value.count, by: size).map { Array(value[$0..<($0 + size)]) }
      }
      position += 4 + Int(length)
    }
    return found
  }

  /// The addresses of all records of an answer, aliases' and additional ones included; nil where it is malformed.
  private static func addresses(in answer: [UInt8], from start: Int) -> [[UInt8]]? {
    guard let questions = DNSMessage.number(answer, at: 4), let answers = DNSMessage.number(answer, at: 6),
      let authorities = DNSMessage.number(answer, at: 8), let additional = DNSMessage.number(answer, at: 10)
    else { return nil }
    // A server that could not read the question need not repeat it.
    var position = questions == 0 ? DNSMessage.headerBytes : start
    var found: [[UInt8]] = []
    for _ in 0..<Int(answers) + Int(authorities) + Int(additional) {
      guard let end = DNSMessage.endOfAnyName(answer, at: position), let type = DNSMessage.number(answer, at: end),
        let length = DNSMessage.number(answer, at: end + 8), end + 10 + Int(length) <= answer.count
      else { return nil }
      let data = answer[(end + 10)..<(end + 10 + Int(length))]
      if type == DNSMessage.RecordType.a || type == DNSMessage.RecordType.aaaa {
        guard data.count == (type == DNSMessage.RecordType.a ? 4 : 16) else { return nil }
        found.append(Array(data))
      } else if type == DNSMessage.RecordType.svcb || type == DNSMessage.RecordType.https {
        guard let hints = hints(in: answer, from: end + 10, to: end + 10 + Int(length)) else { return nil }
        found += hints
      }
      position = end + 10 + Int(length)
    }
    return found
  }
}
