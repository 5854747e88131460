import Glibc
import LinuxSystem

extension Descriptor {
  /// Waits until there is something to read or the other end is closed; false when the deadline (monotonic nanoseconds)
  /// passed first. Blocks.
  func waitReadable(until end: UInt64) throws -> Bool {
    try Self.firstReadable([self], until: end) != nil
  }

  /// The first of several descriptors that can be read; nil when the deadline (monotonic nanoseconds) passed. Blocks.
  static func firstReadable(_ descriptors: [Descriptor], until end: UInt64) throws -> Descriptor? {
    var entries = descriptors.map { pollfd(fd: $0.raw, events: Int16(POLLIN), revents: 0) }
    while true {
      let now = Clock.monotonicNanoseconds()
      if now >= end { return nil }
      let milliseconds = Int32(clamping: (end - now) / 1_000_000 + 1)
      _ = try systemCall("poll") { poll(&entries, nfds_t(entries.count), milliseconds) }
      if let index = entries.firstIndex(where: { $0.revents != 0 }) { return descriptors[index] }
    }
  }

  /// A file's bytes from its beginning, at most `limitBytes`.
  func contents(limitBytes: Int) throws -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: limitBytes)
    let count = try buffer.withUnsafeMutableBytes { bytes in
      try systemCall("pread") { pread(raw, bytes.baseAddress, bytes.count, 0) }
    }
    return Array(buffer[..<count])
  }
}
