import HTTPServing

extension HijackedStream {
  /// Copies both ways between a client and another connection until both have ended. Throws what either does.
  /// - Parameters:
  ///   - read: gives what the other side sends, at least one byte; empty at its end.
  ///   - write: sends to the other side.
  ///   - end: tells the other side that nothing more comes.
  public func join(
    read: @escaping @Sendable () async throws -> [UInt8], write: @escaping @Sendable ([UInt8]) async throws -> Void,
    end: @escaping @Sendable () throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        while let bytes = try await self.read() { try await write(bytes) }
        try end()
      }
      group.addTask {
        while true {
          let bytes = try await read()
          if bytes.isEmpty { break }
          try await self.write(bytes)
        }
        await closeWrite()
      }
      try await group.waitForAll()
    }
  }
}
