import Glibc

/// Where a thread of `BlockingExecutor` sleeps until it is handed a job.
///
/// Unchecked: `message` is only touched with `mutex` held.
final class IdleThread: @unchecked Sendable {
  enum Awakening {
    /// Handed a job, or nil: end.
    case woken(UnownedJob?)
    case timedOut
  }

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var message: UnownedJob??

  init() {
    mutex.initialize(to: pthread_mutex_t())
    condition.initialize(to: pthread_cond_t())
    pthread_mutex_init(mutex, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(condition, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func wake(with job: UnownedJob?) {
    pthread_mutex_lock(mutex)
    message = .some(job)
    pthread_cond_signal(condition)
    pthread_mutex_unlock(mutex)
  }

  /// - Parameter seconds: nil for as long as it takes.
  func sleep(seconds: Int?) -> Awakening {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    var end = timespec()
    clock_gettime(CLOCK_MONOTONIC, &end)
    end.tv_sec += seconds ?? 0
    while message == nil {
      let code = seconds == nil ? pthread_cond_wait(condition, mutex) : pthread_cond_timedwait(condition, mutex, &end)
      if code == ETIMEDOUT && message == nil { return .timedOut }
    }
    defer { message = nil }
    return .woken(message ?? nil)
  }
}
