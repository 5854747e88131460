import TestNetwork
import Testing

@testable import Internet

@Suite("Answers of servers")
struct DNSReplyTests {
  /// An answer about `www.example.org` with records that are written out: an alias, compressed, and an address of it.
  private static let aliased: [UInt8] =
    [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0]
    + [3, 119, 119, 119, 7, 101, 120, 97, 109, 112, 108, 101, 3, 111, 114, 103, 0, 0, 1, 0, 1]
    // www.example.org CNAME Web + pointer to example.org
    + [0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 6, 3, 87, 101, 98, 0xc0, 16]
    // pointer to that name, A 192.0.2.1
    + [0xc0, 45, 0, 1, 0, 1, 0, 0, 0, 20, 0, 4, 192, 0, 2, 1]

  @Test func `compressed names are followed`() throws {
    let reply = try #require(DNSReply(parsing: Self.aliased))
    #expect(reply.answers.map(\.owner) == ["www.example.org", "web.example.org"])
    #expect(reply.answers.map(\.value) == [.alias("web.example.org"), .address(IPv4Address(bits: 0xc000_0201))])
    #expect(reply.timeToLiveSeconds == 20)
    let chain = reply.chain(from: "www.example.org", type: DNSMessage.RecordType.a)
    #expect(chain.map(\.owner) == ["www.example.org", "web.example.org"])
    #expect(reply.chain(from: "other.example.org", type: DNSMessage.RecordType.a).isEmpty)
  }

  @Test func `a circle of aliases ends`() throws {
    let query = try DNSQuery(parsing: TestQuestion.bytes("a.example"))
    let answer = DNSAnswer.make(
      to: query, answers: [.init(.alias("b.example")), .init(.alias("a.example"), owner: "b.example")])
    let reply = try #require(DNSReply(parsing: answer))
    #expect(reply.chain(from: "a.example", type: DNSMessage.RecordType.a).count == 3)
  }

  @Test func `pointers lead backwards only, and what is cut is refused`() throws {
    var forward = Self.aliased
    forward[50] = 60
    #expect(DNSReply(parsing: forward)?.answers.last?.owner == nil)
    var own = Self.aliased
    own[50] = 45
    #expect(DNSReply(parsing: own)?.answers.last?.owner == nil)
    for count in 0..<Self.aliased.count {
      #expect(DNSReply(parsing: Array(Self.aliased.prefix(count))) == nil, "\(count)")
    }
  }

  @Test func `damaged answers never break the reader`() {
    var random = SeededGenerator(seed: 0xd5e)
    for _ in 0..<20_000 {
      var bytes = Self.aliased
      for _ in 0..<Int.random(in: 1...5, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0 ... .max, using: &random)
      }
      guard let reply = DNSReply(parsing: bytes) else { continue }
      #expect((reply.answers + reply.authority + reply.additional).allSatisfy { $0.timeOffset + 4 <= bytes.count })
      _ = reply.chain(from: "www.example.org", type: DNSMessage.RecordType.a)
    }
  }
}

@Suite("Answers that are kept")
struct DNSCacheTests {
  private static let start = ContinuousClock.now

  private static func query(_ name: String, id: UInt16 = 1, udpBytes: UInt16? = nil) throws -> DNSQuery {
    try DNSQuery(parsing: TestQuestion.bytes(name, id: id, udpBytes: udpBytes))
  }

  private static func answer(_ query: DNSQuery, code: DNSMessage.ResponseCode = .noError) -> [UInt8] {
    DNSAnswer.make(to: query, [.address(.loopback)], code: code)
  }

  @Test func `an answer is given again with the client's number and spelling, and what is left of its time`() throws {
    let cache = DNSCache()
    let first = try Self.query("web.example")
    cache.keep(Self.answer(first), to: first, at: Self.start)
    let second = try Self.query("WEB.Example", id: 0x0203)
    let given = try #require(cache.answer(to: second, at: Self.start + .seconds(2)))
    #expect(second.isAnswered(by: given, id: 0x0203))
    #expect(given[DNSMessage.headerBytes + 1] == UInt8(ascii: "W"))
    #expect(DNSReply(parsing: given)?.timeToLiveSeconds == DNSAnswer.timeToLiveSeconds - 2)
    #expect(cache.answer(to: second, at: Self.start + .seconds(5)) == nil)
    #expect(cache.answer(to: try Self.query("web.example", udpBytes: 512), at: Self.start) == nil)
  }

  @Test func `failures, cut answers and those of other questions are not kept`() throws {
    let cache = DNSCache()
    let query = try Self.query("a.example")
    for bytes in [
      Self.answer(query, code: .serverFailure), DNSAnswer.truncated(to: query), DNSAnswer.make(to: query, []),
      Self.answer(try Self.query("b.example")), [], Array(Self.answer(query).dropLast()),
    ] {
      cache.keep(bytes, to: query, at: Self.start)
      #expect(cache.answer(to: query, at: Self.start) == nil)
    }
  }

  @Test func `that a name does not exist is kept as long as its zone says`() throws {
    let cache = DNSCache()
    let query = try Self.query("nope.example")
    let zone = DNSAnswer.Record(
      .authority(server: "ns.example", mailbox: "root.example", serial: 1, minimumSeconds: 5), owner: "example")
    cache.keep(
      DNSAnswer.make(to: query, answers: [], authority: [zone], code: .noSuchName), to: query, at: Self.start)
    #expect(cache.answer(to: query, at: Self.start + .seconds(4)).map { $0[3] & 15 } == 3)
  }

  @Test func `what was kept first goes where there are too many or too long ones`() throws {
    let cache = DNSCache(bounds: .init(entries: 3))
    let queries = try (0..<5).map { try Self.query("q\($0).example") }
    for query in queries {
      cache.keep(Self.answer(query), to: query, at: Self.start)
      // A second time: its place in the order is the last one.
      cache.keep(Self.answer(queries[0]), to: queries[0], at: Self.start)
    }
    #expect(queries.map { cache.answer(to: $0, at: Self.start) != nil } == [true, false, false, true, true])
    let small = DNSCache(bounds: .init(sizeBytes: 2_000))
    for query in queries { small.keep(Self.answer(query), to: query, at: Self.start) }
    #expect(small.answer(to: queries[4], at: Self.start) != nil)
    let long = DNSAnswer.make(to: queries[4], (0..<60).map { .address(IPv4Address(bits: $0)) })
    small.keep(long, to: queries[4], at: Self.start)
    #expect(small.answer(to: queries[4], at: Self.start).map(\.count) != long.count)
  }
}
