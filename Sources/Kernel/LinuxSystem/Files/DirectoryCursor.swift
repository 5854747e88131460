import CLinuxShim
import Glibc

/// A place in a tree that moves down by name and up by "..", with one open directory however deep it is.
///
/// Down never follows a link or crosses a mount (openat2(2)). Up checks that it came back to the directory it left, so
/// whoever moves directories about meanwhile makes it stop (ESTALE), never go astray.
struct DirectoryCursor {
  private struct Identity: Equatable {
    var device: UInt64
    var inode: UInt64
  }

  private static let resolve: ResolveFlags = [.noLinks, .noMagicLinks, .noMountCrossing, .beneath]

  /// Open for reading.
  private(set) var current: Descriptor
  private var above: [Identity] = []
  private let subject: String

  /// Levels below the start.
  var depth: Int { above.count }

  init(_ start: Descriptor, subject: String) {
    current = start
    self.subject = subject
  }

  /// - Parameter name: zero-terminated.
  /// - Throws: EXDEV for a mount point, ELOOP or ENOTDIR for what is no directory.
  mutating func descend(_ name: [CChar]) throws {
    if depth == Limits.directoryDepth { throw SystemError(errno: ELOOP, operation: "openat2", subject: subject) }
    let here = try Self.identity(of: current)
    current = try Self.open(name, in: current, subject: subject)
    above.append(here)
  }

  mutating func ascend() throws {
    guard let expected = above.popLast() else { throw SystemError(errno: EINVAL, operation: "ascend") }
    let raw = try systemCall("openat", subject) {
      openat(current.raw, "..", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    }
    current = Descriptor(owning: raw)
    if try Self.identity(of: current) != expected {
      throw SystemError(errno: ESTALE, operation: "openat", subject: subject)
    }
  }

  static func open(_ name: [CChar], in directory: Descriptor, subject: String) throws -> Descriptor {
    let flags = UInt64(O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
    let raw = try systemCall("openat2", subject) {
      bh_openat2(directory.raw, name, flags, 0, resolve.rawValue)
    }
    return Descriptor(owning: raw)
  }

  private static func identity(of directory: Descriptor) throws -> Identity {
    var status = stat()
    try systemCall("fstat") { fstat(directory.raw, &status) }
    return Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }
}

/// A name for the kernel's *at calls.
func zeroTerminated(_ name: some Collection<UInt8>) -> [CChar] {
  var result = name.map { CChar(bitPattern: $0) }
  result.append(0)
  return result
}
