import LinuxSystem

/// Lets those who bring the same credentials at the same time wait for one answer: a hundred jobs that begin at once cost one
/// look at the password, and no thread each.
final class SharedSignIns<Key: Hashable & Sendable>: Sendable {
  private let waiting = Locked<[Key: [CheckedContinuation<SignIn?, any Error>]]>([:])

  /// Runs `body` for the first who comes with a key; whoever comes meanwhile gets its answer.
  func answer(_ key: Key, _ body: () throws -> SignIn) async throws -> SignIn {
    let shared = try await withCheckedThrowingContinuation { continuation in
      let isFirst = waiting.withLock { waiting in
        if waiting[key] == nil {
          waiting[key] = []
          return true
        }
        waiting[key]?.append(continuation)
        return false
      }
      if isFirst { continuation.resume(returning: nil) }
    }
    if let shared { return shared }
    let result = Result { try body() }
    let others = waiting.withLock { $0.removeValue(forKey: key) } ?? []
    for other in others { other.resume(with: result.map { SignIn(principal: $0.principal, isFresh: false) }) }
    return try result.get()
  }
}
