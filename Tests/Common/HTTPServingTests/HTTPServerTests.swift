import Glibc
import Synchronization
import Testing

@testable import HTTPServing

@Suite struct HTTPServerTests {
  @Test func answersInOrderOnOneConnection() async throws {
    try await withServer { request in
      HTTPResponse(contentType: "text/plain", bytes: Array("\(request.method.rawValue) \(request.rawPath);".utf8))
    } _: { server, path in
      let client = try RawClient(path)
      await client.send("GET /1 HTTP/1.1\r\nHost: d\r\n\r\nGET /2 HTTP/1.1\r\nHost: d\r\n\r\nHEAD /3 HTTP/1.1\r\n")
      let first = try #require(await client.receive(through: "GET /2;"))
      #expect(first.hasPrefix("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\nDate: "))
      #expect(first.contains("GET /1;HTTP/1.1 200 OK"))
      #expect(server.connectionCount == 1)
      await client.send("Host: d\r\nConnection: close\r\n\r\n")
      let last = try #require(await client.receiveAll())
      #expect(last.contains("Connection: close\r\n"))
      #expect(last.hasSuffix("\r\n\r\n"))
      #expect(last.contains("Content-Length: 8"))
    }
  }

  @Test func knowsItsPeer() async throws {
    try await withServer { request in
      let peer = request.peer
      return HTTPResponse(contentType: "t", bytes: Array("\(peer?.pid ?? 0) \(peer?.uid ?? 9) \(peer?.gid ?? 9)".utf8))
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("GET / HTTP/1.0\r\n\r\n")
      let text = try #require(await client.receiveAll())
      #expect(text.hasSuffix("\(getpid()) \(getuid()) \(getgid())"))
    }
  }

  @Test func refusesUsersWhoAreBarred() async throws {
    let wasAsked = Atomic<Bool>(false)
    var configuration = HTTPServerConfiguration()
    configuration.refusedUsers = [getuid()]
    try await withServer(
      configuration,
      atOnce: { _ in
        wasAsked.store(true, ordering: .relaxed)
        return nil
      }
    ) { _ in
      wasAsked.store(true, ordering: .relaxed)
      return HTTPResponse()
    } _: { server, path in
      let client = try RawClient(path)
      await client.send("GET / HTTP/1.1\r\nHost: d\r\n\r\n")
      let answer = try #require(await client.receiveAll())
      #expect(answer.hasPrefix("HTTP/1.1 403 Forbidden\r\n"))
      #expect(server.connectionCount == 0)
    }
    let isAsked = wasAsked.load(ordering: .relaxed)
    #expect(!isAsked)
  }

  @Test func limitsTheSocketsModeAndRefusesASecondServer() async throws {
    try await withServer { _ in
      HTTPResponse()
    } _: { server, path in
      var status = stat()
      #expect(lstat(path, &status) == 0)
      #expect(status.st_mode & 0o777 == 0o660)
      await #expect(throws: (any Error).self) { try await server.listen(unixSocketPath: path) }
    }
  }

