import Testing

@testable import HTTPServing

@Suite struct BodyDecoderTests {
  /// Feeds the text in pieces of `step` bytes; returns the body and what follows it.
  private func decode(_ framing: BodyFraming, _ text: String, step: Int) throws -> (body: String, rest: String)? {
    var decoder = BodyDecoder(framing: framing, configuration: .init())
    var buffer = ByteBuffer()
    var body = ""
    var bytes = Array(text.utf8)[...]
    while true {
      switch try decoder.next(&buffer) {
      case .piece(let piece): body += String(buffer: piece)
      case .end: return (body, String(buffer: buffer) + String(decoding: bytes, as: UTF8.self))
      case .needsMore:
        guard !bytes.isEmpty else { return nil }
        buffer.writeBytes(bytes.prefix(step))
        bytes = bytes.dropFirst(step)
      }
    }
  }

  @Test(arguments: [1, 2, 3, 7, 1_000])
  func cutsBodies(step: Int) throws {
    let cases: [(BodyFraming, String, String)] = [
      (.none, "rest", ""), (.length(5), "hellorest", "hello"), (.chunked, "0\r\n\r\nrest", ""),
      (.chunked, "5\r\nhello\r\n00B;x=\"y\"\r\n, you there\r\n0\r\nTrailer: a\r\n\r\nrest", "hello, you there"),
    ]
    for (framing, text, body) in cases {
      let result = try #require(try decode(framing, text, step: step))
      #expect(result.body == body)
      #expect(result.rest == "rest")
    }
  }

  private static let malformed: [String] = [
    "x\r\n", "\r\n", "5\nhello\r\n", "5\r\nhelloX\r\n", "5 x\r\n", "-1\r\n", "0x5\r\n", "1111111111111111\r\n",
    "1;" + String(repeating: "e", count: 300), "1;a\u{1}\r\n", "0\r\n" + String(repeating: "A: b\r\n", count: 2_000),
  ]

  @Test(arguments: malformed)
  func refuses(_ text: String) {
    let refusal = #expect(throws: HTTPRefusal.self) { try decode(.chunked, text, step: 50) }
    #expect(refusal?.status == .badRequest)
  }

  @Test func waitsForMore() throws {
    #expect(try decode(.length(10), "short", step: 2) == nil)
    #expect(try decode(.chunked, "5\r\nhel", step: 2) == nil)
  }
}
