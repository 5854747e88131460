import ContentStore
import Glibc
import LinuxSystem
import Model

/// Disk space kept back in a file, so that a full disk can be cleaned up: what was recorded is carried out with it, deletions
/// and collections run in it. While it is given up nothing new is taken in.
final class DiskReserve: Sendable {
  static let sizeBytes = 8 << 20

  private let path: String
  /// Whether the file holds its room.
  private let isHeld = Locked(false)

  /// Gives the room of an earlier process's reserve up where the disk is full, as a start itself needs some; `restore` takes
  /// it back.
  init(path: String) throws {
    self.path = path
    if Self.freeBytes(of: FileSystem.parent(of: path)) < Self.sizeBytes { try remove() }
  }

  /// Throws `PlatformError` (`resourceExhausted`) while the disk is full. Asked before anything new is taken in.
  func require() throws {
    guard isHeld.withLock({ $0 }) || restore() else {
      throw PlatformError(
        .resourceExhausted,
        "the registry's disk is full: nothing is taken in until there is room; delete something and collect garbage",
        isDiskFull: true)
    }
  }

  /// Runs `body`, once more with the room given up where the disk is full.
  func using<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let error as PlatformError where error.code == .resourceExhausted {
      guard try release() else { throw error }
      return try body()
    }
  }

  /// Takes the room where there is twice as much; false where there is not.
  @discardableResult
  func restore() -> Bool {
    isHeld.withLock { isHeld in
      if isHeld { return true }
      let parent = FileSystem.parent(of: path)
      if !FileSystem.exists(path), Self.freeBytes(of: parent) < 2 * Self.sizeBytes { return false }
      guard let file = try? Descriptor.open(path, flags: O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600) else {
        return false
      }
      // A file of an earlier process has its room already, and this changes nothing.
      isHeld = posix_fallocate(file.raw, 0, off_t(Self.sizeBytes)) == 0
      return isHeld
    }
  }

  /// Gives the room up; false where there is none.
  private func release() throws -> Bool {
    try isHeld.withLock { isHeld in
      guard isHeld else { return false }
      isHeld = false
      try remove()
      return true
    }
  }

  private func remove() throws {
    try translatingSystemErrors("give up the reserve of disk space") { try FileSystem.removeFile(path) }
  }

  private static func freeBytes(of directory: String) -> Int {
    (try? FileSystem.space(of: directory)).map { Int(clamping: $0.freeBytes) } ?? 0
  }
}
