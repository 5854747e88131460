import Glibc
import LinuxSystem
import Model

/// Blobs as files: `root/blobs/<algorithm>/<hex>`, the layout of an OCI image directory.
///
/// A blob is written under `root/staging`, hashed on the way, flushed, checked, renamed, and its directory flushed; so a
/// crash leaves a complete blob or a leftover in staging, which the next start removes. One process uses a root.
public final class ContentStore: BlobStorage {
  /// Blobs that `list` returns at most.
  public static let maximumBlobs = 1_000_000
  private static let readChunkBytes = 256 << 10

  let blobs: String
  let staging: String
  /// What the store takes.
  let algorithms: [DigestAlgorithm]
  private let isDurable: Bool

  /// Opens or makes the store and removes what an earlier process left unfinished.
  /// - Parameters:
  ///   - isDurable: false for what can be had again: `commit` does not wait for the disk then.
  ///   - algorithms: blobs under digests of others are refused.
  public init(root: String, isDurable: Bool = true, algorithms: [DigestAlgorithm] = [.sha256]) throws {
    self.isDurable = isDurable
    self.algorithms = algorithms
    blobs = root + "/blobs"
    staging = root + "/staging"
    try translatingSystemErrors("open content store '\(root)'") {
      try FileSystem.makeDirectories(root, mode: 0o700)
      for algorithm in algorithms { try FileSystem.makeDirectories(folder(algorithm), mode: 0o700) }
      try FileSystem.makeDirectories(staging, mode: 0o700)
      for name in try FileSystem.list(staging) { try FileSystem.removeTree(staging + "/" + name) }
    }
  }

  public func writer(
    expected: Digest? = nil, expectedSizeBytes: Int64? = nil, limitBytes: Int64
  ) throws -> ContentWriter {
    try requireKept(expected?.algorithm ?? .sha256)
    return try translatingSystemErrors("store content") {
      try ContentWriter(
        staging: staging, blobs: folder(expected?.algorithm ?? .sha256), expected: expected,
        expectedSizeBytes: expectedSizeBytes, limitBytes: limitBytes, isDurable: isDurable)
    }
  }

  public func open(_ digest: Digest) throws -> Descriptor {
    do {
      return try Descriptor.open(path(digest), flags: O_RDONLY | O_NOFOLLOW)
    } catch let error as SystemError where error.errno == ENOENT {
      throw PlatformError(.notFound, "content \(digest) is not in the store")
    } catch let error as SystemError {
      throw platformError("open content \(digest)", error)
    }
  }

  public func size(_ digest: Digest) throws -> Int64 {
    let file = try open(digest)
    return try translatingSystemErrors("examine content \(digest)") { try Self.size(of: file) }
  }

  public func contains(_ digest: Digest) throws -> Bool { FileSystem.exists(path(digest)) }

  public func read(_ digest: Digest, maxBytes: Int) throws -> [UInt8] {
    let file = try open(digest)
    let bytes: [UInt8]
    do {
      bytes = try file.readAll(maxBytes: maxBytes)
    } catch let error as SystemError where error.errno == EFBIG {
      throw PlatformError(.resourceExhausted, "content \(digest) has more than \(maxBytes) bytes")
    } catch let error as SystemError {
      throw platformError("read content \(digest)", error)
    }
    guard ContentHasher.digest(of: bytes, by: digest.algorithm) == digest else { throw Self.damaged(digest) }
    return bytes
  }

  @discardableResult
  public func delete(_ digest: Digest) throws -> Bool {
    guard try contains(digest) else { return false }
    try translatingSystemErrors("delete content \(digest)") { try FileSystem.removeFile(path(digest)) }
    return true
  }

  public func list() throws -> [(digest: Digest, sizeBytes: Int64)] {
    try translatingSystemErrors("list content") {
      try algorithms.flatMap { algorithm in
        try FileSystem.list(folder(algorithm), maxEntries: Self.maximumBlobs).compactMap { name in
          guard let digest = try? Digest(hex: name, algorithms: [algorithm]) else { return nil }
          return (digest, try Self.size(of: Descriptor.open(path(digest), flags: O_RDONLY | O_NOFOLLOW)))
        }
      }
    }
  }

  public func verify(_ digest: Digest) throws -> Bool {
    let file = try open(digest)
    var hasher = ContentHasher(digest.algorithm)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Self.readChunkBytes, alignment: 4096)
    defer { buffer.deallocate() }
    return try translatingSystemErrors("verify content \(digest)") {
      while true {
        let count = try file.read(into: buffer)
        if count == 0 { return hasher.digest() == digest }
        hasher.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      }
    }
  }

  /// Bytes of all blobs together.
  public func totalSizeBytes() throws -> Int64 {
    try list().reduce(0) { $0 + $1.sizeBytes }
  }

  /// The error for a blob whose bytes have changed on disk.
  public static func damaged(_ digest: Digest) -> PlatformError {
    PlatformError(.internal, "content \(digest) is damaged on disk: remove the image and load it again")
  }

  func path(_ digest: Digest) -> String { "\(folder(digest.algorithm))/\(digest.hex)" }

  private func folder(_ algorithm: DigestAlgorithm) -> String { "\(blobs)/\(algorithm.rawValue)" }

  /// Throws `invalidArgument` for digests that this store does not take.
  func requireKept(_ algorithm: DigestAlgorithm) throws {
    guard algorithms.contains(algorithm) else {
      throw PlatformError(
        .invalidArgument,
        "content named by \(algorithm.rawValue) cannot be kept here: only "
          + algorithms.map(\.rawValue).joined(separator: " and "))
    }
  }

  private static func size(of file: Descriptor) throws -> Int64 {
    var status = stat()
    try systemCall("fstat") { fstat(file.raw, &status) }
    return Int64(status.st_size)
  }
}
