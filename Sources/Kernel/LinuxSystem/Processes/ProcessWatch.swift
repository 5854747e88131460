import Glibc

/// Follows a child to its end: collects its output, stops it at the deadline, reaps it.
struct ProcessWatch {
  private static let graceSeconds = 2.0

  let process: SpawnedProcess
  let output: OutputCollector
  let errors: OutputCollector

  func finish(deadlineSeconds: Double) throws -> ProcessOutput {
    do {
      var isTimedOut = false
      if try !follow(until: Clock.monotonicNanoseconds() + Self.nanoseconds(deadlineSeconds)) {
        isTimedOut = true
        try? process.signal(SIGTERM)
        if try !follow(until: Clock.monotonicNanoseconds() + Self.nanoseconds(Self.graceSeconds)) {
          try? process.signal(SIGKILL)
          _ = try follow(until: .max)
        }
      }
      let status = try process.waitExit()
      try output.drain()
      try errors.drain()
      return ProcessOutput(
        status: status, stdout: output.bytes, stderr: errors.bytes,
        isTruncated: output.isTruncated || errors.isTruncated, isTimedOut: isTimedOut)
    } catch {
      // Whatever failed, no child is left behind.
      try? process.signal(SIGKILL)
      _ = try? process.waitExit()
      throw error
    }
  }

  /// Collects until the process ends (true) or the time has come (false).
  private func follow(until end: UInt64) throws -> Bool {
    var entries = [process.pidfd.raw, output.readEnd.raw, errors.readEnd.raw].map {
      pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
    }
    while true {
      let now = Clock.monotonicNanoseconds()
      if now >= end { return false }
      let milliseconds = end == .max ? -1 : Int32(clamping: (end - now) / 1_000_000 + 1)
      try systemCall("poll") { poll(&entries, nfds_t(entries.count), milliseconds) }
      if entries[1].revents != 0 { try output.readSome() }
      if entries[2].revents != 0 { try errors.readSome() }
      if entries[0].revents != 0 { return true }
    }
  }

  private static func nanoseconds(_ seconds: Double) -> UInt64 {
    UInt64(max(0, min(seconds, 1e9)) * 1e9)
  }
}

/// One pipe for a child's output, read without ever blocking. Our end for writing stays open: the child's end is seen by
/// its process descriptor, not by the end of the pipe, which descendants may hold.
final class OutputCollector {
  let readEnd: Descriptor
  let writeEnd: Descriptor
  private(set) var bytes: [UInt8] = []
  private(set) var isTruncated = false
  private let maxBytes: Int
  private var buffer = [UInt8](repeating: 0, count: 64 << 10)

  init(maxBytes: Int) throws {
    (readEnd, writeEnd) = try Descriptor.pipe()
    // Only our end: the child's is another open file description.
    try readEnd.setNonBlocking(true)
    self.maxBytes = maxBytes
  }

  /// Reads everything that is there now.
  func drain() throws {
    while try readSome() > 0 {}
  }

  @discardableResult
  func readSome() throws -> Int {
    let count: Int
    do {
      count = try buffer.withUnsafeMutableBytes { try readEnd.read(into: $0) }
    } catch let error as SystemError where error.errno == EAGAIN {
      return 0
    }
    let kept = min(count, maxBytes - bytes.count)
    bytes.append(contentsOf: buffer[..<kept])
    if kept < count { isTruncated = true }
    return count
  }
}
