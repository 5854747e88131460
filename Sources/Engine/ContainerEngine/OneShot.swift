import LinuxSystem

/// A value that comes once and that any number of tasks may wait for.
final class OneShot<Value: Sendable>: Sendable {
  private struct State {
    var value: Value?
    var nextKey: UInt64 = 0
    var waiters: [UInt64: CheckedContinuation<Value?, Never>] = [:]
  }

  private let state = Locked(State())

  /// Gives the value; the first call wins.
  func resolve(_ value: Value) {
    let waiters = state.withLock { state -> [CheckedContinuation<Value?, Never>] in
      guard state.value == nil else { return [] }
      state.value = value
      defer { state.waiters = [:] }
      return Array(state.waiters.values)
    }
    for waiter in waiters { waiter.resume(returning: value) }
  }

  /// The value if it is there.
  var current: Value? { state.withLock { $0.value } }

  /// Waits for the value.
  /// - Throws: `CancellationError` when the waiting task is cancelled first.
  func wait() async throws -> Value {
    let key = state.withLock { state in
      state.nextKey += 1
      return state.nextKey
    }
    let value = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let immediate: Value?? = state.withLock { state in
          if let value = state.value { return .some(value) }
          if Task.isCancelled { return .some(nil) }
          state.waiters[key] = continuation
          return nil
        }
        if let immediate { continuation.resume(returning: immediate) }
      }
    } onCancel: {
      let waiter = state.withLock { $0.waiters.removeValue(forKey: key) }
      waiter?.resume(returning: nil)
    }
    guard let value else { throw CancellationError() }
    return value
  }

  /// No wait is longer: clients name any number of seconds, and the clock counts not all of them.
  static var longestSeconds: Double { Double(Int32.max) }

  /// Waits at most `seconds`, and `longestSeconds`; nil when the time has passed.
  func wait(seconds: Double) async throws -> Value? {
    if let value = current { return value }
    let seconds = min(max(seconds, 0), Self.longestSeconds)
    return try await withThrowingTaskGroup(of: Value?.self) { group in
      group.addTask { try await self.wait() }
      group.addTask {
        try await Task.sleep(for: .seconds(seconds))
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }
}
