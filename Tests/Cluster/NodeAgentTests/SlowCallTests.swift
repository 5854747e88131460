import CRIProtocol
import Glibc
import Logging
import Synchronization
import Testing

@testable import NodeAgent

@Suite("Calls that take as long as pods want", .timeLimit(.minutes(1))) struct SlowCallTests {
  /// A runtime whose commands never end.
  private static func with(_ body: (CRIPodRuntime, AsyncStream<Void>) async throws -> Void) async throws {
    let (began, begins) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1_000))
    var handlers = GRPCHandlers { GRPCStatus(.unknown, "\($0)") }
    handlers.on(CRIRuntime.execSync) { _ in
      begins.yield()
      try await Task.sleep(for: .seconds(3_600))
      return CRIExecSyncResponse()
    }
    handlers.on(CRIRuntime.stopContainer) { _ in CRIStopContainerResponse() }
    handlers.on(CRIImages.pullImage) { _ in CRIPullImageResponse() }
    let path = "/tmp/bulkhead-slow-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock"
    let server = GRPCServer(handlers: handlers, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    try await server.listen(unixSocketPath: path)
    let runtime = CRIPodRuntime(socket: path)
    let result: Result<Void, any Error>
    do {
      result = .success(try await body(runtime, began))
    } catch { result = .failure(error) }
    await runtime.close()
    await server.shutdown(gracefulSeconds: 0)
    try result.get()
  }

  @Test func hundredsOfSlowCommandsRunAndKeepNothingElseFromItsTurn() async throws {
    try await Self.with { runtime, began in
      try await withThrowingTaskGroup(of: Void.self) { group in
        for _ in 0..<250 {
          group.addTask { _ = try? await runtime.execute(["sleep"], in: "c", timeoutSeconds: 3_600) }
        }
        var count = 0
        for await _ in began {
          count += 1
          if count == 250 { break }
        }
        try await runtime.stopContainer("c", graceSeconds: 0)
        group.cancelAll()
      }
    }
  }

  @Test func moreThanAreTakenAreRefusedAtOnce() async throws {
    let pool = CallPool(socket: "/nowhere", connections: 1)
    let gates = Gates()
    let (began, begins) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(200))
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<100 {
        group.addTask {
          try await pool.run { _ in
            begins.yield()
            await gates.pass()
          }
        }
      }
      var count = 0
      for await _ in began {
        count += 1
        if count == 100 { break }
      }
      let error = await #expect(throws: RuntimeFailure.self) { try await pool.run { _ in } }
      #expect(error?.kind == .unavailable)
      await gates.open()
      try await group.waitForAll()
    }
    try await pool.run { _ in }
  }

  @Test func aPodsProbesRunSoManyProgramsAtOnce() async throws {
    let turns = ProbeTurns()
    let (began, begins) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(100))
    let gates = Gates()
    await withTaskGroup(of: ProbeAnswer.self) { group in
      for _ in 0..<ProbeTurns.limit + 2 {
        group.addTask {
          await turns.run(.execute(["x"])) {
            begins.yield()
            await gates.pass()
            return .success
          }
        }
      }
      var iterator = began.makeAsyncIterator()
      for _ in 0..<ProbeTurns.limit { await iterator.next() }
      #expect(await turns.running == ProbeTurns.limit)
      // Connections are no programs.
      let other = await turns.run(.sleep(seconds: 1)) { .unknown("") }
      #expect(other == .unknown(""))
      await gates.open()
      for _ in 0..<2 { await iterator.next() }
      for await answer in group { #expect(answer == .success) }
    }
    #expect(await turns.running == 0)
  }

  @Test func aProbesTimeIsBounded() {
    #expect(ProbeSchedule(.liveness, ["timeoutSeconds": 100_000]).timeout == ProbeSchedule.maxTimeout)
    #expect(ProbeSchedule(.liveness, ["timeoutSeconds": 20]).timeout == 20)
  }
}

/// Where tasks wait until it is opened.
private actor Gates {
  private var isOpen = false
  private var waiting: [CheckedContinuation<Void, Never>] = []

  func pass() async { if !isOpen { await withCheckedContinuation { waiting.append($0) } } }

  func open() {
    isOpen = true
    for waiter in waiting { waiter.resume() }
    waiting = []
  }
}
