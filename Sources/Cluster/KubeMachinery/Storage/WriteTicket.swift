import LinuxSystem

/// One write on its way: waits for its turn, then holds its result.
final class WriteTicket: Sendable {
  enum Turn: Sendable {
    /// The write is done.
    case done
    /// This writer leads the next transaction.
    case lead
  }

  private enum Wait {
    case none
    case waiting(CheckedContinuation<Turn, Never>)
    case called(Turn)
  }

  let key: ObjectKey
  let write: ObjectWrite
  private let wait = Locked(Wait.none)
  private let outcome = Locked<Result<StoredObject, any Error>?>(nil)

  init(key: ObjectKey, write: ObjectWrite) {
    self.key = key
    self.write = write
  }

  func turn() async -> Turn {
    await withCheckedContinuation { continuation in
      let called = wait.withLock { wait -> Turn? in
        if case .called(let turn) = wait { return turn }
        wait = .waiting(continuation)
        return nil
      }
      if let called { continuation.resume(returning: called) }
    }
  }

  func call(_ turn: Turn) {
    let waiting = wait.withLock { wait -> CheckedContinuation<Turn, Never>? in
      if case .waiting(let continuation) = wait {
        wait = .none
        return continuation
      }
      wait = .called(turn)
      return nil
    }
    waiting?.resume(returning: turn)
  }

  func finish(_ result: Result<StoredObject, any Error>) { outcome.withLock { $0 = result } }

  func result() throws -> StoredObject {
    guard let result = outcome.withLock({ $0 }) else {
      preconditionFailure("a write was asked for its result before its turn")
    }
    return try result.get()
  }
}
