import Glibc
import LinuxSystem
import Model

/// What crun keeps of a container in its state folder, as far as it spares two starts of the program for each run.
///
/// A created container's first process waits for a byte from `exec.fifo`, and of one that has ended only this folder is left
/// (and control groups, which the engine removes itself). Source: crun(1) 1.8, `start` and `delete`.
struct CrunState {
  private static let stepMicroseconds: UInt32 = 200
  private static let deadlineSeconds = 10.0

  let folder: String

  /// Lets the container's first process go on to its program.
  /// - Throws: ESRCH when the process has ended, ETIMEDOUT when it does not listen within 10 s.
  func release(_ process: MonitoredProcess) throws {
    let path = "\(folder)/exec.fifo"
    let end = Clock.monotonicNanoseconds() + UInt64(Self.deadlineSeconds * 1e9)
    let fifo = try open(path, process: process, until: end)
    try FileSystem.removeFile(path)
    try fifo.write(all: [0])
  }

  /// Opens the fifo for writing once the process has opened it for reading; never waits for one that has ended.
  private func open(_ path: String, process: MonitoredProcess, until end: UInt64) throws -> Descriptor {
    while true {
      do {
        return try Descriptor.open(path, flags: O_WRONLY | O_NONBLOCK | O_NOFOLLOW)
      } catch let error as SystemError where error.errno == ENXIO {
        if try PidFD.hasExited(process.initialDescriptor) {
          throw SystemError(errno: ESRCH, operation: "start", subject: path)
        }
        if Clock.monotonicNanoseconds() >= end {
          throw SystemError(errno: ETIMEDOUT, operation: "start", subject: path)
        }
        usleep(Self.stepMicroseconds)
      }
    }
  }

  /// Forgets a container whose processes have all ended.
  func remove() throws { try FileSystem.removeTree(folder) }
}
