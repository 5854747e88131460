import Glibc
import LinuxSystem
import Model

/// Makes files below a root directory by paths from outside, always through `RootedDirectory`, and is quick when entries
/// of one directory follow each other: the directory stays open.
///
/// What is created is created new (O_EXCL) in a directory that is held open, by a name of one component; nothing is ever
/// followed. Owners are given as the numbers to be stored.
package final class TreeWriter {
  /// How an existing file stands towards a new one.
  package enum Existing: Equatable {
    case nothing, directory, whiteout, other
  }

  package let root: RootedDirectory
  /// Makes a missing directory on the way to an entry; gets the parent and the name.
  private let makeImplied: (_ parent: Descriptor, _ name: [CChar]) throws -> Void
  /// In a layer, a whiteout on the way to an entry becomes an opaque directory.
  private let replacesWhiteouts: Bool
  /// Told of each directory that was made because entries need it, by its path below the root.
  package var onImplied: ((_ path: [UInt8]) throws -> Void)?
  private var cached: (path: ArraySlice<UInt8>, directory: Descriptor)?

  private static let maximumLinks = 40

  package init(
    root: RootedDirectory, replacesWhiteouts: Bool,
    makeImplied: @escaping (_ parent: Descriptor, _ name: [CChar]) throws -> Void
  ) {
    self.root = root
    self.replacesWhiteouts = replacesWhiteouts
    self.makeImplied = makeImplied
  }

  // MARK: - Directories on the way

  /// The directory that holds the path's last component, made with those above it where missing.
  package func parent(of path: EntryPath) throws -> Descriptor {
    if let cached, cached.path == path.parent { return cached.directory }
    let directory = try openOrMake(path.parent)
    cached = (path.parent, directory)
    return directory
  }

  /// The directory that holds the path's last component.
  /// - Throws: ENOENT where it is missing.
  package func existingParent(of path: EntryPath) throws -> Descriptor {
    if let cached, cached.path == path.parent { return cached.directory }
    return try root.open(PathText.text(of: path.parent), flags: O_PATH | O_DIRECTORY)
  }

  /// Remembers a directory just made: its entries are likely to follow.
  package func remember(_ path: EntryPath, _ directory: Descriptor) { cached = (path.bytes[...], directory) }

  /// Must be called when something that exists is replaced.
  package func forget() { cached = nil }

  private func openOrMake(_ path: ArraySlice<UInt8>) throws -> Descriptor {
    do {
      return try root.open(PathText.text(of: path), flags: O_PATH | O_DIRECTORY)
    } catch let error as SystemError where error.errno == ENOENT || error.errno == ENOTDIR {
      return try makeStepByStep(path)
    }
  }

  /// Walks component by component, so that links, missing directories and whiteouts can each be treated.
  private func makeStepByStep(_ path: ArraySlice<UInt8>) throws -> Descriptor {
    var pending = Array(Self.components(path).reversed())
    var resolved: [[UInt8]] = []
    var current = root.descriptor
    var links = 0
    while let component = pending.popLast() {
      if component.elementsEqual("..".utf8) {
        resolved = resolved.dropLast()
        current = try reopen(resolved)
        continue
      }
      let name = Self.terminated(component)
      if let child = try openChild(name, in: current) {
        switch try child.status().type {
        case .directory:
          current = child
          resolved.append(component)
          continue
        case .symbolicLink:
          links += 1
          guard links <= Self.maximumLinks else {
            throw SystemError(errno: ELOOP, operation: "mkdir", subject: TarEntry.printable(path))
          }
          let target = PathText.bytes(of: try child.readLink())
          if target.first == UInt8(ascii: "/") {
            resolved = []
            current = root.descriptor
          }
          pending.append(contentsOf: Self.components(target[...]).reversed())
          continue
        default:
          guard replacesWhiteouts, try isWhiteout(child.status()) else {
            throw PlatformError(
              .invalidArgument,
              "'\(TarEntry.printable(path))' in the archive goes through something that is no directory")
          }
          try systemCall("unlinkat") { unlinkat(current.raw, name, 0) }
        }
        try makeImplied(current, name)
        current = try Self.openDirectory(name, in: current)
        try current.setxattr(OverlayAttributes.opaque, OverlayAttributes.yes)
      } else {
        try makeImplied(current, name)
        current = try Self.openDirectory(name, in: current)
        try onImplied?(Array((resolved + [component]).joined(separator: [UInt8(ascii: "/")])))
      }
      resolved.append(component)
    }
    return current
  }

  private func reopen(_ components: [[UInt8]]) throws -> Descriptor {
    if components.isEmpty { return root.descriptor }
    let path = components.joined(separator: [UInt8(ascii: "/")])
    return try root.open(PathText.text(of: path), flags: O_PATH | O_DIRECTORY)
  }

  private func openChild(_ name: [CChar], in directory: Descriptor) throws -> Descriptor? {
    do {
      return Descriptor(
        owning: try systemCall("openat") { openat(directory.raw, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) })
    } catch let error as SystemError where error.errno == ENOENT {
      return nil
    }
  }

  // MARK: - Entries

  /// What is at a name.
  package func existing(_ name: [CChar], in directory: Descriptor) throws -> Existing {
    var status = stat()
    guard fstatat(directory.raw, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
      if errno == ENOENT { return .nothing }
      throw SystemError(errno: errno, operation: "fstatat")
    }
    switch status.st_mode & S_IFMT {
    case S_IFDIR: return .directory
    case S_IFCHR where status.st_rdev == 0: return .whiteout
    default: return .other
    }
  }

  /// Removes whatever is at a name, with all below it.
  package func clear(_ name: [CChar], in directory: Descriptor) throws {
    forget()
    if unlinkat(directory.raw, name, 0) == 0 || errno == ENOENT { return }
    try RootedDirectory(directory).removeTree(PathText.text(of: name.dropLast().map { UInt8(bitPattern: $0) }))
  }

  /// Runs a creating call; where the name is taken, clears it and runs the call once more.
  package func creating(
    _ operation: String, _ name: [CChar], in directory: Descriptor, _ call: (Int32, UnsafePointer<CChar>) -> Int32
  ) throws -> Int32 {
    do {
      return try systemCall(operation) { call(directory.raw, name) }
    } catch let error as SystemError where error.errno == EEXIST {
      try clear(name, in: directory)
      return try systemCall(operation) { call(directory.raw, name) }
    }
  }

  /// Opens a directory by one name, never through a link.
  package static func openDirectory(_ name: [CChar], in directory: Descriptor) throws -> Descriptor {
    Descriptor(
      owning: try systemCall("openat") {
        openat(directory.raw, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
      })
  }

  package static func terminated(_ name: some Collection<UInt8>) -> [CChar] {
    var result: [CChar] = []
    result.reserveCapacity(name.count + 1)
    for byte in name { result.append(CChar(bitPattern: byte)) }
    result.append(0)
    return result
  }

  private static func components(_ path: ArraySlice<UInt8>) -> [[UInt8]] {
    path.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual([UInt8(ascii: ".")]) }.map(Array.init)
  }
}

/// Whether a file is overlay's sign for "deleted": a character device 0:0 (overlayfs.rst, *whiteouts*).
package func isWhiteout(_ status: FileStatus) -> Bool {
  status.type == .characterDevice && status.rawDevice.major == 0 && status.rawDevice.minor == 0
}
