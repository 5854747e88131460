import TestNetwork
import Testing

@testable import Internet

@Suite("DNS messages")
struct DNSMessageTests {
  @Test func `a query is read with its name in lower case`() throws {
    let query = try DNSQuery(parsing: TestQuestion.bytes("Db.Example", udpBytes: 1_232))
    #expect(query.name == "db.example")
    #expect(query.id == 0x1234)
    #expect(query.type == DNSMessage.RecordType.a)
    #expect(query.udpLimit == 1_232)
    #expect(query.hasOptions)
  }

  @Test(arguments: [(nil, 512), (0, 512), (100, 512), (512, 512), (4_096, 4_096), (65_535, 4_096)])
  func `a client's limit is kept within bounds`(asked: UInt16?, limit: Int) throws {
    #expect(try DNSQuery(parsing: TestQuestion.bytes("a", udpBytes: asked)).udpLimit == limit)
  }

  @Test func `bad messages are dropped or refused`() {
    let good = TestQuestion.bytes("name")
    var response = good
    response[2] |= 0x80
    var status = good
    status[2] |= 0x10
    var twoQuestions = good
    twoQuestions[5] = 2
    var pointer = Array(good.prefix(DNSMessage.headerBytes))
    pointer += [0xc0, 0x0c, 0, 1, 0, 1]
    var longName = Array(good.prefix(DNSMessage.headerBytes))
    for _ in 0..<5 { longName += [63] + [UInt8](repeating: 97, count: 63) }
    longName += [0, 0, 1, 0, 1]
    var options = TestQuestion.bytes("name", udpBytes: 512)
    options.removeLast()
    let cases: [([UInt8], DNSQuery.Failure)] = [
      ([], .ignore), (Array(good.prefix(11)), .ignore), (response, .ignore),
      (status, .refuse(.notImplemented, id: 0x1234)), (twoQuestions, .refuse(.formatError, id: 0x1234)),
      (pointer, .refuse(.formatError, id: 0x1234)), (longName, .refuse(.formatError, id: 0x1234)),
      (options, .refuse(.formatError, id: 0x1234)), (Array(good.dropLast()), .refuse(.formatError, id: 0x1234)),
      (Array(good.prefix(DNSMessage.headerBytes)), .refuse(.formatError, id: 0x1234)),
    ]
    for (bytes, failure) in cases {
      #expect(throws: failure) { try DNSQuery(parsing: bytes) }
    }
  }

  @Test func `a name with other characters is forwarded only`() throws {
    var bytes = TestQuestion.bytes("ab")
    bytes[DNSMessage.headerBytes + 1] = UInt8(ascii: ".")
    #expect(try DNSQuery(parsing: bytes).name == nil)
  }

  @Test func `an answer has the question, the addresses and our options`() throws {
    let query = try DNSQuery(parsing: TestQuestion.bytes("db", udpBytes: 512))
    let address = try #require(IPv4Address("172.20.0.2"))
    let answer = DNSAnswer.make(to: query, [.address(address)])
    let expected: [UInt8] =
      [0x12, 0x34, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 1, 2, 100, 98, 0, 0, 1, 0, 1]
      + [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 5, 0, 4, 172, 20, 0, 2] + [0, 0, 41, 16, 0, 0, 0, 0, 0, 0, 0]
    #expect(answer == expected)
    #expect(query.isAnswered(by: answer, id: 0x1234))
    #expect(!query.isAnswered(by: answer, id: 0x1235))
  }

  @Test func `an answer to another question is not taken`() throws {
    let query = try DNSQuery(parsing: TestQuestion.bytes("db"))
    let other = try DNSQuery(parsing: TestQuestion.bytes("dc"))
    #expect(!query.isAnswered(by: DNSAnswer.make(to: other, []), id: 0x1234))
    #expect(!query.isAnswered(by: TestQuestion.bytes("db"), id: 0x1234))
    #expect(!query.isAnswered(by: [], id: 0x1234))
    let upper = try DNSQuery(parsing: TestQuestion.bytes("DB"))
    #expect(query.isAnswered(by: DNSAnswer.make(to: upper, []), id: 0x1234))
  }

  @Test func `random and damaged messages never break the parser`() {
    var random = SeededGenerator(seed: 0xd15)
    let seeds = [
      TestQuestion.bytes("web"), TestQuestion.bytes("a.b.c.example.org", udpBytes: 4_096),
      TestQuestion.bytes("2.0.20.172.in-addr.arpa", type: DNSMessage.RecordType.ptr),
    ]
    var accepted = 0
    for round in 0..<20_000 {
      var bytes: [UInt8]
      if round % 2 == 0 {
        bytes = (0..<Int.random(in: 0...80, using: &random)).map { _ in .random(in: 0 ... .max, using: &random) }
      } else {
        bytes = seeds[round / 2 % seeds.count]
        for _ in 0..<Int.random(in: 1...4, using: &random) {
          bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 0 ... .max, using: &random)
        }
        if round % 3 == 0 { bytes = Array(bytes.prefix(Int.random(in: 0...bytes.count, using: &random))) }
      }
      guard let query = try? DNSQuery(parsing: bytes) else { continue }
      accepted += 1
      #expect(query.questionEnd <= bytes.count)
      #expect(query.isAnswered(by: DNSAnswer.make(to: query, [.address(.loopback)]), id: query.id))
      _ = query.isAnswered(by: bytes, id: query.id)
    }
    #expect(accepted > 100)
  }
}
