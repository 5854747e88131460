/// A failure as the user is told it: one line that says what went wrong and, where known, what to do next.
struct ClientError: Error, Equatable {
  let message: String
  /// The code that the program ends with.
  let exitCode: Int32
  /// The status of the engine's answer; nil where the failure is not an answer.
  let status: Int?
  /// The member of the request's body that the engine's answer is about, `HostConfig.CapAdd`, and the element of it.
  let field: String?
  let element: String?

  init(
    _ message: String, exitCode: Int32 = ExitStatus.failure, status: Int? = nil, field: String? = nil,
    element: String? = nil
  ) {
    self.message = message
    self.exitCode = exitCode
    self.status = status
    self.field = field
    self.element = element
  }

  /// What has to be changed is the command line.
  static func usage(_ message: String) -> ClientError { ClientError(message, exitCode: ExitStatus.usage) }

  /// The same failure under another exit code; a wrong command line keeps its own.
  func with(exitCode: Int32) -> ClientError {
    self.exitCode == ExitStatus.usage
      ? self : ClientError(message, exitCode: exitCode, status: status, field: field, element: element)
  }

  /// The same failure in other words.
  func saying(_ message: String) -> ClientError {
    ClientError(message, exitCode: exitCode, status: status, field: field, element: element)
  }
}

/// What the program's exit codes mean; `run`, `exec`, `start --attach` and `wait` end with the container's own code.
enum ExitStatus {
  /// The engine or the server refused, or could not be reached.
  static let failure: Int32 = 1
  /// What was asked for was done, and its outcome is bad: findings of a check, copies that failed.
  static let incomplete: Int32 = 3
  /// The command line is wrong (`EX_USAGE` of sysexits(3)); the parser of arguments ends with it, too.
  static let usage: Int32 = 64
  /// `run`, `create`, `exec`: the engine failed, not the container's program.
  static let engine: Int32 = 125
  /// `run`: the container's program cannot be invoked.
  static let cannotInvoke: Int32 = 126
  /// `run`: the container's program was not found.
  static let notFound: Int32 = 127
}
