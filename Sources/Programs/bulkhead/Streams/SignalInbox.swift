import Glibc
import Synchronization

/// Signals as something to read, so that one poll loop sees them among everything else: a handler writes each signal's
/// number into a pipe. One inbox at a time.
final class SignalInbox {
  /// The end to poll and read.
  let descriptor: Int32
  private let writeEnd: Int32
  private let signals: [Int32]

  /// The signals that are passed on to a container, with the names its API takes.
  static let forwarded: [(number: Int32, name: String)] = [
    (SIGINT, "SIGINT"), (SIGTERM, "SIGTERM"), (SIGHUP, "SIGHUP"), (SIGQUIT, "SIGQUIT"), (SIGUSR1, "SIGUSR1"),
    (SIGUSR2, "SIGUSR2"),
  ]

  /// Takes the signals over until the inbox is let go.
  init(_ signals: [Int32]) throws(ClientError) {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { throw ClientError("cannot watch for signals: \(describe(errno: errno))") }
    // A full pipe holds more signals than anyone waits for: the handler must not block on it.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) + fcntl(end, F_SETFL, O_NONBLOCK) }
    descriptor = ends[0]
    writeEnd = ends[1]
    self.signals = signals
    signalPipe.store(writeEnd, ordering: .sequentiallyConsistent)
    for number in signals { signal(number, deliver) }
  }

  deinit {
    for number in signals { signal(number, SIG_DFL) }
    signalPipe.store(-1, ordering: .sequentiallyConsistent)
    close(descriptor)
    close(writeEnd)
  }

  /// The next signal that came, or nil.
  func next() -> Int32? {
    var number: UInt8 = 0
    return read(descriptor, &number, 1) == 1 ? Int32(number) : nil
  }
}

/// Where the handler writes. A signal handler reaches nothing but globals.
private let signalPipe = Atomic<Int32>(-1)

/// Runs in a signal handler: write(2) and an atomic load only (signal-safety(7)).
private func deliver(_ number: Int32) {
  let saved = errno
  var byte = UInt8(truncatingIfNeeded: number)
  _ = write(signalPipe.load(ordering: .sequentiallyConsistent), &byte, 1)
  errno = saved
}
