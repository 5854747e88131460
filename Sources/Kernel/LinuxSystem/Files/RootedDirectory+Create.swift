import CLinuxShim
import Glibc

extension RootedDirectory {
  /// Creates a regular file that must not exist, with exactly this mode, open for reading and writing.
  /// - Throws: EEXIST, for a dangling link too.
  public func createFile(_ path: String, mode: UInt32) throws -> Descriptor {
    let file = try open(path, flags: O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
    try systemCall("fchmod", path) { fchmod(file.raw, mode_t(mode & 0o7777)) }
    return file
  }

  /// Creates a directory that must not exist, with exactly this mode, and returns it opened with O_PATH.
  @discardableResult
  public func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws -> Descriptor {
    let (parent, name) = try openParent(path)
    return try Self.makeDirectory(name, in: parent, mode: mode, subject: path)
  }

  /// Creates a directory and those above it that are missing; existing ones keep their mode. Links to directories are
  /// followed inside the root. Returns the directory opened with O_PATH.
  /// - Throws: ENOTDIR or EEXIST when something else is in the way, EINVAL for ".." below a missing directory.
  @discardableResult
  public func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws -> Descriptor {
    var existing = path
    var missing: [String] = []
    var current: Descriptor
    while true {
      do {
        current = try open(existing, flags: O_PATH | O_DIRECTORY)
        break
      } catch let error as SystemError where error.errno == ENOENT {
        let name = FileSystem.lastComponent(of: existing)
        if name.isEmpty || name == ".." { throw SystemError(errno: EINVAL, operation: "mkdir", subject: path) }
        if name != "." { missing.append(name) }
        existing = FileSystem.parent(of: existing)
      }
    }
    for name in missing.reversed() {
      current = try Self.makeDirectory(name, in: current, mode: mode, subject: path)
    }
    return current
  }

  /// Creates a symbolic link; its target is any text and is not looked at.
  public func symlink(_ target: String, at path: String) throws {
    let (parent, name) = try openParent(path)
    try withPath(target, "symlinkat") { target in
      try withPath(name, "symlinkat") { name in
        try systemCall("symlinkat", path) { symlinkat(target, parent.raw, name) }
      }
    }
  }

  /// Gives a file another name. A symbolic link as the source is linked itself.
  public func hardLink(from source: String, to path: String) throws {
    let (sourceParent, sourceName) = try openParent(source)
    let (parent, name) = try openParent(path)
    try withPath(sourceName, "linkat") { sourceName in
      try withPath(name, "linkat") { name in
        try systemCall("linkat", path) { linkat(sourceParent.raw, sourceName, parent.raw, name, 0) }
      }
    }
  }

  /// Creates a device, fifo or socket file with exactly this mode (mknod(2)).
  public func mknod(_ path: String, type: FileType, mode: UInt32, device: DeviceNumber? = nil) throws {
    let (parent, name) = try openParent(path)
    try withPath(name, "mknodat") { name in
      try systemCall("mknodat", path) {
        mknodat(parent.raw, name, mode_t(type.modeBits | mode & 0o7777), dev_t(device?.encoded ?? 0))
      }
    }
    try Self.setMode(mode, of: Self.openName(name, in: parent, subject: path))
  }

  private static func makeDirectory(
    _ name: String, in parent: Descriptor, mode: UInt32, subject: String
  ) throws -> Descriptor {
    try withPath(name, "mkdirat") { pointer in
      try systemCall("mkdirat", subject) { mkdirat(parent.raw, pointer, mode_t(mode & 0o7777)) }
    }
    let directory = try openName(name, in: parent, subject: subject)
    try setMode(mode, of: directory)
    return directory
  }

  /// One name in a directory, never followed and never elsewhere.
  static func openName(
    _ name: String, in parent: Descriptor, flags: Int32 = O_PATH, subject: String
  ) throws -> Descriptor {
    let resolve: ResolveFlags = [.beneath, .noMagicLinks]
    let raw = try withPath(name, "openat2") { name in
      try systemCall("openat2", subject) {
        bh_openat2(parent.raw, name, UInt64(flags | O_NOFOLLOW | O_CLOEXEC), 0, resolve.rawValue)
      }
    }
    return Descriptor(owning: raw)
  }

  /// What the umask took from a file just created.
  private static func setMode(_ mode: UInt32, of file: Descriptor) throws {
    if try file.status().mode != mode & 0o7777 { try file.chmod(mode) }
  }
}
