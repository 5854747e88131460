import LinuxSystem
import Model

/// Whether a container's program was found in its root file system.
enum CommandLookup: Sendable, Equatable {
  case found
  case missing
  case notExecutable
  case isDirectory
}

/// Carries the lookup's outcome out of the thread that made it.
final class CommandLookupResult: Sendable {
  private let value = Locked<CommandLookup?>(nil)
  var current: CommandLookup? { value.withLock { $0 } }
  func set(_ lookup: CommandLookup) { value.withLock { $0 = lookup } }
}

/// A start that failed, with the exit code that docker's users know: 127 for a program that is missing, 126 for one that
/// cannot be run, 128 for the rest.
struct StartFailure: Error {
  /// What failed; docker's words for it begin the message.
  enum Phase: String, Sendable {
    case run = "failed to create task for container: "
    case exec = "OCI runtime exec failed: exec failed: "

    /// What comes before the reason when the program could not be run.
    var ofProgram: String {
      let runtime = self == .run ? "OCI runtime create failed: " : ""
      return "\(rawValue)\(runtime)unable to start container process: exec: "
    }
  }

  let exitCode: Int32
  let platformError: PlatformError

  init(_ error: any Error, lookup: CommandLookup?, program: String, of phase: Phase = .run) {
    let words = (error as? PlatformError)?.message ?? "\(error)"
    let prefix = phase.ofProgram
    switch lookup {
    case .missing:
      exitCode = 127
      let reason =
        program.contains("/") ? "stat \(program): no such file or directory" : "executable file not found in $PATH"
      platformError = PlatformError(
        .invalidArgument, "\(prefix)\"\(program)\": \(reason): unknown", context: ["runtime": words]
      ).about(.command)
    case .notExecutable:
      exitCode = 126
      platformError = PlatformError(
        .invalidArgument, "\(prefix)\"\(program)\": permission denied: unknown", context: ["runtime": words]
      ).about(.command)
    case .isDirectory:
      exitCode = 126
      platformError = PlatformError(
        .invalidArgument, "\(prefix)\"\(program)\": is a directory: unknown", context: ["runtime": words]
      ).about(.command)
    case .found, nil:
      exitCode = 128
      let code = (error as? PlatformError)?.code ?? .internal
      platformError = PlatformError(
        code, phase.rawValue + words, cause: error, subject: (error as? PlatformError)?.subject)
    }
  }
}

extension PlatformError {
  /// What is told of a start that failed outside the runtime.
  static func ofStart(_ error: any Error) -> PlatformError {
    switch error {
    case let error as PlatformError: error
    case let error as SystemError:
      PlatformError(
        .internal,
        "failed to start the container: \(error.operation) \(error.subject): \(SystemError.message(for: error.errno))",
        cause: error)
    default: PlatformError(.internal, "failed to start the container", cause: error)
    }
  }
}
