import LinuxSystem

/// Tasks that live as long as the engine, or until they end by themselves; ended together at shutdown.
final class EngineLifetime: Sendable {
  private struct State {
    var next: UInt64 = 0
    var tasks: [UInt64: Task<Void, Never>] = [:]
    /// Those of `tasks` that a shutdown waits for.
    var last: Set<UInt64> = []
    var isOver = false
  }

  private let state = Locked(State())

  var isOver: Bool { state.withLock { $0.isOver } }

  /// Runs `body` on the executor that may block.
  /// - Parameter finishes: whether a shutdown lets it come to its end.
  @discardableResult
  func run(
    on executor: any TaskExecutor, finishes: Bool = false, _ body: @escaping @Sendable () async -> Void
  ) -> Task<Void, Never> {
    state.withLock { state in
      state.next += 1
      let key = state.next
      let task = Task(executorPreference: executor) { [weak self] in
        await body()
        self?.finished(key)
      }
      if state.isOver { task.cancel() }
      state.tasks[key] = task
      if finishes { state.last.insert(key) }
      return task
    }
  }

  /// Waits for what is to come to its end.
  func finish() async {
    while let task = state.withLock({ state in state.last.first.flatMap { state.tasks[$0] } }) { await task.value }
  }

  /// Cancels everything and refuses what comes later.
  func end() {
    let tasks = state.withLock { state in
      state.isOver = true
      return Array(state.tasks.values)
    }
    for task in tasks { task.cancel() }
  }

  private func finished(_ key: UInt64) {
    state.withLock { state in
      state.tasks[key] = nil
      state.last.remove(key)
    }
  }
}
