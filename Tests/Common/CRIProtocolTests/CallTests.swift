import NIOCore
import NIOHPACK
import Synchronization
import Testing

@testable import CRIProtocol

@Suite(.timeLimit(.minutes(1))) struct CallTests {
  private func client(_ path: String, limits: GRPCLimits = GRPCLimits()) -> GRPCClient {
    GRPCClient(unixSocketPath: path, limits: limits)
  }

  private func versionRequest(_ text: String) -> CRIVersionRequest {
    var request = CRIVersionRequest()
    request.version = text
    return request
  }

  private func echo(_ handlers: inout GRPCHandlers) {
    handlers.on(CRIRuntime.version) { request in
      var response = CRIVersionResponse()
      response.version = request.version
      return response
    }
  }

  private func failure(_ body: () async throws -> Void) async -> GRPCStatus? {
    do {
      try await body()
      return nil
    } catch {
      return error as? GRPCStatus
    }
  }

  @Test(arguments: [0, 1, 100_000, 300_000]) func aMessageGoesThereAndBack(_ size: Int) async throws {
    try await withServer(echo) { _, path in
      let text = String(repeating: "x", count: size)
      let response = try await client(path).call(CRIRuntime.version, versionRequest(text), timeoutSeconds: 30)
      #expect(response.version == text)
    }
  }

  @Test func manyCallsShareAConnection() async throws {
    try await withServer(echo) { _, path in
      let client = client(path)
      let sum = try await withThrowingTaskGroup(of: Int.self) { group in
        for number in 1...50 {
          group.addTask {
            Int(try await client.call(CRIRuntime.version, versionRequest("\(number)"), timeoutSeconds: 30).version) ?? 0
          }
        }
        return try await group.reduce(0, +)
      }
      #expect(sum == 50 * 51 / 2)
    }
  }

  @Test func aMethodThatIsNotThereIsNamed() async throws {
    try await withServer(echo) { _, path in
      let status = await failure {
        _ = try await client(path).call(CRIRuntime.status, CRIStatusRequest(), timeoutSeconds: 30)
      }
      #expect(status == GRPCStatus(.unimplemented, "the method /runtime.v1.RuntimeService/Status is not implemented"))
    }
  }

  @Test func errorsArriveWithCodeAndText() async throws {
    try await withServer { handlers in
      handlers.on(CRIRuntime.version) { _ in throw GRPCStatus(.notFound, "kein »Behälter« hier: 100 %\n") }
      handlers.on(CRIRuntime.status) { _ in throw CancellationError() }
    } _: { _, path in
      let first = await failure {
        _ = try await client(path).call(CRIRuntime.version, versionRequest(""), timeoutSeconds: 30)
      }
      #expect(first == GRPCStatus(.notFound, "kein »Behälter« hier: 100 %\n"))
      let second = await failure {
        _ = try await client(path).call(CRIRuntime.status, CRIStatusRequest(), timeoutSeconds: 30)
      }
      #expect(second == GRPCStatus(.unknown, "CancellationError()"))
    }
  }

  @Test func aDeadlineEndsTheCallAndTheHandlersTask() async throws {
    let (ended, ends) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(1))
    try await withServer { handlers in
      handlers.on(CRIRuntime.version) { _ in
        try? await Task.sleep(for: .seconds(3600))
        ends.yield(Task.isCancelled)
        return CRIVersionResponse()
      }
    } _: { _, path in
      let status = await failure {
        _ = try await client(path).call(CRIRuntime.version, versionRequest(""), timeoutSeconds: 0.05)
      }
      #expect(status?.code == .deadlineExceeded)
      let wasCancelled = await ended.first { _ in true }
      #expect(wasCancelled == true)
    }
  }

  @Test("a call that waits for its turn on a full connection is not one that was answered too late")
  func turns() async throws {
    let (began, begins) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(1))
    var limits = GRPCLimits()
    limits.maxConcurrentStreams = 1
    try await withServer(limits: limits) { handlers in
      echo(&handlers)
      handlers.on(CRIRuntime.status) { _ in
        begins.yield(true)
        try await Task.sleep(for: .seconds(3600))
        return CRIStatusResponse()
      }
    } _: { _, path in
      let client = client(path)
      // With the first answer the client knows how many calls the server takes.
      _ = try await client.call(CRIRuntime.version, versionRequest(""), timeoutSeconds: 30)
      let slow = Task { await failure { _ = try await client.call(CRIRuntime.status, .init(), timeoutSeconds: 3600) } }
      for await _ in began { break }
      let waited = await failure {
        _ = try await client.call(CRIRuntime.version, versionRequest(""), timeoutSeconds: 0.05)
      }
      #expect(waited?.code == .resourceExhausted)
      let next = Task { try await client.call(CRIRuntime.version, versionRequest("x"), timeoutSeconds: 30).version }
      slow.cancel()
      #expect(await slow.value?.code == .cancelled)
      #expect(try await next.value == "x")
    }
  }

  @Test func aTaskThatIsCancelledGivesItsCallUp() async throws {
    let (events, send) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(4))
    try await withServer { handlers in
      handlers.on(CRIRuntime.version) { _ in
        send.yield("began")
        try? await Task.sleep(for: .seconds(3600))
        send.yield("ended")
        return CRIVersionResponse()
      }
    } _: { _, path in
      let client = client(path)
      let call = Task {
        await failure { _ = try await client.call(CRIRuntime.version, versionRequest(""), timeoutSeconds: 3600) }
      }
      var iterator = events.makeAsyncIterator()
      let first = await iterator.next()
      #expect(first == "began")
      call.cancel()
      let status = await call.value
      #expect(status?.code == .cancelled)
      let second = await iterator.next()
      #expect(second == "ended")
    }
  }

  @Test func aStreamComesInOrderAndWaitsForItsReader() async throws {
    let sent = Atomic<Int>(0)
    var limits = GRPCLimits()
    limits.windowBytes = 65_535
    limits.maxWaitingMessages = 2
    try await withServer(limits: limits) { handlers in
      handlers.on(CRIRuntime.getContainerEvents) { _, send in
        for number in 0..<80 {
          var event = CRIContainerEventResponse()
          event.createdAt = Int64(number)
          event.containerID = String(repeating: "x", count: 10_000)
          try await send(event)
          sent.store(number + 1, ordering: .sequentiallyConsistent)
        }
      }
    } _: { _, path in
      let events = try await client(path, limits: limits).stream(CRIRuntime.getContainerEvents, CRIGetEventsRequest())
      var expected: Int64 = 0
      for try await event in events {
        if expected == 0 {
          // The reader holds the sender back: of 800 kilobytes a few windows are under way at most.
          #expect(sent.load(ordering: .sequentiallyConsistent) < 50)
        }
        #expect(event.createdAt == expected)
        expected += 1
      }
      #expect(expected == 80)
    }
  }

  @Test func aStreamThatIsLeftEndsItsHandler() async throws {
    let (ended, ends) = AsyncStream.makeStream(of: Bool.self, bufferingPolicy: .bufferingNewest(1))
    try await withServer { handlers in
      handlers.on(CRIRuntime.getContainerEvents) { _, send in
        try await send(CRIContainerEventResponse())
        try? await Task.sleep(for: .seconds(3600))
        ends.yield(Task.isCancelled)
      }
    } _: { _, path in
      let client = client(path)
      for try await _ in try await client.stream(CRIRuntime.getContainerEvents, CRIGetEventsRequest()) { break }
      let wasCancelled = await ended.first { _ in true }
      #expect(wasCancelled == true)
    }
  }

  @Test func aServerThatStartsAgainIsFound() async throws {
    let path = Mutex("")
    try await withServer(echo) { _, first in path.withLock { $0 = first } }
    let client = client(path.withLock { $0 })
    let gone = await failure {
      _ = try await client.call(CRIRuntime.version, versionRequest("a"), timeoutSeconds: 5)
    }
    #expect(gone?.code == .unavailable)
    for text in ["b", "c"] {
      var handlers = GRPCHandlers { GRPCStatus(.unknown, "\($0)") }
      echo(&handlers)
      let server = GRPCServer(handlers: handlers, logger: quietLogger)
      try await server.listen(unixSocketPath: path.withLock { $0 })
      try await client.waitUntilConnected(timeoutSeconds: 5)
      let response = try await client.call(CRIRuntime.version, versionRequest(text), timeoutSeconds: 5)
      #expect(response.version == text)
      await server.shutdown(gracefulSeconds: 1)
    }
    await client.close()
    let closed = await failure {
      _ = try await client.call(CRIRuntime.version, versionRequest(""), timeoutSeconds: 5)
    }
    #expect(closed?.code == .cancelled)
  }

  @Test func messagesOverTheBoundAreRefusedOnBothSides() async throws {
    var small = GRPCLimits()
    small.maxMessageBytes = 1000
    try await withServer(limits: small, echo) { _, path in
      let big = versionRequest(String(repeating: "x", count: 2000))
      let byServer = await failure { _ = try await client(path).call(CRIRuntime.version, big, timeoutSeconds: 5) }
      #expect(byServer == GRPCStatus(.resourceExhausted, "a message of 2003 bytes is over the bound of 1000"))
      let byClient = await failure {
        _ = try await client(path, limits: small).call(CRIRuntime.version, big, timeoutSeconds: 5)
      }
      #expect(byClient == byServer)
    }
  }
}
