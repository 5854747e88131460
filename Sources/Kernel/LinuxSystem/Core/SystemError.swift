import Glibc

/// A system call that failed.
public struct SystemError: Error, Sendable, Equatable, CustomStringConvertible {
  /// The kernel's error number (errno(3)).
  public let errno: Int32
  /// The call, named as in section 2 of the manual.
  public let operation: String
  /// What the call was about: a path, a pid, or empty.
  public let subject: String

  public init(errno: Int32, operation: String, subject: String = "") {
    self.errno = errno
    self.operation = operation
    self.subject = subject
  }

  public var description: String {
    let about = subject.isEmpty ? "" : " '\(subject)'"
    return "\(operation)\(about): \(Self.message(for: errno))"
  }

  /// The C library's text for an error number.
  public static func message(for code: Int32) -> String {
    let capacity = 256
    return withUnsafeTemporaryAllocation(of: CChar.self, capacity: capacity) { buffer in
      guard let base = buffer.baseAddress, strerror_r(code, base, capacity) == 0 else { return "error \(code)" }
      return String(cString: base)
    }
  }
}

/// Makes a system call: repeats it while a signal interrupts it (EINTR), and turns the result -1 into a `SystemError`,
/// with errno read before anything else runs.
// Never inlined: errno is the thread's, and an asynchronous function may run on another one after a suspension (docs/adr/0018).
@discardableResult @inline(never)
public func systemCall<Result: SignedInteger>(
  _ operation: String, _ subject: @autoclosure () -> String = "", _ call: () -> Result
) throws -> Result {
  while true {
    let result = call()
    if result != -1 { return result }
    let code = errno
    if code != EINTR { throw SystemError(errno: code, operation: operation, subject: subject()) }
  }
}
