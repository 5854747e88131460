import CLinuxShim
import Glibc

/// Threads of our own, for what must not hold up the cooperative pool.
enum SystemThread {
  /// Starts a detached thread.
  /// - Parameters:
  ///   - name: at most 15 bytes are shown.
  ///   - stackBytes: address space; memory is only used as far as the stack grows.
  static func start(name: String, stackBytes: Int, _ body: @escaping @Sendable () -> Void) throws {
    var attributes = pthread_attr_t()
    try check(pthread_attr_init(&attributes))
    defer { pthread_attr_destroy(&attributes) }
    try check(pthread_attr_setstacksize(&attributes, stackBytes))
    try check(pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED)))
    let start = Unmanaged.passRetained(Start(name: name, body: body))
    var thread = pthread_t()
    let code = pthread_create(
      &thread, &attributes,
      { context in
        guard let context else { return nil }
        let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
        _ = bh_set_thread_name(String(start.name.prefix(15)))
        start.body()
        return nil
      }, start.toOpaque())
    if code != 0 {
      start.release()
      throw SystemError(errno: code, operation: "pthread_create", subject: name)
    }
  }

  private static func check(_ code: Int32) throws {
    if code != 0 { throw SystemError(errno: code, operation: "pthread_attr") }
  }

  private final class Start: Sendable {
    let name: String
    let body: @Sendable () -> Void

    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }
}
