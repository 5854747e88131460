import Glibc
import LinuxSystem
import Model

/// Adds up the files of a tree that others may change meanwhile: never follows a link, never leaves the file system.
enum TreeSize {
  /// Deeper directories are not entered.
  private static let maximumDepth = 2_048

  static func measure(_ path: String) throws -> Int64 {
    let top = try Descriptor.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
    var walk = Walk(device: try status(of: top).st_dev)
    try walk.directory(top)
    return walk.total
  }

  private struct Walk {
    let device: dev_t
    var total: Int64 = 0
    /// Inodes of files with several links that were counted.
    var counted: Set<ino_t> = []

    init(device: dev_t) { self.device = device }

    mutating func directory(_ top: Descriptor) throws {
      var pending = [(directory: top, depth: 0)]
      while let (directory, depth) = pending.popLast() {
        // The stream owns its descriptor and closes it.
        guard let stream = fdopendir(dup(directory.raw)) else { continue }
        defer { closedir(stream) }
        while let entry = readdir(stream) {
          var name = entry.pointee.d_name
          let isDirectory = withUnsafePointer(to: &name) { tuple in
            tuple.withMemoryRebound(to: CChar.self, capacity: 256) { name in
              count(name, in: directory.raw)
            }
          }
          guard isDirectory, depth < TreeSize.maximumDepth else { continue }
          let child = withUnsafePointer(to: &name) { tuple in
            tuple.withMemoryRebound(to: CChar.self, capacity: 256) { name in
              openat(directory.raw, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            }
          }
          if child >= 0 { pending.append((Descriptor(owning: child), depth + 1)) }
        }
      }
    }

    /// Counts a file; true for a directory to be entered.
    private mutating func count(_ name: UnsafePointer<CChar>, in directory: Int32) -> Bool {
      if strcmp(name, ".") == 0 || strcmp(name, "..") == 0 { return false }
      var status = stat()
      // What vanished meanwhile does not count.
      guard fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_dev == device else { return false }
      switch status.st_mode & S_IFMT {
      case S_IFDIR: return true
      case S_IFREG:
        if status.st_nlink <= 1 || counted.insert(status.st_ino).inserted {
          // Sparse files may say more than any disk has.
          total = total.clampedAdding(Int64(status.st_size))
        }
        return false
      default: return false
      }
    }
  }

  private static func status(of descriptor: Descriptor) throws -> stat {
    var status = stat()
    try systemCall("fstat") { fstat(descriptor.raw, &status) }
    return status
  }
}