  @Test func readsBodiesOfBothFramings() async throws {
    try await withServer { request in
      HTTPResponse(contentType: "t", bytes: try await request.body.collect(limit: 20))
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\n\r\nhello")
      #expect(await client.receive(through: "hello") != nil)
      await client.send(
        "POST / HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
      #expect(await client.receive(through: "abcde") != nil)
      await client.send("POST / HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
      #expect(await client.receive(through: "HTTP/1.1 100 Continue\r\n\r\n") != nil)
      await client.send("ok")
      #expect(await client.receive(through: "ok") != nil)
      await client.send("POST / HTTP/1.1\r\nHost: d\r\nContent-Length: 21\r\n\r\n")
      let refusal = try #require(await client.receiveAll())
      #expect(refusal.hasPrefix("HTTP/1.1 413 "))
    }
  }

  @Test func keepsTheConnectionWhenABodyWasNotRead() async throws {
    try await withServer { request in
      HTTPResponse(contentType: "t", bytes: Array(request.rawPath.utf8))
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("POST /a HTTP/1.1\r\nHost: d\r\nContent-Length: 5\r\n\r\nhello")
      #expect(await client.receive(through: "/a") != nil)
      await client.send("GET /b HTTP/1.1\r\nHost: d\r\n\r\n")
      #expect(await client.receive(through: "/b") != nil)
    }
  }

  @Test func streamsChunksAsTheyAreWritten() async throws {
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    try await withServer { _ in
      HTTPResponse(
        headers: ["Content-Type": "application/json"],
        body: .stream { writer in
          try await writer.write(Array("first".utf8))
          for await _ in gate { break }
          try await writer.write([UInt8](repeating: 120, count: 20))
        })
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("GET / HTTP/1.1\r\nHost: d\r\n\r\n")
      let start = try #require(await client.receive(through: "00000005\r\nfirst\r\n"))
      #expect(start.contains("Transfer-Encoding: chunked\r\n"))
      open.yield()
      let rest = try #require(await client.receive(through: "0\r\n\r\n"))
      #expect(rest == "00000014\r\n" + String(repeating: "x", count: 20) + "\r\n0\r\n\r\n")
    }
  }

  @Test func cutsAStreamThatFails() async throws {
    struct Failure: Error {}
    try await withServer { _ in
      HTTPResponse(
        body: .stream { writer in
          try await writer.write(Array("part".utf8))
          throw Failure()
        })
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("GET / HTTP/1.1\r\nHost: d\r\n\r\n")
      let all = try #require(await client.receiveAll())
      #expect(all.hasSuffix("part\r\n"))
    }
  }

  @Test(arguments: [true, false])
  func cancelsAStreamWhenTheClientLeaves(wholly: Bool) async throws {
    let (cancelled, report) = AsyncStream.makeStream(of: Bool.self)
    try await withServer { _ in
      HTTPResponse(
        body: .stream { writer in
          try await writer.write(Array("on".utf8))
          let never = AsyncStream<Void> { _ in }
          for await _ in never {}
          report.yield(Task.isCancelled)
        })
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("GET / HTTP/1.1\r\nHost: d\r\n\r\n")
      #expect(await client.receive(through: "on\r\n") != nil)
      if wholly { client.closeBoth() } else { client.closeWrite() }
      for await value in cancelled {
        #expect(value)
        break
      }
    }
  }

  @Test func holdsAFastClientBack() async throws {
    let total = 8 * 1024 * 1024
    try await withServer { request in
      var count = 0
      for try await piece in request.body {
        count += piece.readableBytes
        await Task.yield()
      }
      return HTTPResponse(contentType: "t", bytes: Array("read \(count);".utf8))
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("POST / HTTP/1.1\r\nHost: d\r\nContent-Length: \(total)\r\n\r\n")
      await client.send([UInt8](repeating: 7, count: total))
      #expect(await client.receive(through: "read \(total);") != nil)
    }
  }

  @Test func readsAndWritesFromABlockedThread() async throws {
    try await withServer { request in
      HTTPResponse(
        body: .stream { writer in
          func copy() throws {
            while let piece = try request.body.nextBlocking() { try writer.writeBlocking(piece.readableBytesView) }
          }
          try copy()
        })
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("POST / HTTP/1.1\r\nHost: d\r\nConnection: close\r\nContent-Length: 6\r\n\r\nabc")
      #expect(await client.receive(through: "abc\r\n") != nil)
      await client.send("def")
      let rest = try #require(await client.receiveAll())
      #expect(rest.contains("def\r\n0\r\n\r\n"))
    }
  }

  @Test func hidesUnknownErrors() async throws {
    struct Secret: Error {}
    try await withServer { _ in
      throw Secret()
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("GET / HTTP/1.1\r\nHost: d\r\n\r\n")
      let text = try #require(await client.receive(through: "\n"))
      #expect(text.hasPrefix("HTTP/1.1 500 "))
      #expect(text.contains("internal error"))
      #expect(!text.contains("Secret"))
    }
  }

  @Test func doesNotLetAHeaderSplitTheAnswer() async throws {
    try await withServer { _ in
      HTTPResponse(headers: ["X": "a\r\nSet-Cookie: b"])
    } _: { _, path in
      let client = try RawClient(path)
      await client.send("GET / HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n")
      let text = try #require(await client.receiveAll())
      #expect(text.contains("X: a  Set-Cookie: b\r\n"))
    }
  }

  @Test func finishesWhatIsUnderWayOnShutdown() async throws {
    let (entered, enter) = AsyncStream.makeStream(of: Void.self)
    let (gate, open) = AsyncStream.makeStream(of: Void.self)
    try await withServer { _ in
      enter.yield()
      for await _ in gate { break }
      return HTTPResponse(contentType: "t", bytes: Array("done".utf8))
    } _: { server, path in
      let idle = try RawClient(path)
      let busy = try RawClient(path)
      await busy.send("GET / HTTP/1.1\r\nHost: d\r\n\r\n")
      for await _ in entered { break }
      async let stopped: Void = server.shutdown(gracefulSeconds: 20)
      #expect(await idle.receiveAll() == "")
      open.yield()
      let text = try #require(await busy.receiveAll())
      #expect(text.contains("Connection: close\r\n") && text.hasSuffix("done"))
      await stopped
    }
  }

  @Test func bodiesAndAnswersThatStandStillAreCut() async throws {
    let (cut, tellCut) = AsyncStream.makeStream(of: Void.self)
    try await withServer { request in
      if request.path.first == "up" {
        _ = try await request.body.next(withinMilliseconds: 50)
        return HTTPResponse()
      }
      return HTTPResponse(
        body: .stream { writer in
          let piece = [UInt8](repeating: 0, count: 1 << 20)
          defer { tellCut.yield() }
          while true { try await writer.write(piece, withinMilliseconds: 50) }
        })
    } _: { _, path in
      let sender = try RawClient(path)
      await sender.send("PUT /up HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
      #expect(await sender.receiveAll()?.hasPrefix("HTTP/1.1 408 ") == true)
      let reader = try RawClient(path)
      await reader.send("GET /down HTTP/1.1\r\nHost: x\r\n\r\n")
      // It never reads.
      for await _ in cut { break }
      withExtendedLifetime(reader) {}
    }
  }
}
