/// The one error type that crosses rooms.
///
/// `message` is written for the user (*failed to pull image 'debian:12': connection refused*) and may be sent to a
/// client; `context` and `cause` are internal and go to the log only. Each API maps `code` to its own status in one file.
public struct PlatformError: Error, Sendable, CustomStringConvertible {
  /// What kind of failure this is; callers branch on this and never on text.
  public enum Code: String, Sendable, CaseIterable {
    /// The request itself is wrong: bad value, bad name, unknown option.
    case invalidArgument
    /// The thing named does not exist.
    case notFound
    /// A name or a port is taken already, or the state of the thing forbids the request.
    case conflict
    /// The state wanted is the state there is (docker answers 304).
    case notModified
    /// The engine's policy forbids it.
    case forbidden
    /// The credentials are missing or wrong.
    case unauthenticated
    /// A bound was reached: body, entries, ids, connections.
    case resourceExhausted
    /// The engine does not have this feature (501 and its name).
    case notImplemented
    /// Something this needs is not there right now: the host, a program, a registry.
    case unavailable
    /// The caller went away or the deadline passed.
    case cancelled
    /// A failure of ours or of the host, not of the request.
    case `internal`
  }

  public let code: Code
  public let message: String
  public let context: [String: String]
  public let cause: (any Error)?
  /// What was exhausted is the room of a disk, or of a quota on one: asking again later does not help.
  public let isDiskFull: Bool
  /// What of the request is to blame; nil where that is not known, or all of it.
  public let subject: Subject?
  public let file: String
  public let line: UInt

  public init(
    _ code: Code, _ message: String, context: [String: String] = [:], cause: (any Error)? = nil,
    isDiskFull: Bool = false, subject: Subject? = nil, file: String = #fileID, line: UInt = #line
  ) {
    self.code = code
    self.message = message
    self.context = context
    self.cause = cause
    self.isDiskFull = isDiskFull
    self.subject = subject
    self.file = file
    self.line = line
  }

  func replacing(subject: Subject?) -> PlatformError {
    PlatformError(
      code, message, context: context, cause: cause, isDiskFull: isDiskFull, subject: subject, file: file, line: line)
  }

  public var description: String {
    var text = "\(code.rawValue): \(message)"
    for (key, value) in context.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
    if let cause { text += " cause=(\(cause))" }
    return text + " at \(file):\(line)"
  }
}
