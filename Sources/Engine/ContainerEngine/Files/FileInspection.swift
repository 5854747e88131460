import Glibc
import LinuxSystem

/// stat(2) on the host's own paths.
enum FileInspection {
  /// Follows links.
  static func status(_ path: String) throws -> FileStatus {
    try Descriptor.open(path, flags: O_PATH).status()
  }
}
