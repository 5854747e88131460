import Glibc
import LinuxSystem
import Synchronization
import Testing

@testable import HTTPServing

@Suite struct NetworkServingTests {
  /// A file of `count` bytes that tell their place, already unlinked.
  private static func file(_ count: Int) throws -> Descriptor {
    var template = Array("/tmp/http-body-XXXXXX".utf8CString)
    let raw = mkstemp(&template)
    try #require(raw >= 0)
    unlink(template)
    let file = Descriptor(owning: raw)
    let bytes = (0..<count).map { UInt8(ascii: "a") + UInt8($0 % 26) }
    try bytes.withUnsafeBytes { try file.write(all: $0) }
    return file
  }

  @Test func tellsWhereAClientComesFrom() async throws {
    try await withServer { request in
      HTTPResponse(
        contentType: "t",
        bytes: Array("\(request.remoteAddress ?? "none") \(request.isEncrypted) \(request.peer == nil)".utf8))
    } _: { server, _ in
      let port = try await server.listen(host: "127.0.0.1", port: 0, tls: nil)
      let client = try RawClient(port: port)
      await client.send("GET / HTTP/1.0\r\n\r\n")
      #expect(try #require(await client.receiveAll()).hasSuffix("\r\n\r\n127.0.0.1 false true"))
      await #expect(throws: (any Error).self) { try await server.listen(host: "192.0.2.1", port: 0, tls: nil) }
    }
  }

  @Test func oneAddressCannotTakeEveryConnection() async throws {
    var configuration = HTTPServerConfiguration()
    configuration.maxConnectionsPerAddress = 2
    try await withServer(configuration) { _ in
      HTTPResponse(contentType: "t", bytes: Array("yes;".utf8))
    } _: { server, path in
      let port = try await server.listen(host: "127.0.0.1", port: 0, tls: nil)
      let request = "GET / HTTP/1.1\r\nHost: d\r\n\r\n"
      var clients = [try RawClient(port: port), try RawClient(port: port)]
      for client in clients {
        await client.send(request)
        #expect(await client.receive(through: "yes;") != nil)
      }
      let third = try RawClient(port: port)
      #expect(try #require(await third.receiveAll()).hasPrefix("HTTP/1.1 503 "))
      let local = try RawClient(path)
      await local.send(request)
      #expect(await local.receive(through: "yes;") != nil)
      clients.removeAll()
      while server.connectionCount > 1 { await Task.yield() }
      let next = try RawClient(port: port)
      await next.send(request)
      #expect(await next.receive(through: "yes;") != nil)
    }
  }

  @Test func sendsPartsOfFilesAndKeepsTheConnection() async throws {
    let file = try Self.file(300_000)
    try await withServer { request in
      let offset = Int64(request.query["from"] ?? "0") ?? 0
      let count = Int64(request.query["count"] ?? "0") ?? 0
      return HTTPResponse(body: .file(FileBody(descriptor: file, offset: offset, count: count)))
    } _: { _, path in
      let client = try RawClient(path)
      await client.send(
        "GET /?from=26&count=3 HTTP/1.1\r\nHost: d\r\n\r\nHEAD /?from=0&count=300000 HTTP/1.1\r\nHost: d\r\n\r\n"
          + "GET /?from=1&count=0 HTTP/1.1\r\nHost: d\r\n\r\n"
          + "GET /?from=0&count=300000 HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
      let answers = try #require(await client.receiveAll())
      let parts = answers.components(parted: "HTTP/1.1 200 OK\r\n")
      try #require(parts.count == 5)
      #expect(parts[1].hasSuffix("\r\n\r\nabc") && parts[1].contains("Content-Length: 3\r\n"))
      #expect(parts[2].hasSuffix("\r\n\r\n") && parts[2].contains("Content-Length: 300000\r\n"))
      #expect(parts[3].hasSuffix("\r\n\r\n") && parts[3].contains("Content-Length: 0\r\n"))
      #expect(
        parts[4].utf8.suffix(300_000).elementsEqual((0..<300_000).lazy.map { UInt8(ascii: "a") + UInt8($0 % 26) }))
    }
  }

