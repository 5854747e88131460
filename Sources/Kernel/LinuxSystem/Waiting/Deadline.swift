/// Runs a task against the clock.
public enum Deadline {
  /// What `body` returns, or nil when the time has passed; then `body` is cancelled and waited for.
  public static func run<Result: Sendable>(
    within limit: Duration, _ body: @escaping @Sendable () async throws -> Result
  ) async throws -> Result? {
    try await withThrowingTaskGroup(of: Result?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        try await Task.sleep(for: limit)
        return nil
      }
      defer { group.cancelAll() }
      return try await group.next() ?? nil
    }
  }
}

extension Poller {
  /// Waits until reading would not block, or for a while; false when the time has passed.
  public func waitReadable(_ descriptor: Int32, within limit: Duration) async throws -> Bool {
    try await Deadline.run(within: limit) { try await self.waitReadable(descriptor) } != nil
  }
}
