import CLinuxShim
import Glibc

/// A file met on a walk.
public struct WalkEntry: Sendable {
  /// Relative to where the walk began, without a leading "/"; empty for the start itself.
  public let path: String
  /// The last component; empty for the start.
  public let name: String
  public let status: FileStatus
  /// The directory that holds it (for the start: the start itself), open for reading.
  public let directory: Descriptor

  /// Opens this very entry, without following it if it is a link.
  public func open(flags: Int32) throws -> Descriptor {
    try RootedDirectory.openName(name.isEmpty ? "." : name, in: directory, flags: flags, subject: path)
  }
}

/// What a walk does after an entry.
public enum WalkStep: Sendable {
  /// Go on, into the directory if it is one.
  case enter
  /// Go on, past the directory.
  case skip
  /// End the walk.
  case stop
}

extension RootedDirectory {
  private struct Level {
    /// The path of the directory with "/" at its end, empty for the start.
    var prefix: [UInt8]
    /// Names still to be visited, in falling order.
    var names: [[UInt8]]
  }

  /// Visits a file and all below it, parents before children, names in byte order. Links are not followed and mounts not
  /// entered (their roots are visited). What vanishes meanwhile is passed over.
  /// - Throws: ELOOP below `Limits.directoryDepth` levels, EOVERFLOW for a directory above `Limits.directoryEntries`,
  ///   ESTALE when directories are moved about, and what `visit` throws.
  public func walk(_ path: String = "/", _ visit: (WalkEntry) throws -> WalkStep) throws {
    let start = try openPath(path, followLink: true)
    let status = try start.status()
    guard try visit(WalkEntry(path: "", name: "", status: status, directory: start)) == .enter,
      status.type == .directory
    else { return }
    let reader = DirectoryReader()
    var cursor = DirectoryCursor(try open(path, flags: O_RDONLY | O_DIRECTORY), subject: path)
    var levels = [Level(prefix: [], names: try names(in: cursor.current, reader))]
    while !levels.isEmpty {
      // In place: a copy of the level would copy all its names at each step.
      guard let name = levels[levels.count - 1].names.popLast() else {
        levels.removeLast()
        if !levels.isEmpty { try cursor.ascend() }
        continue
      }
      let terminated = zeroTerminated(name)
      guard let status = try Self.status(terminated, in: cursor.current) else { continue }
      let childPath = levels[levels.count - 1].prefix + name
      let entry = WalkEntry(
        path: PathText.text(of: childPath), name: PathText.text(of: name), status: status, directory: cursor.current)
      let step = try visit(entry)
      if step == .stop { return }
      if step == .skip || status.type != .directory { continue }
      do {
        try cursor.descend(terminated)
      } catch let error as SystemError where error.errno == EXDEV || error.errno == ENOENT {
        continue
      }
      levels.append(Level(prefix: childPath + [UInt8(ascii: "/")], names: try names(in: cursor.current, reader)))
    }
  }

  private func names(in directory: Descriptor, _ reader: DirectoryReader) throws -> [[UInt8]] {
    try reader.entries(of: directory).map(\.name).sorted { $1.lexicographicallyPrecedes($0) }
  }

  private static func status(_ name: [CChar], in directory: Descriptor) throws -> FileStatus? {
    var status = Glibc.stat()
    do {
      try systemCall("fstatat") { fstatat(directory.raw, name, &status, AT_SYMLINK_NOFOLLOW) }
    } catch let error as SystemError where error.errno == ENOENT {
      return nil
    }
    return try FileStatus(status)
  }
}
