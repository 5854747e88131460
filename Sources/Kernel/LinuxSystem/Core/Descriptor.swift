import CLinuxShim
import Glibc

/// The owner of a file descriptor: closes it when the last reference goes.
///
/// Keep the `Descriptor` in a variable or property while `raw` is in use; a temporary may be closed as soon as `raw` has
/// been read from it.
public final class Descriptor: Sendable {
  /// The descriptor's number, valid as long as this object lives.
  public let raw: Int32

  /// Takes over an open descriptor.
  public init(owning raw: Int32) {
    self.raw = raw
  }

  deinit {
    // Linux has released the number even when close(2) reports EINTR or EIO: never repeat it.
    close(raw)
  }

  /// Another descriptor for the same open file description, close-on-exec (fcntl(2), F_DUPFD_CLOEXEC).
  public func duplicate() throws -> Descriptor {
    Descriptor(owning: try systemCall("fcntl") { fcntl(raw, F_DUPFD_CLOEXEC, 0) })
  }

  /// A pipe with both ends close-on-exec (pipe2(2)).
  public static func pipe(nonBlocking: Bool = false) throws -> (read: Descriptor, write: Descriptor) {
    var ends: [Int32] = [-1, -1]
    try systemCall("pipe2") { bh_pipe2(&ends, O_CLOEXEC | (nonBlocking ? O_NONBLOCK : 0)) }
    return (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
  }

  /// Opens a file, always close-on-exec (open(2)).
  public static func open(_ path: String, flags: Int32, mode: UInt32 = 0) throws -> Descriptor {
    let raw = try withPath(path, "open") { pointer in
      try systemCall("open", path) { Glibc.open(pointer, flags | O_CLOEXEC, mode_t(mode)) }
    }
    return Descriptor(owning: raw)
  }

  /// Sets or clears O_NONBLOCK on the open file description, which other processes may share.
  public func setNonBlocking(_ enabled: Bool) throws {
    let flags = try systemCall("fcntl") { fcntl(raw, F_GETFL) }
    let wanted = enabled ? flags | O_NONBLOCK : flags & ~O_NONBLOCK
    if wanted != flags { try systemCall("fcntl") { fcntl(raw, F_SETFL, wanted) } }
  }
}

extension Descriptor {
  /// Reads once into `buffer`; 0 at the end of the file.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try systemCall("read") { Glibc.read(raw, buffer.baseAddress, buffer.count) }
  }

  /// Reads to the end.
  /// - Throws: EFBIG when there are more than `maxBytes` bytes.
  public func readAll(maxBytes: Int) throws -> [UInt8] {
    let chunkBytes = 64 << 10
    var result: [UInt8] = []
    while true {
      // One byte above the bound tells "exactly full" from "too large".
      let wanted = min(chunkBytes, maxBytes - result.count + 1)
      let chunk = try [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
        count = try read(into: UnsafeMutableRawBufferPointer(buffer))
      }
      if chunk.isEmpty { return result }
      if result.isEmpty { result = chunk } else { result.append(contentsOf: chunk) }
      if result.count > maxBytes { throw SystemError(errno: EFBIG, operation: "read") }
    }
  }

  /// Writes everything, however many calls it takes. The descriptor must be in blocking mode.
  public func write(all bytes: UnsafeRawBufferPointer) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = try systemCall("write") {
        let slice = UnsafeRawBufferPointer(rebasing: rest)
        return Glibc.write(raw, slice.baseAddress, slice.count)
      }
      rest = rest.dropFirst(written)
    }
  }

  /// Goes back to the file's beginning (lseek(2)).
  public func rewind() throws { try systemCall("lseek") { lseek(raw, 0, SEEK_SET) } }

  /// Writes everything, however many calls it takes. The descriptor must be in blocking mode.
  public func write(all bytes: [UInt8]) throws {
    try bytes.withUnsafeBytes { try write(all: $0) }
  }
}
