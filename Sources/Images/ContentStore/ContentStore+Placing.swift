import Glibc
import LinuxSystem
import Model

/// For owners that keep a log of their own of what has to be in the store: what is placed here is whole and visible on
/// return, on disk only after a later flush of the file system (`syncfs`).
extension ContentStore {
  /// Stores bytes whose digest the caller has computed, without waiting for the disk. What is there already is compared: a
  /// host that went down may have left a file of the right size with other bytes.
  public func place(_ bytes: [UInt8], as digest: Digest) throws {
    try requireKept(digest.algorithm)
    try translatingSystemErrors("store content \(digest)") {
      if Self.hasSize(path(digest), Int64(bytes.count)),
        try FileSystem.read(path(digest), maxBytes: bytes.count) == bytes
      {
        return
      }
      let temporary = "\(staging)/\(digest.hex).\(UInt64.random(in: 0 ... .max))"
      let file = try Descriptor.open(temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
      do {
        try file.write(all: bytes)
        try FileSystem.rename(temporary, to: path(digest))
      } catch {
        unlink(temporary)
        throw error
      }
    }
  }

  /// Takes over a file of the same file system whose content and digest the caller has checked and flushed. Where the
  /// store has the blob already, the file is removed. False where neither the file nor the blob is there.
  public func adopt(_ file: String, as digest: Digest, sizeBytes: Int64) throws -> Bool {
    try requireKept(digest.algorithm)
    return try translatingSystemErrors("store content \(digest)") {
      if Self.hasSize(path(digest), sizeBytes) {
        try FileSystem.removeFile(file)
        return true
      }
      guard Self.hasSize(file, sizeBytes) else { return false }
      try FileSystem.rename(file, to: path(digest))
      return true
    }
  }

  /// Moves a blob to `target` on the same file system, where nobody finds it by its digest; false where it is not there.
  public func moveAway(_ digest: Digest, to target: String) throws -> Bool {
    do {
      try FileSystem.rename(path(digest), to: target)
      return true
    } catch let error as SystemError where error.errno == ENOENT {
      return false
    } catch let error as SystemError {
      throw platformError("move content \(digest) away", error)
    }
  }

  /// Whether a complete blob is there; what is there under its digest has the right bytes when it has the size.
  static func hasSize(_ path: String, _ sizeBytes: Int64) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && Int64(status.st_size) == sizeBytes
  }
}
