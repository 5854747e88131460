import Glibc
import Model

/// A job on a thread of its own, and its outcome, for which another thread waits.
public final class ThreadOutcome<Value: Sendable>: @unchecked Sendable {
  // Unchecked: `result` is written once, under `lock`, and read under it.
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var result: Result<Value, any Error>?

  /// Starts the job.
  public init(_ body: @escaping @Sendable () throws -> Value) throws {
    pthread_mutex_init(lock, nil)
    pthread_cond_init(changed, nil)
    try WorkerThread.start { [self] in
      let value = Result(catching: body)
      pthread_mutex_lock(lock)
      result = value
      pthread_cond_broadcast(changed)
      pthread_mutex_unlock(lock)
    }
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(lock)
    changed.deallocate()
    lock.deallocate()
  }

  /// Waits for the job to end. Blocks.
  public func wait() throws -> Value {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while true {
      if let result { return try result.get() }
      pthread_cond_wait(changed, lock)
    }
  }
}
