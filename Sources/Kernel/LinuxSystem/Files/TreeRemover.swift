import CLinuxShim
import Glibc

/// Removes a tree of any depth with one open directory at a time and no recursion.
///
/// It goes down by name without following links or crossing mounts (openat2(2)), and up by "..", where it checks that it
/// came back to the directory it left: whoever moves directories about meanwhile makes it stop, never go astray.
struct TreeRemover {
  /// The path for errors.
  let subject: String

  private struct Level {
    /// The directory's own name in the one above, zero-terminated.
    var name: [CChar]
    var device: UInt64
    var inode: UInt64
    /// Directories still to be removed, zero-terminated.
    var pending: [[CChar]]
  }

  private static let resolve = ResolveFlags.noLinks.union(.noMagicLinks).union(.noMountCrossing).union(.beneath)

  /// Removes `name` from the directory `above`. Nothing there is success.
  func remove(_ name: String, in above: Descriptor) throws {
    let bytes = PathText.bytes(of: name)
    if bytes.isEmpty || bytes.contains(0) || bytes.contains(UInt8(ascii: "/")) || name == "." || name == ".." {
      throw SystemError(errno: EINVAL, operation: "unlinkat", subject: subject)
    }
    let top = terminated(bytes)
    if try removeLeaf(top, type: UInt8(DT_UNKNOWN), in: above.raw) { return }
    try removeDirectory(top, in: above)
  }

  private func removeDirectory(_ top: [CChar], in above: Descriptor) throws {
    let reader = DirectoryReader()
    var current = try openDirectory(top, in: above.raw)
    var levels = [try enter(current, name: top, reader: reader)]
    while let level = levels.last {
      if let next = level.pending.last {
        let child = try openDirectory(next, in: current.raw)
        levels[levels.count - 1].pending.removeLast()
        levels.append(try enter(child, name: next, reader: reader))
        current = child
      } else {
        levels.removeLast()
        if let upper = levels.last {
          current = try goUp(from: current, to: upper)
          try removeEmpty(level.name, in: current.raw)
        } else {
          try removeEmpty(level.name, in: above.raw)
        }
      }
    }
  }

  /// Removes what is not a directory, or is an empty one; what remains is pending.
  private func enter(_ directory: Descriptor, name: [CChar], reader: DirectoryReader) throws -> Level {
    let identity = try status(of: directory)
    var pending: [[CChar]] = []
    for entry in try reader.entries(of: directory) {
      let child = terminated(entry.name)
      if try !removeLeaf(child, type: entry.type, in: directory.raw) { pending.append(child) }
    }
    return Level(name: name, device: identity.device, inode: identity.inode, pending: pending)
  }

  /// Whether `name` is gone now; false for a directory that is not empty.
  private func removeLeaf(_ name: [CChar], type: UInt8, in directory: Int32) throws -> Bool {
    if type != UInt8(DT_DIR) {
      if unlinkat(directory, name, 0) == 0 { return true }
      switch errno {
      case ENOENT: return true
      case EISDIR: break
      case let code: throw SystemError(errno: code, operation: "unlinkat", subject: describe(name))
      }
    }
    if unlinkat(directory, name, AT_REMOVEDIR) == 0 { return true }
    switch errno {
    case ENOENT: return true
    case ENOTEMPTY, EEXIST: return false
    case let code: throw SystemError(errno: code, operation: "unlinkat", subject: describe(name))
    }
  }

  private func removeEmpty(_ name: [CChar], in directory: Int32) throws {
    if unlinkat(directory, name, AT_REMOVEDIR) == 0 { return }
    let code = errno
    if code != ENOENT { throw SystemError(errno: code, operation: "unlinkat", subject: describe(name)) }
  }

  private func openDirectory(_ name: [CChar], in directory: Int32) throws -> Descriptor {
    let flags = UInt64(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    return Descriptor(
      owning: try systemCall("openat2", describe(name)) { bh_openat2(directory, name, flags, 0, Self.resolve.rawValue) }
    )
  }

  private func goUp(from directory: Descriptor, to upper: Level) throws -> Descriptor {
    let raw = try systemCall("openat", subject) {
      openat(directory.raw, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    }
    let result = Descriptor(owning: raw)
    let identity = try status(of: result)
    if identity.device != upper.device || identity.inode != upper.inode {
      throw SystemError(errno: ESTALE, operation: "removeTree", subject: subject)
    }
    return result
  }

  private func status(of directory: Descriptor) throws -> (device: UInt64, inode: UInt64) {
    var status = stat()
    try systemCall("fstat", subject) { fstat(directory.raw, &status) }
    return (UInt64(status.st_dev), UInt64(status.st_ino))
  }

  private func terminated(_ bytes: [UInt8]) -> [CChar] {
    var result = bytes.map { CChar(bitPattern: $0) }
    result.append(0)
    return result
  }

  private func describe(_ name: [CChar]) -> String {
    "\(subject): \(PathText.text(of: name.dropLast().map { UInt8(bitPattern: $0) }))"
  }
}
