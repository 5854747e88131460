import LinuxSystem

/// Lets one operation at a time work on one entity; the others wait in order, without holding a thread.
final class OperationLock: Sendable {
  /// Proof that the lock is held: functions that need it take one.
  struct Token: Sendable {
    fileprivate init() {}
  }

  private struct State {
    var held = false
    var queue: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Locked(State())

  /// Runs `body` when all who asked before are done.
  func withLock<Result: Sendable>(_ body: (Token) async throws -> Result) async rethrows -> Result {
    await acquire()
    defer { release() }
    return try await body(Token())
  }

  private func acquire() async {
    await withCheckedContinuation { continuation in
      let immediate = state.withLock { state in
        if state.held {
          state.queue.append(continuation)
          return false
        }
        state.held = true
        return true
      }
      if immediate { continuation.resume() }
    }
  }

  private func release() {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      if state.queue.isEmpty {
        state.held = false
        return nil
      }
      return state.queue.removeFirst()
    }
    next?.resume()
  }
}
