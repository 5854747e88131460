import CLinuxShim
import Glibc

extension RootedDirectory {
  /// A file's metadata: of what a link leads to inside the root, or of the link itself.
  /// - Throws: ENOENT when there is nothing.
  public func stat(_ path: String, followLink: Bool = false) throws -> FileStatus {
    try openPath(path, followLink: followLink).status()
  }

  /// Whether there is anything at `path`, a dangling link included.
  public func exists(_ path: String) throws -> Bool {
    do {
      _ = try openPath(path, followLink: false)
      return true
    } catch let error as SystemError where error.errno == ENOENT || error.errno == ENOTDIR {
      return false
    }
  }

  /// - Throws: EINVAL when it is no symbolic link.
  public func readLink(_ path: String) throws -> String {
    do {
      return try openPath(path, followLink: false).readLink()
    } catch let error as SystemError where error.errno == ENOENT && error.operation == "readlinkat" {
      // What the kernel says for an O_PATH descriptor of something else.
      throw SystemError(errno: EINVAL, operation: error.operation, subject: path)
    }
  }

  /// Removes a file or link, not a directory (EISDIR).
  public func unlink(_ path: String) throws {
    try remove(path, flags: 0)
  }

  /// Removes a file or a directory with all below it; nothing there is success. See `FileSystem.removeTree`.
  public func removeTree(_ path: String) throws {
    let parent: Descriptor
    let name: String
    do {
      (parent, name) = try openParent(path)
    } catch let error as SystemError where error.errno == ENOENT {
      return
    }
    try TreeRemover(subject: path).remove(name, in: parent)
  }

  /// Renames (renameat2(2)), replacing what is at `target` if the kernel allows it.
  /// - Parameters:
  ///   - noReplace: EEXIST instead of replacing.
  ///   - exchange: both must exist and change places.
  public func rename(from source: String, to target: String, noReplace: Bool = false, exchange: Bool = false) throws {
    let noReplaceFlag: UInt32 = 1
    let exchangeFlag: UInt32 = 2
    let flags = (noReplace ? noReplaceFlag : 0) | (exchange ? exchangeFlag : 0)
    let (sourceParent, sourceName) = try openParent(source)
    let (targetParent, targetName) = try openParent(target)
    try withPath(sourceName, "renameat2") { sourceName in
      try withPath(targetName, "renameat2") { targetName in
        try systemCall("renameat2", target) {
          bh_renameat2(sourceParent.raw, sourceName, targetParent.raw, targetName, flags)
        }
      }
    }
  }

  public func chown(_ path: String, uid: UInt32, gid: UInt32, followLink: Bool = false) throws {
    try openPath(path, followLink: followLink).chown(uid: uid, gid: gid)
  }

  public func chmod(_ path: String, mode: UInt32, followLink: Bool = false) throws {
    try openPath(path, followLink: followLink).chmod(mode)
  }

  public func utimens(_ path: String, access: FileTime, modification: FileTime, followLink: Bool = false) throws {
    try openPath(path, followLink: followLink).utimens(access: access, modification: modification)
  }

  public func setxattr(_ path: String, _ name: String, _ value: [UInt8], followLink: Bool = false) throws {
    try openPath(path, followLink: followLink).setxattr(name, value)
  }

  /// - Throws: ENODATA when there is no such attribute.
  public func getxattr(_ path: String, _ name: String, followLink: Bool = false) throws -> [UInt8] {
    try openPath(path, followLink: followLink).getxattr(name)
  }

  public func listxattr(_ path: String, followLink: Bool = false) throws -> [String] {
    try openPath(path, followLink: followLink).listxattr()
  }

  private func remove(_ path: String, flags: Int32) throws {
    let (parent, name) = try openParent(path)
    try withPath(name, "unlinkat") { name in
      try systemCall("unlinkat", path) { unlinkat(parent.raw, name, flags) }
    }
  }
}
