import Glibc
import Synchronization

/// A thread of the tests' own, for work that blocks beside the test.
final class Thread: Sendable {
  private let handle: Mutex<pthread_t>

  private final class Work: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }

  init(_ body: @escaping @Sendable () -> Void) {
    var thread = pthread_t()
    let work = Unmanaged.passRetained(Work(body))
    let code = pthread_create(
      &thread, nil,
      { argument in
        if let argument { Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body() }
        return nil
      }, work.toOpaque())
    precondition(code == 0, "no thread can be made")
    handle = Mutex(thread)
  }

  /// Blocks until the work is done. Once.
  func join() { pthread_join(handle.withLock { $0 }, nil) }
}
