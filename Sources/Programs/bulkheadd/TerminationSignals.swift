import Glibc
import LinuxSystem

/// SIGTERM and SIGINT as something to wait for (signalfd(2)).
enum TerminationSignals {
  /// Must run on the main thread before any other thread starts, as threads inherit the mask.
  static func block() {
    var set = set()
    pthread_sigmask(SIG_BLOCK, &set, nil)
    Signals.ignoreBrokenPipe()
  }

  /// Waits for the first of them.
  static func wait(poller: Poller) async throws {
    var set = set()
    let descriptor = Descriptor(owning: try systemCall("signalfd") { signalfd(-1, &set, Int32(SFD_CLOEXEC.rawValue) | Int32(SFD_NONBLOCK.rawValue)) })
    try await poller.waitReadable(descriptor.raw)
    withExtendedLifetime(descriptor) {}
  }

  private static func set() -> sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTERM)
    sigaddset(&set, SIGINT)
    return set
  }
}
