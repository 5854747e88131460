import LinuxSystem

/// Lets one step at a time use a cache that is `locked`; the others wait without a thread, and not longer than their build
/// lasts.
final class StepLock: Sendable {
  private struct State {
    var isHeld = false
    var next = 0
    var queue: [(ticket: Int, continuation: CheckedContinuation<Bool, Never>)] = []
    /// Tickets whose task was cancelled before it came to wait.
    var cancelled: Set<Int> = []
  }
  private let state = Locked(State())

  /// - Throws: `CancellationError`; the lock is not held then.
  func acquire() async throws {
    let ticket = state.withLock { state in
      state.next += 1
      return state.next
    }
    let isTaken = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let answer = state.withLock { state -> Bool? in
          if state.cancelled.remove(ticket) != nil { return false }
          if state.isHeld {
            state.queue.append((ticket, continuation))
            return nil
          }
          state.isHeld = true
          return true
        }
        if let answer { continuation.resume(returning: answer) }
      }
    } onCancel: {
      let waiting = state.withLock { state -> CheckedContinuation<Bool, Never>? in
        guard let index = state.queue.firstIndex(where: { $0.ticket == ticket }) else {
          state.cancelled.insert(ticket)
          return nil
        }
        return state.queue.remove(at: index).continuation
      }
      waiting?.resume(returning: false)
    }
    state.withLock { state in _ = state.cancelled.remove(ticket) }
    guard isTaken else { throw CancellationError() }
  }

  func release() {
    let next = state.withLock { state -> CheckedContinuation<Bool, Never>? in
      if state.queue.isEmpty {
        state.isHeld = false
        return nil
      }
      return state.queue.removeFirst().continuation
    }
    next?.resume(returning: true)
  }
}
