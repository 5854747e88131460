import Glibc
import LinuxSystem
import Model

/// Keeps blobs by their digest.
///
/// The life of a blob: `writer` → `append`… → `commit` (it exists from here on, or not at all) → `open`, `read` →
/// `delete`. A blob that exists is complete, on disk, and had the right digest when it was written. Calls block.
public protocol BlobStorage: Sendable {
  associatedtype Writer: BlobWriter

  /// Starts a blob.
  /// - Parameters:
  ///   - expected: the digest that `commit` will insist on; nil accepts any.
  ///   - expectedSizeBytes: the size that `commit` will insist on.
  ///   - limitBytes: `append` throws `resourceExhausted` rather than take more.
  func writer(expected: Digest?, expectedSizeBytes: Int64?, limitBytes: Int64) throws -> Writer

  /// Opens a blob for reading, positioned at its start; throws `notFound`.
  func open(_ digest: Digest) throws -> Descriptor
  /// Bytes of a blob; throws `notFound`.
  func size(_ digest: Digest) throws -> Int64
  func contains(_ digest: Digest) throws -> Bool
  /// Reads a whole blob; throws `resourceExhausted` when it has more than `maxBytes`, `notFound` when it is not there,
  /// `internal` when its bytes no longer have the digest.
  func read(_ digest: Digest, maxBytes: Int) throws -> [UInt8]
  /// Removes a blob; false when it was not there.
  @discardableResult
  func delete(_ digest: Digest) throws -> Bool
  /// Every blob with its size, ordered by digest.
  func list() throws -> [(digest: Digest, sizeBytes: Int64)]
  /// Reads the blob and says whether its bytes still have the digest; throws `notFound`.
  func verify(_ digest: Digest) throws -> Bool
}

/// A blob that is being written. One thread at a time uses it. Dropping it without `commit` leaves nothing behind.
public protocol BlobWriter: Sendable {
  func append(_ bytes: UnsafeRawBufferPointer) throws
  /// Digest and size of what was taken so far, also after `commit`. May be asked from another thread.
  func progress() -> (digest: Digest, sizeBytes: Int64)
  /// Checks digest and size, makes the blob durable and visible; throws `invalidArgument` where they differ from what
  /// was expected. The writer is spent afterwards, whatever the outcome.
  func commit() throws -> (digest: Digest, sizeBytes: Int64)
  /// Gives the blob up. Harmless after `commit`.
  func abort()
}

extension BlobStorage {
  /// Stores bytes at hand.
  @discardableResult
  public func write(_ bytes: [UInt8], expected: Digest? = nil) throws -> Digest {
    let size = Int64(bytes.count)
    let writer = try writer(expected: expected, expectedSizeBytes: size, limitBytes: size)
    try bytes.withUnsafeBytes { try writer.append($0) }
    return try writer.commit().digest
  }
}

/// Runs `body` and turns the kernel's errors into the platform's: full disks and quotas into `resourceExhausted`, the
/// rest into `internal`. `action` starts the message: "failed to *store content*".
public func translatingSystemErrors<Result>(_ action: String, _ body: () throws -> Result) throws -> Result {
  do {
    return try body()
  } catch let error as SystemError {
    throw platformError(action, error)
  }
}

/// The platform's error for one of the kernel's.
public func platformError(_ action: String, _ error: SystemError) -> PlatformError {
  let reason = SystemError.message(for: error.errno)
  let code: PlatformError.Code =
    [ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM].contains(error.errno)
    ? .resourceExhausted : .internal
  let isDiskFull = error.errno == ENOSPC || error.errno == EDQUOT
  return PlatformError(code, "failed to \(action): \(reason)", cause: error, isDiskFull: isDiskFull)
}