  @Test func aFileShorterThanToldCutsTheConnection() async throws {
    let file = try Self.file(10)
    try await withServer { _ in
      HTTPResponse(body: .file(FileBody(descriptor: file, count: 1_000)))
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("GET / HTTP/1.1\r\nHost: d\r\n\r\n")
      let answer = try #require(await client.receiveAll())
      #expect(answer.contains("Content-Length: 1000\r\n") && answer.utf8.count < 1_000)
    }
  }

  @Test func answersAtHandComeInOrderWithTheOthers() async throws {
    let atHand = Counter()
    try await withServer(atOnce: { request in
      guard request.rawPath.hasPrefix("/now") else { return nil }
      atHand.value.add(1, ordering: .relaxed)
      return HTTPResponse(contentType: "t", bytes: Array("\(request.rawPath);".utf8))
    }) { request in
      let body = try await request.body.collect(limit: 100)
      return HTTPResponse(contentType: "t", bytes: Array("\(request.rawPath)\(body.count == 0 ? "" : "+body");".utf8))
    } _: { _, path in
      let client = try RawClient(path)
      let host = " HTTP/1.1\r\nHost: d\r\n"
      // The loop has the answers at hand as soon as the connection's task waits for the next request.
      for round in 0..<10_000 where atHand.value.load(ordering: .relaxed) == 0 {
        await client.send("GET /now\(round)\(host)\r\n")
        #expect(await client.receive(through: "/now\(round);") != nil)
      }
      #expect(atHand.value.load(ordering: .relaxed) > 0)
      await client.send("GET /now-1\(host)\r\nGET /now-2\(host)\r\nGET /a\(host)\r\nGET /now-3\(host)\r\n")
      let first = try #require(await client.receive(through: "/now-3;"))
      let order = ["/now-1;", "/now-2;", "/a;", "/now-3;"].compactMap { first.place(of: $0) }
      #expect(order.count == 4 && order == order.sorted())
      // An old version, a body, and a head without Host are never the loop's.
      let before = atHand.value.load(ordering: .relaxed)
      await client.send("GET /now-4 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
      #expect(await client.receive(through: "/now-4;") != nil)
      await client.send("POST /now-5\(host)Content-Length: 3\r\n\r\nabc")
      #expect(await client.receive(through: "/now-5+body;") != nil)
      #expect(atHand.value.load(ordering: .relaxed) == before)
      await client.send("HEAD /now-6\(host)\r\nGET /now-7\(host)\r\n")
      let head = try #require(await client.receive(through: "/now-7;"))
      #expect(head.contains("Content-Length: 7\r\n") && !head.contains("/now-6;"))
      await client.send("GET /now-8 HTTP/1.1\r\n\r\n")
      #expect(try #require(await client.receiveAll()).hasPrefix("HTTP/1.1 400 "))
    }
  }

  private final class Counter: Sendable {
    let value = Atomic<Int>(0)
  }

  /// A client that asks without end and reads nothing must not fill the server's memory: it is no longer read from.
  @Test func aClientThatReadsNothingIsHeldBack() async throws {
    let answer = HTTPResponse(contentType: "t", bytes: [UInt8](repeating: 120, count: 4_096))
    try await withServer(atOnce: { _ in answer }) { _ in
      answer
    } _: { _, path in
      let client = try RawClient(path)
      var limit = timeval(tv_sec: 1, tv_usec: 0)
      setsockopt(client.descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
      let requests = String(repeating: "GET /x HTTP/1.1\r\nHost: d\r\n\r\n", count: 200_000)
      #expect(await client.send(requests) == false, "6 MB of requests were taken, whose answers are 800 MB")
    }
  }
}

extension String {
  fileprivate func components(parted separator: String) -> [String] {
    var parts: [String] = []
    var rest = self[...]
    while let range = rest.firstRange(of: separator) {
      parts.append(String(rest[..<range.lowerBound]))
      rest = rest[range.upperBound...]
    }
    return parts + [String(rest)]
  }

  fileprivate func place(of text: String) -> Index? { firstRange(of: text)?.lowerBound }
}
