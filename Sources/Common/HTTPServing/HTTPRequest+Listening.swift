extension HTTPRequest {
  /// Runs `work`, which waits for something, and cancels it when the client closes its side of the connection: nobody is left then
  /// to be told. Not for work that changes something.
  public func whileClientListens<R: Sendable>(
    _ work: @escaping @Sendable () async throws -> R
  ) async throws -> R {
    guard let connection = body.connection else { return try await work() }
    // Owned by this call, which ends it.
    let task = Task { try await work() }
    connection.watch(.inputClosed) { task.cancel() }
    defer { connection.unwatch() }
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }
}
