import Glibc
import LinuxSystem

/// Changes owners of the engine's own files, which no container can replace under it.
enum FileOwnership {
  /// chown(2) without following a link.
  static func set(_ path: String, user: UInt32, group: UInt32) throws {
    try systemCall("lchown", path) { lchown(path, user, group) }
  }
}
