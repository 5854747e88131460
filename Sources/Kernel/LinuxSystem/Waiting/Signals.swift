import CLinuxShim
import Glibc

/// Dispositions that a program sets once, when it starts.
public enum Signals {
  /// Writing to a pipe that nobody reads fails with EPIPE instead of ending the program. Children start with the default.
  public static func ignoreBrokenPipe() {
    signal(SIGPIPE, SIG_IGN)
  }

  /// Turns signals into something to wait for: the descriptor becomes readable when one comes. Once in a process.
  public static func receive(_ numbers: [Int32]) throws -> Descriptor {
    Descriptor(owning: try systemCall("sigaction") { bh_signal_bell(numbers, numbers.count) })
  }
}
