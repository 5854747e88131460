import Glibc

/// An exclusive lock on a file (flock(2)), held as long as this object lives and never outliving the process.
public final class FileLock: Sendable {
  /// Keep it open; children do not inherit it.
  public let descriptor: Descriptor

  /// Creates the file if it is missing and locks it at once.
  /// - Throws: EWOULDBLOCK when somebody else holds it.
  public init(path: String) throws {
    descriptor = try Descriptor.open(path, flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
    let file = descriptor
    try systemCall("flock", path) { flock(file.raw, LOCK_EX | LOCK_NB) }
  }
}
