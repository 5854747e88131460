import Testing

@testable import HTTPServing

@Suite struct RequestHeadParserTests {
  private func parse(_ text: String, _ configuration: HTTPServerConfiguration = .init()) throws -> RequestHead? {
    var parser = RequestHeadParser(configuration: configuration)
    var buffer = ByteBuffer(string: text)
    return try parser.parse(&buffer)
  }

  @Test func readsAWholeHead() throws {
    let head = try #require(
      try parse("GET /v1.50/images/a%20b/json?all=1&x=%2F+y&all=0 HTTP/1.1\r\nHost: d\r\nX-A:  b \t\r\n\r\n"))
    #expect(head.method == .GET)
    #expect(head.path == ["v1.50", "images", "a b", "json"])
    #expect(head.rawPath == "/v1.50/images/a%20b/json")
    #expect(head.query.all("all") == ["1", "0"])
    #expect(head.query["x"] == "/ y")
    #expect(head.query["none"] == nil)
    #expect(head.headers["x-a"] == ["b"])
    #expect(head.framing == .none)
    #expect(head.keepsAlive && !head.isUpgrade && !head.expectsContinue)
  }

  @Test func takesBytesOneByOneAndLeavesWhatFollows() throws {
    var parser = RequestHeadParser(configuration: .init())
    var buffer = ByteBuffer()
    let text = "\r\nPOST /x HTTP/1.1\r\nHost: d\r\nContent-Length: 3\r\n\r\n"
    for byte in text.utf8.dropLast() {
      buffer.writeInteger(byte)
      #expect(try parser.parse(&buffer) == nil)
    }
    buffer.writeString("\nabc")
    let head = try #require(try parser.parse(&buffer))
    #expect(head.framing == .length(3))
    #expect(buffer.readString(length: buffer.readableBytes) == "abc")
  }

  @Test(arguments: [
    ("Connection: close", false, false), ("connection: Keep-Alive, Upgrade\r\nupgrade: TCP", true, true),
    ("Connection: Upgrade\r\nUpgrade: h2c", true, false), ("Upgrade: tcp", true, false),
  ])
  func readsConnectionHeaders(_ headers: String, _ keepsAlive: Bool, _ isUpgrade: Bool) throws {
    let head = try #require(try parse("GET / HTTP/1.1\r\nHost: d\r\n\(headers)\r\n\r\n"))
    #expect(head.keepsAlive == keepsAlive)
    #expect(head.isUpgrade == isUpgrade)
  }

  @Test(arguments: [
    "GET / HTTP/1.1\nHost: d\n\n", "GET / HTTP/1.1\r\nHost: d\n\r\n", "GET  / HTTP/1.1\r\nHost: d\r\n\r\n",
    "GET /\r\nHost: d\r\n\r\n", "GET / HTTP/1.1 \r\nHost: d\r\n\r\n", "GET a HTTP/1.1\r\nHost: d\r\n\r\n",
    "G@T / HTTP/1.1\r\nHost: d\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: d\r\n\r\n", "GET /%00 HTTP/1.1\r\nHost: d\r\n\r\n",
    "GET /%ff HTTP/1.1\r\nHost: d\r\n\r\n", "GET /?a=%4 HTTP/1.1\r\nHost: d\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/1.1\r\nHost: d\r\n folded\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: d\r\nA : b\r\n\r\n", "GET / HTTP/1.1\r\nHost: d\r\nNoColon\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: d\r\nA: b\u{0}c\r\n\r\n", "GET / HTTP/1.1\r\nHost: d\r\nA: b\rc\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: -1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 1, 1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 99999999999999999999\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "\r\n\r\nGET / HTTP/1.1\r\nHost: d\r\n\r\n",
  ])
  func refuses(_ text: String) {
    let refusal = #expect(throws: HTTPRefusal.self) { try parse(text) }
    #expect(refusal?.status == .badRequest)
  }

  private static let long = String(repeating: "a", count: 70_000)
  private static let beyondBounds: [(String, HTTPStatus)] = [
    ("GET / HTTP/2.0\r\n\r\n", .httpVersionNotSupported),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .httpVersionNotSupported),
    ("GET /\(long)", .uriTooLong),
    ("GET /\(long) HTTP/1.1\r\n", .uriTooLong),
    ("GET / HTTP/1.1\r\nA: \(long)", .requestHeaderFieldsTooLarge),
    ("GET / HTTP/1.1\r\n" + String(repeating: "A: b\r\n", count: 129), .requestHeaderFieldsTooLarge),
  ]

  @Test(arguments: beyondBounds)
  func enforcesItsBounds(_ text: String, _ status: HTTPStatus) {
    let refusal = #expect(throws: HTTPRefusal.self) { try parse(text) }
    #expect(refusal?.status == status)
  }

  @Test func boundsTheQuery() {
    let query = (0..<257).map { "k\($0)=v" }.joined(separator: "&")
    let refusal = #expect(throws: HTTPRefusal.self) { try parse("GET /?\(query) HTTP/1.1\r\nHost: d\r\n\r\n") }
    #expect(refusal?.status == .badRequest)
  }
}
