import Glibc
import LinuxSystem
import Model

/// Goes over everything below a directory, across mounts, parents before children, names in byte order, with one open
/// directory however deep it is.
///
/// Each file is handed out open, so that whoever changes the tree meanwhile cannot put another in its place between two
/// looks at it. Links are never followed. What vanishes is passed over; a directory that is moved away while the walk is
/// inside ends it with ESTALE.
package final class TreeWalk {
  package struct Entry {
    /// Below the start, without a leading "/".
    package let path: [UInt8]
    /// The last component.
    package let name: [UInt8]
    /// The file itself, open with O_PATH.
    package let file: Descriptor
    package let status: FileStatus
    /// 1 for what is in the start itself.
    package let depth: Int
  }

  private struct Identity: Equatable {
    var device: UInt64
    var inode: UInt64

    init(_ directory: Descriptor) throws {
      let status = try directory.status()
      device = status.device
      inode = status.inode
    }
  }

  private struct Level {
    let identity: Identity
    /// The directory's path with "/" at its end; empty for the start.
    let prefix: [UInt8]
    /// Names still to come, in falling order.
    var pending: [[UInt8]]
  }

  private let maxDepth: Int
  private var current: Descriptor
  private var levels: [Level] = []
  /// The names in the start, in rising order.
  package let startNames: [[UInt8]]

  /// - Parameter start: a directory; O_PATH is enough.
  package init(_ start: Descriptor, maxDepth: Int = LayerLimits.standard.depth) throws {
    self.maxDepth = maxDepth
    current = try Self.opened(start)
    startNames = try Self.names(in: current)
    levels = [Level(identity: try Identity(current), prefix: [], pending: startNames.reversed())]
  }

  /// The next file, or nil at the end.
  package func next() throws -> Entry? {
    while !levels.isEmpty {
      // In place: a copy of the level would copy all its names at each step.
      guard let name = levels[levels.count - 1].pending.popLast() else {
        levels.removeLast()
        if let above = levels.last { try ascend(to: above.identity) }
        continue
      }
      guard let file = try open(name) else { continue }
      return Entry(
        path: levels[levels.count - 1].prefix + name, name: name, file: file, status: try file.status(),
        depth: levels.count)
    }
    return nil
  }

  /// Makes the walk go on inside the directory that `next` returned last; returns the names there.
  /// - Throws: `resourceExhausted` below the deepest level that is entered.
  @discardableResult
  package func enter(_ entry: Entry) throws -> [[UInt8]] {
    guard levels.count < maxDepth else {
      throw PlatformError(
        .resourceExhausted, "'/\(TarEntry.printable(entry.path))' is deeper than \(maxDepth) levels, which is the limit"
      )
    }
    current = try Self.opened(entry.file)
    let names = try Self.names(in: current)
    levels.append(
      Level(
        identity: try Identity(current), prefix: entry.path + [UInt8(ascii: "/")], pending: names.reversed()))
    return names
  }

  private func ascend(to expected: Identity) throws {
    current = Descriptor(
      owning: try systemCall("openat") {
        openat(current.raw, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      })
    guard try Identity(current) == expected else { throw SystemError(errno: ESTALE, operation: "openat") }
  }

  private func open(_ name: [UInt8]) throws -> Descriptor? {
    let terminated = TreeWriter.terminated(name)
    do {
      return Descriptor(
        owning: try systemCall("openat", PathText.text(of: name)) {
          openat(current.raw, terminated, O_PATH | O_NOFOLLOW | O_CLOEXEC)
        })
    } catch let error as SystemError where error.errno == ENOENT {
      return nil
    }
  }

  /// The directory itself, open for reading.
  private static func opened(_ directory: Descriptor) throws -> Descriptor {
    Descriptor(
      owning: try systemCall("openat") {
        openat(directory.raw, ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      })
  }

  private static func names(in directory: Descriptor) throws -> [[UInt8]] {
    try RootedDirectory(directory, confinement: .beneath).list("").map { PathText.bytes(of: $0) }
  }
}
