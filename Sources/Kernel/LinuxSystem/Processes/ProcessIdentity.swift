import Glibc

/// A pid with the time its process began, which together never come back for another process.
public struct ProcessIdentity: Sendable, Hashable, Codable {
  public var pid: Int32
  /// Clock ticks after boot (proc_pid_stat(5), field 22).
  public var startTime: UInt64

  public init(pid: Int32, startTime: UInt64) {
    self.pid = pid
    self.startTime = startTime
  }

  /// The identity of a process that runs now.
  /// - Throws: ENOENT or ESRCH when there is no such process.
  public init(of pid: Int32) throws {
    self.init(pid: pid, startTime: try processStartTime(pid))
  }

  /// A descriptor for exactly this process, nil when it has gone or the pid belongs to another one now.
  public func open() throws -> Descriptor? {
    let pidfd: Descriptor
    do {
      pidfd = try PidFD.open(pid)
    } catch let error as SystemError where error.errno == ESRCH {
      return nil
    }
    // Compared after opening: what the descriptor holds cannot be replaced any more.
    guard let now = try? processStartTime(pid), now == startTime else { return nil }
    return pidfd
  }
}

/// When a process began, in clock ticks after boot (proc_pid_stat(5), field 22).
/// - Throws: ENOENT or ESRCH when there is no such process.
public func processStartTime(_ pid: Int32) throws -> UInt64 {
  let bytes = try FileSystem.read("/proc/\(pid)/stat", maxBytes: 4096)
  // The second field, the program's name in parentheses, may hold anything, so count from the last parenthesis.
  let fieldsAfterName = 22 - 3
  guard let end = bytes.lastIndex(of: UInt8(ascii: ")")) else {
    throw SystemError(errno: EINVAL, operation: "parse", subject: "/proc/\(pid)/stat")
  }
  let fields = bytes[(end + 1)...].split(separator: UInt8(ascii: " "))
  guard fields.count > fieldsAfterName, let ticks = UInt64(String(decoding: fields[fieldsAfterName], as: UTF8.self))
  else { throw SystemError(errno: EINVAL, operation: "parse", subject: "/proc/\(pid)/stat") }
  return ticks
}
