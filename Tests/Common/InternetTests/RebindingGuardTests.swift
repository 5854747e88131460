import TestNetwork
import Testing

@testable import Internet

@Suite("ATT-051 names outside that lead inside")
struct RebindingGuardTests {
  private static let own = IPv4Subnet(containing: IPv4Address(bits: 0xac1e_0000), prefixLength: 24)
  private static let own6 = IPv6Subnet(containing: IPv6Address(bits: 0xfd12 << 112), prefixLength: 64)

  private static func refuses(_ name: String, _ address: String, _ rebinding: RebindingGuard) throws -> Bool {
    let query = try DNSQuery(parsing: TestQuestion.bytes(name))
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
    ("a.example", "::ffff:0:172.30.0.5", true, true), ("a.example", "64:ff9b:1::172.30.0.5", true, true),
    ("a.example", "2002:ac1e:5::1", true, true), ("a.example", "2002:c000:209::1", false, false),
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

  /// A record of type HTTPS (RFC 9460): priority 1, the target `.`, and hints.
  @Test func `hints of services are addresses, too`() throws {
    func refuses(_ type: UInt8, _ parameters: [UInt8]) throws -> Bool {
      let query = try DNSQuery(parsing: TestQuestion.bytes("a.example"))
      var answer = DNSAnswer.make(to: query, [])
      answer[7] = 1
      let data: [UInt8] = [0, 1, 0] + parameters
      answer += [0xc0, 12, 0, type, 0, 1, 0, 0, 0, 60, 0, UInt8(data.count)] + data
      return RebindingGuard().refuses(answer, to: query, isOwn: Self.own.contains, isOwn6: Self.own6.contains)
    }
    for type: UInt8 in [64, 65] {
      #expect(try !refuses(type, [0, 4, 0, 4, 192, 0, 2, 9]))
      #expect(try refuses(type, [0, 1, 0, 3, 2, 104, 50, 0, 4, 0, 8, 192, 0, 2, 9, 172, 30, 0, 5]))
      #expect(try refuses(type, [0, 6, 0, 16, 0xfd, 0x12] + [UInt8](repeating: 0, count: 13) + [5]))
      #expect(try refuses(type, [0, 4, 0, 3, 192, 0, 2]) && refuses(type, [0, 4, 0, 9, 192]))
    }
  }

  @Test func `what cannot be read to its end is refused, whatever it is`() throws {
    let query = try DNSQuery(parsing: TestQuestion.bytes("a.example"))
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
