import LinuxSystem
import Model
import Synchronization

/// Whether a container's program was found in its root file system.
enum CommandLookup: Sendable, Equatable {
  case found
  case missing
  case notExecutable
  case isDirectory
}

/// Carries the lookup's outcome out of the thread that made it.
final class CommandLookupResult: Sendable {
  private let value = Mutex<CommandLookup?>(nil)
  var current: CommandLookup? { value.withLock { $0 } }
  func set(_ lookup: CommandLookup) { value.withLock { $0 = lookup } }
}

/// A start that failed, with the exit code that docker's users know: 127 for a program that is missing, 126 for one that
/// cannot be run, 128 for the rest.
struct StartFailure: Error {
  let exitCode: Int32
  let platformError: PlatformError

  init(_ error: any Error, lookup: CommandLookup?, program: String) {
    let words = (error as? PlatformError)?.message ?? "\(error)"
    let prefix = "failed to create task for container: "
    switch lookup {
    case .missing:
      exitCode = 127
      let reason =
        program.contains("/") ? "stat \(program): no such file or directory" : "executable file not found in $PATH"
      platformError = PlatformError(
        .invalidArgument, prefix + "exec: \"\(program)\": \(reason)", context: ["runtime": words])
    case .notExecutable:
      exitCode = 126
      platformError = PlatformError(
        .invalidArgument, prefix + "exec: \"\(program)\": permission denied", context: ["runtime": words])
    case .isDirectory:
      exitCode = 126
      platformError = PlatformError(
        .invalidArgument, prefix + "exec: \"\(program)\": is a directory", context: ["runtime": words])
    case .found, nil:
      exitCode = 128
      let code = (error as? PlatformError)?.code ?? .internal
      platformError = PlatformError(code, prefix + words, cause: error)
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
