import Glibc
import LinuxSystem
import Model

/// Writes one blob of a `ContentStore`.
public final class ContentWriter: BlobWriter {
  /// The kernel is asked to start writing to disk each time this many bytes have come, so that the flush at the end is
  /// short.
  private static let writebackStepBytes: Int64 = 8 << 20

  private struct State {
    var file: Descriptor?
    var hasher: ContentHasher
    var writebackBytes: Int64 = 0
  }

  private let state: Locked<State>
  private let temporary: String
  private let blobs: String
  private let expected: Digest?
  private let expectedSizeBytes: Int64?
  private let limitBytes: Int64
  private let isDurable: Bool

  init(
    staging: String, blobs: String, expected: Digest?, expectedSizeBytes: Int64?, limitBytes: Int64, isDurable: Bool
  ) throws {
    self.isDurable = isDurable
    self.blobs = blobs
    self.expected = expected
    self.expectedSizeBytes = expectedSizeBytes
    self.limitBytes = min(limitBytes, expectedSizeBytes ?? limitBytes)
    temporary = "\(staging)/\(String(UInt64.random(in: .min ... .max), radix: 36))"
    let file = try Descriptor.open(temporary, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    state = Locked(State(file: file, hasher: ContentHasher(expected?.algorithm ?? .sha256)))
  }

  deinit { abort() }

  public func append(_ bytes: UnsafeRawBufferPointer) throws {
    guard !bytes.isEmpty else { return }
    try state.withLock { state in
      guard let file = state.file else { throw Self.spent }
      guard Int64(bytes.count) <= limitBytes - state.hasher.sizeBytes else {
        throw PlatformError(.resourceExhausted, "content has more than \(limitBytes) bytes")
      }
      try translatingSystemErrors("store content") { try file.write(all: bytes) }
      state.hasher.update(bytes)
      if state.hasher.sizeBytes - state.writebackBytes >= Self.writebackStepBytes {
        posix_fadvise(
          file.raw, off_t(state.writebackBytes), off_t(state.hasher.sizeBytes - state.writebackBytes),
          POSIX_FADV_DONTNEED)
        state.writebackBytes = state.hasher.sizeBytes
      }
    }
  }

  public func progress() -> (digest: Digest, sizeBytes: Int64) {
    state.withLock { ($0.hasher.digest(), $0.hasher.sizeBytes) }
  }

  public func commit() throws -> (digest: Digest, sizeBytes: Int64) {
    let (file, hasher) = try state.withLock { state in
      guard let file = state.file else { throw Self.spent }
      state.file = nil
      return (file, state.hasher)
    }
    var isPublished = false
    defer { if !isPublished { unlink(temporary) } }
    let digest = hasher.digest()
    if let expectedSizeBytes, expectedSizeBytes != hasher.sizeBytes {
      throw PlatformError(
        .invalidArgument, "content has \(hasher.sizeBytes) bytes but \(expectedSizeBytes) were expected",
        context: ["digest": digest.description])
    }
    if let expected, expected != digest {
      throw PlatformError(.invalidArgument, "content has digest \(digest) but \(expected) was expected")
    }
    let path = "\(blobs)/\(digest.hex)"
    try translatingSystemErrors("store content \(digest)") {
      if ContentStore.hasSize(path, hasher.sizeBytes) {
        // The same bytes are there already; a crash may have hit between their rename and the flush of the directory.
        if isDurable { try FileSystem.syncDirectory(blobs) }
        return
      }
      if isDurable { try systemCall("fsync", temporary) { fsync(file.raw) } }
      try FileSystem.rename(temporary, to: path)
      isPublished = true
      if isDurable { try FileSystem.syncDirectory(blobs) }
    }
    return (digest, hasher.sizeBytes)
  }

  public func abort() {
    state.withLock { state in
      guard state.file != nil else { return }
      state.file = nil
      unlink(temporary)
    }
  }

  private static var spent: PlatformError { PlatformError(.internal, "content writer is used after its end") }
}
