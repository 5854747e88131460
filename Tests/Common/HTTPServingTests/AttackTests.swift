import Synchronization
import Testing

@testable import HTTPServing

/// Cases of the attack list that aim at the HTTP layer, sent as raw bytes over a real socket.
@Suite struct AttackTests {
  @Sendable private static func collect(_ request: HTTPRequest) async throws -> HTTPResponse {
    let bytes = try await request.body.collect(limit: 1024 * 1024)
    return HTTPResponse(contentType: "t", bytes: Array("ok \(request.rawPath) \(bytes.count);".utf8))
  }

  private static let smuggling: [(String, String)] = [
    ("both framings", "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("both framings, other order", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
    ("two lengths", "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    ("length list", "Content-Length: 3, 3\r\n\r\nabc"),
    ("signed length", "Content-Length: +3\r\n\r\nabc"),
    ("disguised encoding", "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    ("encoding with a tab before the colon", "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
    ("folded line", "X: a\r\n Content-Length: 3\r\n\r\nabc"),
    ("bare LF", "X: a\nContent-Length: 3\r\n\r\nabc"),
    ("bare LF at the end", "X: a\n\n"),
    ("bare CR", "X: a\rContent-Length: 3\r\n\r\nabc"),
    ("long chunk extension", "Transfer-Encoding: chunked\r\n\r\n1;" + String(repeating: "e", count: 1_048_576)),
    ("bad chunk end", "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n"),
    ("bare LF in chunks", "Transfer-Encoding: chunked\r\n\r\n1\na\n0\n\n"),
    (
      "upgrade with a chunked body that is malformed",
      "Connection: Upgrade\r\nUpgrade: tcp\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
    ),
  ]

  @Test(arguments: smuggling.map(\.0))
  func refusesSmugglingATT061(_ name: String) async throws {
    let rest = try #require(Self.smuggling.first { $0.0 == name }).1
    try await withServer(responder: Self.collect) { _, path in
      let client = try RawClient(path)
      await client.send("POST /1 HTTP/1.1\r\nHost: d\r\n" + rest + "GET /2 HTTP/1.1\r\nHost: d\r\n\r\n")
      let answer = try #require(await client.receiveAll(), "\(name): not closed")
      #expect(answer.hasPrefix("HTTP/1.1 400 "), "\(name): \(answer.prefix(40))")
      #expect(!answer.contains("ok /"), "\(name): answered as if sound")
    }
  }

  private static let tooLarge: [(String, String, String)] = [
    ("head of 1 MiB", "GET / HTTP/1.1\r\nHost: d\r\nX: " + String(repeating: "a", count: 1_048_576), "431"),
    ("10,000 headers", "GET / HTTP/1.1\r\nHost: d\r\n" + String(repeating: "X: a\r\n", count: 10_000), "431"),
    ("long target", "GET /" + String(repeating: "a", count: 1_048_576), "414"),
    ("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505"),
  ]

  @Test(arguments: tooLarge.map(\.0))
  func boundsHeadsATT062(_ name: String) async throws {
    let (_, text, status) = try #require(Self.tooLarge.first { $0.0 == name })
    try await withServer(responder: Self.collect) { _, path in
      let client = try RawClient(path)
      await client.send(text)
      let answer = try #require(await client.receiveAll(), "\(name): not closed")
      #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(name): \(answer.prefix(40))")
    }
  }

  @Test func cutsSlowHeadsAndBodiesATT062() async throws {
    var configuration = HTTPServerConfiguration()
    configuration.headTimeoutMilliseconds = 500
    configuration.collectTimeoutMilliseconds = 500
    try await withServer(configuration, responder: Self.collect) { _, path in
      let silent = try RawClient(path)
      let slowHead = try RawClient(path)
      let slowBody = try RawClient(path)
      await slowHead.send("GET / HT")
      await slowBody.send("POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\n\r\nab")
      #expect(await silent.receiveAll() == "")
      let head = try #require(await slowHead.receiveAll())
      #expect(head.hasPrefix("HTTP/1.1 408 "))
      let body = try #require(await slowBody.receiveAll())
      #expect(body.hasPrefix("HTTP/1.1 408 "))
    }
  }

  @Test func servesOthersBesideTwoThousandSlowOnesATT062() async throws {
    var configuration = HTTPServerConfiguration()
    configuration.maxConnections = 64
    try await withServer(configuration, responder: Self.collect) { server, path in
      var slow: [RawClient] = []
      for number in 0..<500 {
        let client = try RawClient(path)
        let text = number % 2 == 0 ? "GET / H" : "POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 9\r\n\r\na"
        await client.send(text)
        slow.append(client)
        #expect(server.connectionCount <= 64)
      }
      let client = try RawClient(path)
      await client.send("GET /me HTTP/1.1\r\nHost: d\r\n\r\n")
      let answer = try #require(await client.receive(through: ";"))
      #expect(answer.hasSuffix("ok /me 0;"))
      #expect(slow.count == 500)
    }
  }

  @Test func refusesConnectionsWhereAllAreAtWorkATT062() async throws {
    var configuration = HTTPServerConfiguration()
    configuration.maxConnections = 2
    let (entered, enter) = AsyncStream.makeStream(of: Void.self)
    try await withServer(configuration) { _ in
      HTTPResponse(
        body: .stream { _ in
          enter.yield()
          let never = AsyncStream<Void> { _ in }
          for await _ in never {}
        })
    } _: { _, path in
      let workers = try [RawClient(path), RawClient(path)]
      var iterator = entered.makeAsyncIterator()
      for worker in workers {
        await worker.send("GET / HTTP/1.1\r\nHost: d\r\n\r\n")
        await iterator.next()
      }
      let answer = try #require(await RawClient(path).receiveAll())
      #expect(answer.hasPrefix("HTTP/1.1 503 "))
    }
  }
}
