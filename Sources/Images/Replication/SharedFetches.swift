import LinuxSystem
import Model
import Registry

/// Fetches that are under way, each for all who want the same. A fetch ends at its deadline, and with the last who waits for
/// it. Each project has places of its own, so that nobody who pulls from one keeps others from theirs.
final class SharedFetches<Value: Sendable>: Sendable {
  struct Key: Sendable, Hashable {
    var project: String
    /// Who asks since the project was made anew is not served by what began before.
    var epoch: ProjectEpoch
    var subject: String
  }

  private struct Fetch {
    var id: UInt64
    var task: Task<Void, Never>
    var waiters: [UInt64: CheckedContinuation<Value, any Error>]
  }

  private struct State {
    var fetches: [Key: Fetch] = [:]
    var lastID: UInt64 = 0

    mutating func nextID() -> UInt64 {
      lastID += 1
      return lastID
    }
  }

  private let limit: Int
  private let executor: BlockingExecutor
  private let deadline: @Sendable () async throws -> Void
  private let late: UpstreamFailure
  private let state = Locked(State())

  /// - Parameters:
  ///   - limit: fetches of one project.
  ///   - deadline: returns when a fetch that begins now has to be over, or throws when it is cancelled.
  ///   - late: thrown then.
  init(
    limit: Int, executor: BlockingExecutor, deadline: @escaping @Sendable () async throws -> Void, late: UpstreamFailure
  ) {
    (self.limit, self.executor, self.deadline, self.late) = (limit, executor, deadline, late)
  }

  /// Runs `fetch` unless the same is under way; then its outcome is this one's, too. A caller that is cancelled leaves at once.
  /// Throws `resourceExhausted` where the project's places are taken.
  func value(_ key: Key, _ fetch: @escaping @Sendable () async throws -> Value) async throws -> Value {
    let waiter = state.withLock { $0.nextID() }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        wait(waiter, continuation, for: key, fetch)
        // The handler came before there was anything to leave.
        if Task.isCancelled { leave(waiter, key) }
      }
    } onCancel: {
      leave(waiter, key)
    }
  }

  /// Ends the fetches of projects that are none any more.
  func end(where isOver: (Key) -> Bool, _ error: any Error) {
    let over = state.withLock { state in
      let keys = state.fetches.keys.filter(isOver)
      return keys.compactMap { state.fetches.removeValue(forKey: $0) }
    }
    for fetch in over {
      fetch.task.cancel()
      for waiter in fetch.waiters.values { waiter.resume(throwing: error) }
    }
  }

  var count: Int { state.withLock { $0.fetches.count } }
  /// Callers that wait for them.
  var waiters: Int { state.withLock { $0.fetches.values.reduce(0) { $0 + $1.waiters.count } } }

  private func wait(
    _ waiter: UInt64, _ continuation: CheckedContinuation<Value, any Error>, for key: Key,
    _ fetch: @escaping @Sendable () async throws -> Value
  ) {
    let hasPlace = state.withLock { state in
      if state.fetches[key] != nil {
        state.fetches[key]?.waiters[waiter] = continuation
        return true
      }
      guard state.fetches.keys.count(where: { $0.project == key.project }) < limit else { return false }
      let id = state.nextID()
      // Owned by the table: it goes on when the client that began it leaves, as others may wait for it.
      let task = Task(executorPreference: executor) { [self] in await run(id, key, fetch) }
      state.fetches[key] = Fetch(id: id, task: task, waiters: [waiter: continuation])
      return true
    }
    guard !hasPlace else { return }
    continuation.resume(
      throwing: PlatformError(
        .resourceExhausted, "\(limit) images are being fetched for project '\(key.project)'; try again later"))
  }

  private func run(_ id: UInt64, _ key: Key, _ fetch: @escaping @Sendable () async throws -> Value) async {
    let result: Result<Value, any Error>
    do {
      result = .success(try await within(deadline, on: executor, late: late, fetch))
    } catch {
      result = .failure(error)
    }
    let waiters = state.withLock { state -> [UInt64: CheckedContinuation<Value, any Error>] in
      guard state.fetches[key]?.id == id else { return [:] }
      return state.fetches.removeValue(forKey: key)?.waiters ?? [:]
    }
    for waiter in waiters.values { waiter.resume(with: result) }
  }

  private func leave(_ waiter: UInt64, _ key: Key) {
    let (continuation, task) = state.withLock { state -> (CheckedContinuation<Value, any Error>?, Task<Void, Never>?) in
      guard let continuation = state.fetches[key]?.waiters.removeValue(forKey: waiter) else { return (nil, nil) }
      guard state.fetches[key]?.waiters.isEmpty == true else { return (continuation, nil) }
      return (continuation, state.fetches.removeValue(forKey: key)?.task)
    }
    task?.cancel()
    continuation?.resume(throwing: CancellationError())
  }
}
