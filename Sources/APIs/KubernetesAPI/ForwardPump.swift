import HTTPServing
import KubeMachinery
import LinuxSystem
import PodStreams

/// Carries forwarded connections between a client and the agent of its node. Each connection has a task of its own, so that one
/// that is slow to open does not hold the others up.
struct ForwardPump: Sendable {
  let client: HijackedStream
  /// A connection's place among those of its user; nil where there is none left.
  let place: @Sendable () -> FairBound.Place?
  /// Connects to a port of the pod. Throws `StatusError`.
  let open: @Sendable (UInt16) async throws -> UpgradedConnection

  /// Returns when the client is gone. Throws `StreamFault` for what it may not send.
  func run(isTunnelled: Bool) async throws {
    let session = SharedForwards(try ForwardSession(isTunnelled: isTunnelled))
    try await withThrowingDiscardingTaskGroup { group in
      defer { group.cancelAll() }
      while let bytes = try await client.read() {
        let (events, reply) = try session.receive(bytes)
        try await client.write(reply)
        for event in events {
          switch event {
          case .connect(let id, let port):
            let forward = Forward()
            session.keep(forward, as: id)
            group.addTask { try await forward.run { try await carry(forward.input, id, port, session) } }
          case .data(let id, let data): await session.forward(id)?.input.put(data)
          case .inputEnd(let id): await session.forward(id)?.input.end()
          case .reset(let id): session.drop(id)
          case .gone: return
          }
        }
      }
    }
  }

  /// A connection from its opening to its end, of which the client is told.
  private func carry(_ input: ForwardInput, _ id: UInt32, _ port: UInt16, _ session: SharedForwards) async throws {
    guard let place = place() else {
      let failure = "failed to forward port \(port): too many streams of this user are open"
      return try await client.write(session.end(id, failure: failure))
    }
    defer { withExtendedLifetime(place) {} }
    let connection: UpgradedConnection
    do {
      connection = try await open(port)
    } catch let error as StatusError {
      return try await client.write(session.end(id, failure: "failed to forward port \(port): \(error.message)"))
    }
    try await withThrowingDiscardingTaskGroup { group in
      group.addTask {
        do {
          while let bytes = await input.next() { try await connection.write(bytes) }
          try connection.closeWrite()
        } catch {
          // Nobody reads any more: the rest is dropped, and the connection's reader tells the client of the end.
          await input.close()
        }
      }
      do {
        while let bytes = try? await connection.read(), !bytes.isEmpty {
          try await client.write(session.bytes(bytes, of: id))
        }
      } catch {
        // Who waits for input is woken by this alone.
        await input.close()
        throw error
      }
      group.cancelAll()
      await input.close()
    }
    try await client.write(session.end(id))
  }
}

/// A forwarded connection's task, which can be ended alone.
final class Forward: Sendable {
  private struct State {
    var work: Task<Void, any Error>?
    var isDropped = false
  }

  let input = ForwardInput()
  private let state = Locked(State())

  /// Runs until the body ends, this task is cancelled, or the connection is dropped, which is no error.
  func run(_ body: @escaping @Sendable () async throws -> Void) async throws {
    // Ends with this call.
    let work = Task { try await body() }
    let isDropped = state.withLock { state in
      state.work = work
      return state.isDropped
    }
    if isDropped { work.cancel() }
    let result = await withTaskCancellationHandler {
      await work.result
    } onCancel: {
      work.cancel()
    }
    await input.close()
    if state.withLock({ $0.isDropped }) { return }
    try result.get()
  }

  /// Ends the connection at once, whatever its two sides still have to say.
  func drop() {
    state.withLock { state in
      state.isDropped = true
      return state.work
    }?.cancel()
  }
}

/// A session that several tasks use, and the connections that it is about; each goes with its end.
private final class SharedForwards: Sendable {
  private let session: Locked<ForwardSession>
  private let forwards = Locked<[UInt32: Forward]>([:])

  init(_ session: sending ForwardSession) { self.session = Locked(session) }

  func keep(_ forward: Forward, as id: UInt32) { forwards.withLock { $0[id] = forward } }

  func forward(_ id: UInt32) -> Forward? { forwards.withLock { $0[id] } }

  func drop(_ id: UInt32) { forwards.withLock { $0.removeValue(forKey: id) }?.drop() }

  func receive(_ bytes: [UInt8]) throws -> (events: [ForwardEvent], reply: [UInt8]) {
    try session.withLock { try $0.receive(bytes) }
  }

  func bytes(_ payload: [UInt8], of connection: UInt32) -> [UInt8] {
    session.withLock { $0.bytes(payload, of: connection) }
  }

  func end(_ connection: UInt32, failure: String? = nil) -> [UInt8] {
    forwards.withLock { $0[connection] = nil }
    return session.withLock { $0.end(connection, failure: failure) }
  }
}
