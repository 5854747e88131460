import Glibc
import LinuxSystem
import Model

/// Runs `body` and turns the kernel's errors into the platform's; `action` starts the message.
func translatingSystemErrors<Result>(_ action: String, _ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as SystemError {
    throw platformError(action, error)
  }
}

func platformError(_ action: String, _ error: SystemError) -> PlatformError {
  let full = [ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM].contains(error.errno)
  return PlatformError(
    full ? .resourceExhausted : .internal, "failed to \(action): \(SystemError.message(for: error.errno))",
    cause: error, isDiskFull: error.errno == ENOSPC || error.errno == EDQUOT)
}
