import CLinuxShim
import Glibc

/// Removes a tree of any depth without recursion, and with one open directory at a time (`DirectoryCursor`).
struct TreeRemover {
  /// The path for errors.
  let subject: String

  private struct Level {
    /// The directory's own name in the one above, zero-terminated.
    var name: [CChar]
    /// Directories still to be removed, zero-terminated.
    var pending: [[CChar]]
  }

  /// Removes `name` from the directory `above`. Nothing there is success.
  func remove(_ name: String, in above: Descriptor) throws {
    let bytes = PathText.bytes(of: name)
    if bytes.isEmpty || bytes.contains(0) || bytes.contains(UInt8(ascii: "/")) || name == "." || name == ".." {
      throw SystemError(errno: EINVAL, operation: "unlinkat", subject: subject)
    }
    let top = zeroTerminated(bytes)
    if try removeLeaf(top, type: UInt8(DT_UNKNOWN), in: above.raw) { return }
    let reader = DirectoryReader()
    var cursor = DirectoryCursor(try openTop(top, in: above), subject: subject)
    var levels = [Level(name: top, pending: try clear(cursor.current, reader: reader))]
    while !levels.isEmpty {
      // In place: a copy of the level would copy all its names at each step.
      if let next = levels[levels.count - 1].pending.popLast() {
        do {
          try cursor.descend(next)
        } catch let error as SystemError where error.errno == EXDEV {
          throw SystemError(errno: EBUSY, operation: "unlinkat", subject: describe(next))
        } catch let error as SystemError where error.errno == ENOENT {
          // Somebody else has removed it meanwhile.
          continue
        }
        levels.append(Level(name: next, pending: try clear(cursor.current, reader: reader)))
      } else {
        let level = levels.removeLast()
        if !levels.isEmpty { try cursor.ascend() }
        try removeEmpty(level.name, in: levels.isEmpty ? above.raw : cursor.current.raw)
      }
    }
  }

  private func openTop(_ name: [CChar], in above: Descriptor) throws -> Descriptor {
    do {
      return try DirectoryCursor.open(name, in: above, subject: subject)
    } catch let error as SystemError where error.errno == EXDEV {
      throw SystemError(errno: EBUSY, operation: "unlinkat", subject: subject)
    }
  }

  /// Removes what is not a directory, or is an empty one; returns what remains.
  private func clear(_ directory: Descriptor, reader: DirectoryReader) throws -> [[CChar]] {
    var pending: [[CChar]] = []
    for entry in try reader.entries(of: directory, maxEntries: .max) {
      let child = zeroTerminated(entry.name)
      if try !removeLeaf(child, type: entry.type, in: directory.raw) { pending.append(child) }
    }
    return pending
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

  private func describe(_ name: [CChar]) -> String {
    "\(subject): \(PathText.text(of: name.dropLast().map { UInt8(bitPattern: $0) }))"
  }
}
