import CLinuxShim
import Glibc

/// Waits for descriptors on behalf of tasks, with one thread that sleeps in epoll_wait(2) and costs nothing while nothing
/// happens.
///
/// Every wait arms the descriptor for one event. Any number of tasks may wait on the same descriptor, for reading and
/// for writing. The caller keeps the descriptor open while it waits. Whoever closes it under a waiter and gets the
/// number again is told EBADF on the old wait as soon as the number is waited on anew, never the new file's events.
public final class Poller: Sendable {
  private let core: PollerCore

  /// Starts the thread.
  public init() throws {
    core = try PollerCore()
    let core = core
    do {
      try SystemThread.start(name: "poller", stackBytes: 128 << 10) { core.loop() }
    } catch {
      core.stop()
      throw error
    }
  }

  deinit {
    core.stop()
  }

  /// Ends the thread; waits that are or come in are cancelled.
  public func shutdown() {
    core.stop()
  }

  /// Returns when reading from `fd` would not block: there is data, the end, or an error to fetch. Files that are always
  /// ready (regular files, directories) return at once.
  /// - Throws: `CancellationError`, or `SystemError` of epoll_ctl(2).
  public func waitReadable(_ fd: Int32) async throws {
    try await core.wait(fd, .read)
  }

  /// Returns when writing to `fd` would not block. See `waitReadable`.
  public func waitWritable(_ fd: Int32) async throws {
    try await core.wait(fd, .write)
  }

  /// How many waits there are on a descriptor.
  func waiterCount(_ fd: Int32) -> Int {
    core.waiterCount(fd)
  }

  /// Waits until a child has ended, and reaps it.
  /// - Throws: `CancellationError` (the child runs on), or ECHILD when it is not an own child.
  public func waitExit(_ process: SpawnedProcess) async throws -> ExitStatus {
    try await waitReadable(process.pidfd.raw)
    return try PidFD.waitExit(process.pidfd)
  }

  /// Waits until a process has ended, own child or not.
  public func waitEnd(_ pidfd: Descriptor) async throws {
    try await waitReadable(pidfd.raw)
  }
}
