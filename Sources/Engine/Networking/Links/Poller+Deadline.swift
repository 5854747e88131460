import LinuxSystem

extension Poller {
  /// Waits until reading would not block, or for a while; false when the time has passed.
  func waitReadable(_ descriptor: Int32, within limit: Duration) async throws -> Bool {
    try await race(limit) { try await self.waitReadable(descriptor) }
  }

  /// Waits until writing would not block, or for a while; false when the time has passed.
  func waitWritable(_ descriptor: Int32, within limit: Duration) async throws -> Bool {
    try await race(limit) { try await self.waitWritable(descriptor) }
  }

  private func race(_ limit: Duration, _ wait: @escaping @Sendable () async throws -> Void) async throws -> Bool {
    try await withThrowingTaskGroup(of: Bool.self) { group in
      group.addTask {
        try await wait()
        return true
      }
      group.addTask {
        try await Task.sleep(for: limit)
        return false
      }
      defer { group.cancelAll() }
      return try await group.next() ?? false
    }
  }
}
