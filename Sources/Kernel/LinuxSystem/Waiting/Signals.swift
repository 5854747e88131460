import Glibc

/// Dispositions that a program sets once, when it starts.
public enum Signals {
  /// Writing to a pipe that nobody reads fails with EPIPE instead of ending the program. Children start with the default.
  public static func ignoreBrokenPipe() {
    signal(SIGPIPE, SIG_IGN)
  }
}
