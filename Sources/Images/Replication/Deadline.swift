import LinuxSystem

/// The outcome of `body`, or `late` thrown where `pause` ends first. `body` is cancelled then, and when the caller is, and not
/// waited for: looking up a name cannot be cut short.
func within<R: Sendable>(
  _ pause: @escaping @Sendable () async throws -> Void, on executor: BlockingExecutor, late: any Error,
  _ body: @escaping @Sendable () async throws -> R
) async throws -> R {
  let race = Race<R>()
  // Both are this call's, which ends them.
  let work = Task(executorPreference: executor) {
    do {
      race.end(with: .success(try await body()))
    } catch {
      race.end(with: .failure(error))
    }
  }
  let timer = Task {
    try await pause()
    race.end(with: .failure(late))
    work.cancel()
  }
  defer { timer.cancel() }
  return try await withTaskCancellationHandler {
    try await race.outcome()
  } onCancel: {
    race.end(with: .failure(CancellationError()))
    work.cancel()
  }
}

/// The first of several outcomes.
private final class Race<R: Sendable>: Sendable {
  private enum State {
    case running(CheckedContinuation<R, any Error>?)
    case over(Result<R, any Error>)
  }

  private let state = Locked<State>(.running(nil))

  func end(with result: Result<R, any Error>) {
    let waiter = state.withLock { state -> CheckedContinuation<R, any Error>? in
      guard case .running(let waiter) = state else { return nil }
      state = .over(result)
      return waiter
    }
    waiter?.resume(with: result)
  }

  /// For one caller.
  func outcome() async throws -> R {
    try await withCheckedThrowingContinuation { continuation in
      let result = state.withLock { state -> Result<R, any Error>? in
        if case .over(let result) = state { return result }
        state = .running(continuation)
        return nil
      }
      if let result { continuation.resume(with: result) }
    }
  }
}
