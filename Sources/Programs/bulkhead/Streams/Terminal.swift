import Glibc

/// The user's terminal: its size, and raw mode for the time of a session.
struct Terminal {
  let descriptor: Int32

  struct Size: Equatable {
    var rows: Int
    var columns: Int
  }

  /// Empties the screen and goes to its first place (ECMA-48: ED, CUP).
  static let clear = "\u{1B}[2J\u{1B}[H"

  static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// Nil where the descriptor is no terminal.
  var size: Size? {
    var window = winsize()
    guard ioctl(descriptor, UInt(TIOCGWINSZ), &window) == 0 else { return nil }
    return Size(rows: Int(window.ws_row), columns: Int(window.ws_col))
  }

  /// Shows nothing of what is typed while `body` runs.
  func withoutEcho<Result>(_ body: () throws(ClientError) -> Result) throws(ClientError) -> Result {
    var saved = termios()
    guard tcgetattr(descriptor, &saved) == 0 else { return try body() }
    var silent = saved
    silent.c_lflag &= ~tcflag_t(ECHO)
    tcsetattr(descriptor, TCSAFLUSH, &silent)
    defer { tcsetattr(descriptor, TCSAFLUSH, &saved) }
    return try body()
  }

  /// Passes every key on as it is, without echo, while `body` runs. Does nothing where the descriptor is no terminal.
  func inRawMode<Result>(_ body: () throws(ClientError) -> Result) throws(ClientError) -> Result {
    var saved = termios()
    guard tcgetattr(descriptor, &saved) == 0 else { return try body() }
    var raw = saved
    cfmakeraw(&raw)
    tcsetattr(descriptor, TCSADRAIN, &raw)
    defer { tcsetattr(descriptor, TCSADRAIN, &saved) }
    return try body()
  }
}
