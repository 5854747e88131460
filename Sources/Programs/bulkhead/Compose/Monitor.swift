import Glibc

/// State that threads share and whose changes they wait for (pthread_cond_wait(3)).
///
/// Unchecked: the state is touched under the lock alone.
final class Monitor<State>: @unchecked Sendable {
  private var state: State
  private let lock: UnsafeMutablePointer<pthread_mutex_t>
  private let changed: UnsafeMutablePointer<pthread_cond_t>

  init(_ state: State) {
    self.state = state
    lock = .allocate(capacity: 1)
    changed = .allocate(capacity: 1)
    pthread_mutex_init(lock, nil)
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    pthread_cond_init(changed, &attributes)
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(lock)
    changed.deallocate()
    lock.deallocate()
  }

  /// Changes the state and wakes all that wait.
  func with<Result>(_ body: (inout State) -> Result) -> Result {
    pthread_mutex_lock(lock)
    defer {
      pthread_cond_broadcast(changed)
      pthread_mutex_unlock(lock)
    }
    return body(&state)
  }

  /// Blocks until `body` has something, which it is asked again after each change; nil when the time is over first.
  func wait<Result>(until deadline: Deadline? = nil, _ body: (inout State) -> Result?) -> Result? {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while true {
      if let result = body(&state) {
        pthread_cond_broadcast(changed)
        return result
      }
      if let deadline {
        var time = deadline.time
        if pthread_cond_timedwait(changed, lock, &time) == ETIMEDOUT { return body(&state) }
      } else {
        pthread_cond_wait(changed, lock)
      }
    }
  }
}

/// A moment of the monotonic clock.
struct Deadline: Sendable {
  let time: timespec

  init(nanosecondsFromNow nanoseconds: Int64) {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    let total = Int64(now.tv_nsec).plus(nanoseconds % 1_000_000_000)
    time = timespec(
      tv_sec: now.tv_sec + Int(nanoseconds / 1_000_000_000) + Int(total / 1_000_000_000),
      tv_nsec: Int(total % 1_000_000_000))
  }

  /// Waits until there is something to read, or the end of it; false where the time is over first.
  func allowsReading(_ descriptor: Int32) -> Bool {
    while true {
      var now = timespec()
      clock_gettime(CLOCK_MONOTONIC, &now)
      let left = (time.tv_sec - now.tv_sec) * 1_000 + (time.tv_nsec - now.tv_nsec) / 1_000_000
      guard left > 0 else { return false }
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let count = poll(&entry, 1, Int32(clamping: left))
      if count > 0 { return true }
      if count < 0, errno != EINTR { return true }
    }
  }
}

/// Threads of this program's own, for requests that block.
enum Threads {
  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  /// A started thread that `join` waits for.
  struct Handle { fileprivate let thread: pthread_t }

  static func start(_ body: @escaping @Sendable () -> Void) throws(ClientError) -> Handle {
    var thread = pthread_t()
    let work = Unmanaged.passRetained(Work(body))
    let code = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, work.toOpaque())
    guard code == 0 else {
      work.release()
      throw ClientError("cannot start a thread: \(describe(errno: code))")
    }
    return Handle(thread: thread)
  }

  static func join(_ handle: Handle) { pthread_join(handle.thread, nil) }

  /// Calls `body` for each value on at most `limit` threads and waits for all. Throws the first failure by position; all are
  /// tried.
  static func forEach<Value: Sendable>(
    _ values: [Value], limit: Int = 16, _ body: @escaping @Sendable (Value) throws(ClientError) -> Void
  ) throws(ClientError) {
    let next = Monitor(0)
    let failures = Monitor<[Int: ClientError]>([:])
    var handles: [Handle] = []
    for _ in 0..<min(limit, values.count) {
      handles.append(
        try start {
          while let index = next.with({ index -> Int? in
            guard index < values.count else { return nil }
            defer { index += 1 }
            return index
          }) {
            do throws(ClientError) { try body(values[index]) } catch { failures.with { $0[index] = error } }
          }
        })
    }
    for handle in handles { join(handle) }
    if let first = failures.with({ failures in failures.min { $0.key < $1.key }?.value }) { throw first }
  }
}
