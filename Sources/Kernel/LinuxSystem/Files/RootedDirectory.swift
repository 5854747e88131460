import CLinuxShim
import Glibc

/// A directory as a door: every path is walked by openat2(2) from here, and nothing outside can be reached, whatever
/// links, ".." and renames there are inside, also while somebody changes them. This is the only way to paths that come
/// from images, build contexts, containers and clients.
///
/// Blocks. Paths are texts as `PathText` makes them; "", "." and "/" are the directory itself.
public struct RootedDirectory: Sendable {
  /// What a path that leads out means.
  public enum Confinement: Sendable {
    /// The directory is "/": absolute links and ".." are walked as a process in a container would.
    case inRoot
    /// Leading out is an error, EXDEV.
    case beneath
  }

  /// openat2(2) may ask to repeat (EAGAIN) when something is renamed during the walk.
  private static let maxAttempts = 128

  /// The directory itself; O_PATH is enough.
  public let descriptor: Descriptor
  public let confinement: Confinement

  public init(_ directory: Descriptor, confinement: Confinement = .inRoot) {
    descriptor = directory
    self.confinement = confinement
  }

  /// - Parameter path: a trusted path of the host.
  public init(path: String, confinement: Confinement = .inRoot) throws {
    self.init(try Descriptor.open(path, flags: O_PATH | O_DIRECTORY), confinement: confinement)
  }

  /// Opens a file (openat2(2)), always close-on-exec. Links are followed unless `flags` has O_NOFOLLOW.
  /// - Parameter mode: for O_CREAT only; the umask applies.
  /// - Throws: EXDEV for what leads out (`.beneath`), ELOOP for links of /proc that jump.
  public func open(_ path: String, flags: Int32, mode: UInt32 = 0) throws -> Descriptor {
    let creates = flags & O_CREAT != 0 || flags & O_TMPFILE == O_TMPFILE
    let flags = UInt64(flags | O_CLOEXEC)
    let resolve: ResolveFlags = confinement == .inRoot ? [.inRoot, .noMagicLinks] : [.beneath, .noMagicLinks]
    return try withPath(inner(path), "openat2") { pointer in
      var attempt = 1
      while true {
        do {
          let raw = try systemCall("openat2", path) {
            bh_openat2(descriptor.raw, pointer, flags, creates ? UInt64(mode & 0o7777) : 0, resolve.rawValue)
          }
          return Descriptor(owning: raw)
        } catch let error as SystemError where error.errno == EAGAIN && attempt < Self.maxAttempts {
          attempt += 1
        }
      }
    }
  }

  /// Opens the directory that holds `path`'s last component and names that component, which the caller then creates or
  /// removes by a call of the *at family without following it.
  /// - Throws: EINVAL when the last component is missing, "." or "..".
  public func openParent(_ path: String) throws -> (parent: Descriptor, name: String) {
    let name = FileSystem.lastComponent(of: path)
    if name.isEmpty || name == "." || name == ".." {
      throw SystemError(errno: EINVAL, operation: "openat2", subject: path)
    }
    return (try open(FileSystem.parent(of: path), flags: O_PATH | O_DIRECTORY), name)
  }

  /// Opens the file itself for `Descriptor`'s metadata calls.
  public func openPath(_ path: String, followLink: Bool) throws -> Descriptor {
    try open(path, flags: O_PATH | (followLink ? 0 : O_NOFOLLOW))
  }

  /// A door at a directory below; nothing outside of that one can be reached through it.
  public func directory(_ path: String) throws -> RootedDirectory {
    RootedDirectory(try open(path, flags: O_PATH | O_DIRECTORY), confinement: confinement)
  }

  /// The names in a directory in byte order.
  public func list(_ path: String = "/", maxEntries: Int = Limits.directoryEntries) throws -> [String] {
    let directory = try open(path, flags: O_RDONLY | O_DIRECTORY)
    let names = try DirectoryReader().entries(of: directory, maxEntries: maxEntries).map(\.name)
    return names.sorted { $0.lexicographicallyPrecedes($1) }.map { PathText.text(of: $0) }
  }

  /// Reads a whole regular file.
  /// - Throws: EFBIG when it is longer than `maxBytes`, EINVAL when it is no regular file.
  public func read(_ path: String, maxBytes: Int) throws -> [UInt8] {
    // O_NONBLOCK: a fifo put there must not hold us up.
    let file = try open(path, flags: O_RDONLY | O_NONBLOCK)
    if try file.status().type != .regular { throw SystemError(errno: EINVAL, operation: "read", subject: path) }
    return try file.readAll(maxBytes: maxBytes)
  }

  /// The path as the kernel gets it: relative where "/" would leave (`.beneath`), "." for the directory itself.
  private func inner(_ path: String) -> String {
    if confinement == .inRoot { return path.isEmpty ? "." : path }
    let relative = path.drop { $0 == "/" }
    return relative.isEmpty ? "." : String(relative)
  }
}
