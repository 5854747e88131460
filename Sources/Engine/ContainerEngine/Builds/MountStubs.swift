import Glibc
import LinuxSystem
import Model

/// Places that a runtime makes so that something can be mounted there. They are no part of what a step did, and are taken
/// out of its upper directory before it becomes a layer.
struct MountStubs {
  /// What every container has mounted.
  static let standard = [
    "/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/console", "/etc/hosts", "/etc/hostname",
    "/etc/resolv.conf",
  ]

  /// Paths that the image does not have, the deepest first.
  private let missing: [String]
  /// Directories of the image that stubs lie in, the deepest first.
  private let touched: [(path: String, mode: UInt32, uid: UInt32, gid: UInt32)]

  /// - Parameter root: the image as it was before the step.
  init(_ root: RootedDirectory, destinations: [String], workingDirectory: String?) throws {
    var missing: Set<String> = []
    var touched: [String: (UInt32, UInt32, UInt32)] = [:]
    for destination in destinations {
      var path = destination
      while path != "/" && !path.isEmpty {
        if let status = try? root.stat(path) {
          if status.type == .directory { touched[path] = (status.mode, status.uid, status.gid) }
          break
        }
        missing.insert(path)
        path = FileSystem.parent(of: path)
      }
    }
    self.missing = missing.sorted { Self.depth($0) > Self.depth($1) }
    self.touched = touched.map { (path: $0.key, mode: $0.value.0, uid: $0.value.1, gid: $0.value.2) }
      .sorted { Self.depth($0.path) > Self.depth($1.path) }
  }

  /// Removes stubs that are still empty. No link is followed, and nothing outside of `upper` can be reached: what a step has
  /// put in a stub's place stays, and becomes part of the layer.
  func remove(from upper: String, ids: IDRange) throws {
    let top = try RootedDirectory(path: upper, confinement: .beneath)
    for path in missing { try removeEmpty(path, in: top) { _ in true } }
    for directory in touched {
      try removeEmpty(directory.path, in: top) { status in
        status.type == .directory && status.mode == directory.mode && ids.inside(status.uid) == directory.uid
          && ids.inside(status.gid) == directory.gid
      }
    }
  }

  private func removeEmpty(_ path: String, in top: RootedDirectory, _ isStub: (FileStatus) -> Bool) throws {
    let name = FileSystem.lastComponent(of: path)
    let parent: Descriptor
    do {
      // Step by step, so that a link among the parents leads nowhere.
      var current = top.descriptor
      for part in FileSystem.parent(of: path).split(separator: "/").map(String.init) {
        current = Descriptor(
          owning: try systemCall("openat") { openat(current.raw, part, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) })
      }
      parent = current
    } catch let error as SystemError where [ENOENT, ENOTDIR, ELOOP].contains(error.errno) {
      return
    }
    let file: Descriptor
    do {
      file = Descriptor(owning: try systemCall("openat") { openat(parent.raw, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) })
    } catch let error as SystemError where error.errno == ENOENT || error.errno == ENOTDIR {
      return
    }
    let status = try file.status()
    guard isStub(status) else { return }
    switch status.type {
    case .directory:
      // A directory that hides what is below it says so by an attribute, and is no stub.
      if (try? file.reopen(flags: O_RDONLY | O_DIRECTORY).getxattr("trusted.overlay.opaque")) != nil { return }
      if unlinkat(parent.raw, name, AT_REMOVEDIR) != 0, errno != ENOTEMPTY, errno != EEXIST {
        throw SystemError(errno: errno, operation: "unlinkat", subject: path)
      }
    case .regular where status.sizeBytes == 0:
      try systemCall("unlinkat", path) { unlinkat(parent.raw, name, 0) }
    default: return
    }
  }

  private static func depth(_ path: String) -> Int { path.utf8.count { $0 == 47 } }
}
