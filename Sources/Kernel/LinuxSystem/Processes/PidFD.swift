import CLinuxShim
import Glibc

/// Calls on process descriptors (pidfd_open(2)), which never mean another process than the one they were opened for.
public enum PidFD {
  /// - Throws: ESRCH when there is no such process.
  public static func open(_ pid: Int32) throws -> Descriptor {
    Descriptor(owning: try systemCall("pidfd_open", "\(pid)") { bh_pidfd_open(pid, 0) })
  }

  /// Sends a signal; a process that has ended and been reaped is ESRCH.
  public static func signal(_ pidfd: Descriptor, _ number: Int32) throws {
    try systemCall("pidfd_send_signal") { bh_pidfd_send_signal(pidfd.raw, number) }
  }

  /// Waits for the end of an own child and reaps it. Blocks.
  /// - Throws: ECHILD when it is not an own child or has been reaped.
  public static func waitExit(_ pidfd: Descriptor) throws -> ExitStatus {
    guard let status = try wait(pidfd, options: WEXITED) else {
      throw SystemError(errno: ECHILD, operation: "waitid")
    }
    return status
  }

  /// Reaps an own child if it has ended; nil while it runs.
  public static func pollExit(_ pidfd: Descriptor) throws -> ExitStatus? {
    try wait(pidfd, options: WEXITED | WNOHANG)
  }

  /// Whether the process has ended, own child or not.
  public static func hasExited(_ pidfd: Descriptor) throws -> Bool {
    var entry = pollfd(fd: pidfd.raw, events: Int16(POLLIN), revents: 0)
    return try systemCall("poll") { poll(&entry, 1, 0) } > 0
  }

  private static func wait(_ pidfd: Descriptor, options: Int32) throws -> ExitStatus? {
    var information = siginfo_t()
    try systemCall("waitid") { waitid(P_PIDFD, id_t(pidfd.raw), &information, options) }
    if information.si_signo == 0 { return nil }
    let status = information._sifields._sigchld.si_status
    return information.si_code == CLD_EXITED ? .exited(status) : .signaled(status)
  }
}

extension SpawnedProcess {
  /// See `PidFD.signal`.
  public func signal(_ number: Int32) throws {
    try PidFD.signal(pidfd, number)
  }

  /// See `PidFD.waitExit`.
  public func waitExit() throws -> ExitStatus {
    try PidFD.waitExit(pidfd)
  }
}
