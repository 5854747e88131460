import Glibc

/// Standard output (through `print`) and standard error of this program.
enum Console {
  /// Writes out what `print` holds back; needed before anything writes to the descriptor itself.
  static func flush() { fflush(nil) }

  /// Writes to standard error as it is. Where that is closed there is nobody to tell.
  static func writeError(_ text: String) {
    flush()
    try? writeAll(STDERR_FILENO, Array(text.utf8)[...])
  }

  /// One line for the user, under this program's name.
  static func complain(_ message: String) { writeError("bulkhead: \(message)\n") }
}
