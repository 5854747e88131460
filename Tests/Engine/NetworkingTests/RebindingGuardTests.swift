import Testing

@testable import Model
@testable import Networking

@Suite("ATT-051 names outside that lead inside")
struct RebindingGuardTests {
  private static let own = IPv4Subnet(containing: IPv4Address(bits: 0xac1e_0000), prefixLength: 24)
  private static let own6 = IPv6Subnet(containing: IPv6Address(bits: 0xfd12 << 112), prefixLength: 64)

  private static func refuses(_ name: String, _ address: String, _ rebinding: RebindingGuard) throws -> Bool {
    let query = try DNSQuery(parsing: DNSMessageTests.query(name))
    let value: DNSAnswer.Value =
      if let address = IPv4Address(address) {
        .address(address)
      } else {
        .address6(try #require(SocketAddress(address, port: 0).flatMap(Self.address)))
      }
    return rebinding.refuses(
      DNSAnswer.make(to: query, [.address(IPv4Address(bits: 0xc000_0201)), value]), to: query, isOwn: own.contains,
      isOwn6: own6.contains)
  }

  /// IPv4 in disguise as well.
  private static func address(_ socket: SocketAddress) -> IPv6Address? {
    if case .ipv6(let octets, _) = socket { IPv6Address(octets: octets) } else { nil }
  }

  static let cases: [(name: String, address: String, byDefault: Bool, strictly: Bool)] = [
    ("a.example", "192.0.2.9", false, false), ("a.example", "2001:db8::1", false, false),
    ("a.example", "172.30.0.5", true, true), ("a.example", "fd12::5", true, true),
    ("a.example", "169.254.169.254", true, true), ("a.example", "fe80::1", true, true),
    ("a.example", "::ffff:172.30.0.5", true, true), ("a.example", "64:ff9b::172.30.0.5", true, true),
    ("a.example", "10.0.0.1", false, true), ("a.example", "192.168.1.1", false, true),
    ("a.example", "127.0.0.1", false, true), ("a.example", "100.64.0.1", false, true),
    ("a.example", "0.0.0.0", false, true), ("a.example", "::1", false, true), ("a.example", "::", false, true),
    ("a.example", "fd99::1", false, true), ("a.example", "::ffff:10.0.0.1", false, true),
    ("printer", "192.168.1.1", false, false), ("nas.lan", "192.168.1.1", false, false),
    ("nas.lan", "172.30.0.5", true, true), ("lan.example", "192.168.1.1", false, true),
    ("x.corp.example", "172.30.0.5", false, false), ("corp.example", "10.0.0.1", false, false),
    ("xcorp.example", "10.0.0.1", false, true),
  ]

  @Test(arguments: cases)
  func `an answer is refused for any of its addresses`(name: String, address: String, byDefault: Bool, strictly: Bool)
    throws
  {
    let domains = ["Corp.Example"]
    #expect(try Self.refuses(name, address, RebindingGuard(privateDomains: domains)) == byDefault)
    #expect(try Self.refuses(name, address, RebindingGuard(refused: .private, privateDomains: domains)) == strictly)
    #expect(try !Self.refuses(name, address, RebindingGuard(refused: .off)))
  }

  @Test func `what cannot be read to its end is refused, whatever it is`() throws {
    let query = try DNSQuery(parsing: DNSMessageTests.query("a.example"))
    let answer = DNSAnswer.make(to: query, [.address(IPv4Address(bits: 0xc000_0201))])
    for count in query.questionEnd..<answer.count {
      #expect(
        RebindingGuard().refuses(
          Array(answer.prefix(count)), to: query, isOwn: Self.own.contains, isOwn6: Self.own6.contains))
    }
    var random = SeededGenerator(seed: 0xd5)
    for _ in 0..<5_000 {
      var bytes = answer
      for _ in 0..<Int.random(in: 1...8, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0...255, using: &random)
      }
      _ = RebindingGuard().refuses(bytes, to: query, isOwn: Self.own.contains, isOwn6: Self.own6.contains)
    }
  }
}
