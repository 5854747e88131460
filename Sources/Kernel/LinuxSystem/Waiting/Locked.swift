import Synchronization

/// State that threads touch one at a time, each for a moment. Stands wherever a `Mutex` could: that one is used here alone.
///
/// A `Mutex` is a futex that holds its owner's thread id, and all its calls are inlined. Within an asynchronous function the
/// optimizer (Swift 6.3, release) uses an id read before a suspension after it too, when the task may run on another thread: the
/// lock then belongs to a thread that knows nothing of it, and the program ends. Here taking the lock, the work and giving it back
/// are one synchronous function that is never inlined, so that no suspension comes between (docs/adr/0018).
public final class Locked<State>: Sendable {
  @usableFromInline let mutex: Mutex<State>

  @inlinable public init(_ state: sending State) { mutex = Mutex(state) }

  /// Runs `body` with the state while no other thread has it; waits for one that has. Must not be called from within `body`.
  // Inlinable only so that callers in other rooms get it specialized.
  @inlinable @inline(never)
  public func withLock<Result, Failure: Error>(
    _ body: (inout sending State) throws(Failure) -> sending Result
  ) throws(Failure) -> sending Result {
    try mutex.withLock(body)
  }
}
