/// Lets one task through at a time, the others in the order in which they came.
actor Turnstile {
  private var isTaken = false
  private var waiters: [CheckedContinuation<Void, Never>] = []

  /// Runs work while nobody else is within.
  nonisolated func through<R>(_ work: () async throws -> R) async rethrows -> R {
    await enter()
    do {
      let result = try await work()
      await leave()
      return result
    } catch {
      await leave()
      throw error
    }
  }

  private func enter() async {
    guard isTaken else {
      isTaken = true
      return
    }
    await withCheckedContinuation { waiters.append($0) }
  }

  private func leave() {
    if waiters.isEmpty { isTaken = false } else { waiters.removeFirst().resume() }
  }
}
