import Glibc
import LinuxSystem
import Model

/// A file that grows piece by piece, over several openings and over restarts of the program, hashed on the way.
///
/// The file stays where it is when this object goes; its owner adopts or removes it.
public final class ResumableFile: Sendable {
  /// The kernel is asked to start writing to disk each time this many bytes have come, so that the flush at the end is
  /// short.
  private static let writebackStepBytes: Int64 = 2 << 20
  private static let readChunkBytes = 256 << 10

  private struct State: Sendable {
    var file: Descriptor?
    var hasher = ContentHasher()
    var writebackBytes: Int64 = 0

    mutating func opened(_ path: String) throws -> Descriptor {
      if let file { return file }
      let file = try Descriptor.open(path, flags: O_WRONLY | O_NOFOLLOW)
      let end = off_t(hasher.sizeBytes)
      try systemCall("lseek", path) { lseek(file.raw, end, SEEK_SET) }
      self.file = file
      return file
    }
  }

  public let path: String
  private let state: Locked<State>

  /// Makes the file; throws where there is one.
  public init(creating path: String) throws {
    self.path = path
    let file = try translatingSystemErrors("store content") {
      try Descriptor.open(path, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    }
    state = Locked(State(file: file))
  }

  /// Opens a file that an earlier process left and hashes what is there. Reads all of it.
  public init(resuming path: String) throws {
    self.path = path
    let initial = try translatingSystemErrors("resume content") {
      let file = try Descriptor.open(path, flags: O_RDWR | O_NOFOLLOW)
      let hasher = try Self.hash(file, by: .sha256)
      return State(file: file, hasher: hasher, writebackBytes: hasher.sizeBytes)
    }
    state = Locked(initial)
  }

  /// Hashes a file from its position on.
  private static func hash(_ file: Descriptor, by algorithm: DigestAlgorithm) throws -> ContentHasher {
    var hasher = ContentHasher(algorithm)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: readChunkBytes, alignment: 4096)
    defer { buffer.deallocate() }
    while true {
      let count = try file.read(into: buffer)
      if count == 0 { return hasher }
      hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }

  public var sizeBytes: Int64 { state.withLock { $0.hasher.sizeBytes } }
  /// The digest of what is there. By SHA-256 it is at hand; for another algorithm the file is read once more.
  public func digest(by algorithm: DigestAlgorithm = .sha256) throws -> Digest {
    try state.withLock { state in
      if algorithm == state.hasher.algorithm { return state.hasher.digest() }
      let end = state.hasher.sizeBytes
      return try translatingSystemErrors("read content") {
        let file = try Descriptor.open(path, flags: O_RDONLY | O_NOFOLLOW)
        let hasher = try Self.hash(file, by: algorithm)
        guard hasher.sizeBytes == end else { throw SystemError(errno: EIO, operation: "read", subject: path) }
        return hasher.digest()
      }
    }
  }

  /// Appends; the bytes outlive the process on return.
  public func append(_ bytes: UnsafeRawBufferPointer) throws {
    guard !bytes.isEmpty else { return }
    try state.withLock { state in
      try translatingSystemErrors("store content") {
        let file = try state.opened(path)
        let end = state.hasher.sizeBytes
        do {
          try file.write(all: bytes)
        } catch {
          // What was written of the piece is not hashed, so it must not stay.
          ftruncate(file.raw, off_t(end))
          lseek(file.raw, off_t(end), SEEK_SET)
          throw error
        }
        state.hasher.update(bytes)
        let ready = state.hasher.sizeBytes - state.writebackBytes
        if ready >= Self.writebackStepBytes {
          posix_fadvise(file.raw, off_t(state.writebackBytes), off_t(ready), POSIX_FADV_DONTNEED)
          state.writebackBytes = state.hasher.sizeBytes
        }
      }
    }
  }

  /// Puts what was appended on disk, with the directory's entry.
  public func flush() throws {
    let file = try translatingSystemErrors("store content") { try state.withLock { try $0.opened(path) } }
    try translatingSystemErrors("store content") {
      try systemCall("fsync", path) { fsync(file.raw) }
      try FileSystem.syncDirectory(FileSystem.parent(of: path))
    }
  }

  /// Gives the descriptor back until the next `append`.
  public func suspend() { state.withLock { $0.file = nil } }
}
