import Glibc
import LinuxSystem
import Model

/// A file of root's that has a passphrase in its first line.
enum PassphraseFile {
  /// - Throws: `unavailable` where it cannot be read, or others could.
  static func read(_ path: String) throws -> [UInt8] {
    do {
      let file = try Descriptor.open(path, flags: O_RDONLY | O_NOFOLLOW)
      let status = try file.status()
      guard status.type == .regular, status.uid == geteuid(), status.mode & 0o077 == 0 else {
        throw PlatformError(
          .unavailable, "the passphrase file '\(path)' must belong to root and be closed to others: chmod 600")
      }
      let bytes = try file.readAll(maxBytes: ArchiveKey.passphraseBytes.upperBound + 1)
      return Array(bytes.prefix { $0 != UInt8(ascii: "\n") })
    } catch let error as SystemError {
      throw PlatformError(.unavailable, "the passphrase file '\(path)' cannot be read", cause: error)
    }
  }
}
