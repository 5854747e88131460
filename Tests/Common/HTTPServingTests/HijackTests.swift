import Testing

@testable import HTTPServing

@Suite struct HijackTests {
  /// Echoes in upper case until the client's half-close, then says good-bye.
  @Sendable private static func echo(_ request: HTTPRequest) async throws -> HTTPResponse {
    HTTPResponse(
      headers: ["Content-Type": "application/vnd.docker.raw-stream"],
      body: .hijack { stream in
        while let bytes = try await stream.read() { try await stream.write(bytes) }
        try await stream.write(Array("bye".utf8))
        await stream.closeWrite()
      })
  }

  @Test func upgradesAndKeepsEarlyBytes() async throws {
    try await withServer(responder: Self.echo) { _, path in
      let client = try RawClient(path)
      await client.send(
        "POST /exec HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 4\r\n\r\n{  }early")
      let head = try #require(await client.receive(through: "early"))
      #expect(
        head == "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
          + "Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nearly")
      await client.send("more")
      #expect(await client.receive(through: "more") == "more")
      client.closeWrite()
      #expect(await client.receiveAll() == "bye")
    }
  }

  @Test func goesOverToTheProtocolThatTheAnswerNames() async throws {
    try await withServer { request in
      #expect(request.upgrades == ["websocket"] && !request.isUpgrade)
      var response = try await Self.echo(request)
      response.upgradesTo = "websocket"
      return response
    } _: { _, path in
      let client = try RawClient(path)
      await client.send(
        "GET /exec HTTP/1.1\r\nHost: d\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\nearly")
      let head = try #require(await client.receive(through: "early"))
      #expect(
        head.hasPrefix("HTTP/1.1 101 ") && head.hasSuffix("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly"))
      client.closeWrite()
      #expect(await client.receiveAll() == "bye")
    }
  }

  @Test func takesTheConnectionWithoutUpgrade() async throws {
    try await withServer(responder: Self.echo) { _, path in
      let client = try RawClient(path)
      await client.send("POST /attach HTTP/1.1\r\nHost: d\r\n\r\nabc")
      let head = try #require(await client.receive(through: "abc"))
      #expect(head.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\nDate: "))
      #expect(!head.contains("Content-Length") && !head.contains("chunked"))
      client.closeWrite()
      #expect(await client.receiveAll() == "bye")
    }
  }

  @Test func deliversOutputThoughInputIsUnread() async throws {
    try await withServer { _ in
      HTTPResponse(body: .hijack { stream in try await stream.write([UInt8](repeating: 65, count: 300_000)) })
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("POST / HTTP/1.1\r\nHost: d\r\n\r\n" + String(repeating: "in", count: 20_000))
      let all = try #require(await client.receiveAll())
      #expect(all.filter { $0 == "A" }.count == 300_000)
    }
  }

  @Test func endsWhenTheClientIsGone() async throws {
    let (ended, end) = AsyncStream.makeStream(of: Bool.self)
    try await withServer { _ in
      HTTPResponse(
        body: .hijack { _ in
          let never = AsyncStream<Void> { _ in }
          for await _ in never {}
          end.yield(Task.isCancelled)
        })
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("POST / HTTP/1.1\r\nHost: d\r\n\r\n")
      #expect(await client.receive(through: "\r\n\r\n") != nil)
      client.closeBoth()
      for await value in ended {
        #expect(value)
        break
      }
    }
  }

  @Test func cancelsAReadWhoseTaskIsCancelled() async throws {
    try await withServer { _ in
      HTTPResponse(
        body: .hijack { stream in
          let reader = Task { try await stream.read() }
          reader.cancel()
          let result = await reader.result
          try await stream.write(Array("\(result)".utf8))
        })
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("POST / HTTP/1.1\r\nHost: d\r\n\r\n")
      let all = try #require(await client.receiveAll())
      #expect(all.contains("CancellationError"))
    }
  }

  @Test func refusesALongBodyBeforeARawStreamATT061() async throws {
    try await withServer(responder: Self.echo) { _, path in
      let client = try RawClient(path)
      await client.send(
        "POST /exec HTTP/1.1\r\nHost: d\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 999999\r\n\r\n")
      let answer = try #require(await client.receiveAll())
      #expect(answer.hasPrefix("HTTP/1.1 400 "))
    }
  }
}
