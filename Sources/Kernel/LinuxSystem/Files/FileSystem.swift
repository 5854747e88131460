import CLinuxShim
import Glibc

/// Operations on trusted paths of the host. Paths that come from an image, a container or a client go through
/// `RootedDirectory` instead. All of them block.
public enum FileSystem {
  /// Replaces a file in one step: readers see the old bytes or the new ones, never a mixture.
  /// - Parameters:
  ///   - mode: permission bits, set regardless of the umask.
  ///   - durable: when true, file and directory entry are on disk on return (fsync(2)).
  ///   - staging: where the file is written before it takes its place, in the same file system: a folder that is emptied
  ///     after a crash. Nil for beside it.
  public static func atomicWrite(
    _ path: String, _ bytes: [UInt8], mode: UInt32 = 0o600, durable: Bool = true, staging: String? = nil
  ) throws {
    let place = staging.map { "\($0)/\(lastComponent(of: path))" } ?? path
    let temporary = "\(place).\(UInt64.random(in: 0 ... .max)).tmp"
    let file = try Descriptor.open(temporary, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: mode)
    do {
      try systemCall("fchmod", temporary) { fchmod(file.raw, mode_t(mode)) }
      try file.write(all: bytes)
      if durable { try systemCall("fsync", temporary) { fsync(file.raw) } }
      try rename(temporary, to: path)
    } catch {
      try? removeFile(temporary)
      throw error
    }
    if durable { try syncDirectory(parent(of: path)) }
  }

  /// Reads a whole file.
  /// - Throws: EFBIG when it is longer than `maxBytes`.
  public static func read(_ path: String, maxBytes: Int) throws -> [UInt8] {
    let file = try Descriptor.open(path, flags: O_RDONLY)
    do {
      return try file.readAll(maxBytes: maxBytes)
    } catch let error as SystemError {
      throw SystemError(errno: error.errno, operation: error.operation, subject: path)
    }
  }

  /// Creates one directory with exactly this mode.
  /// - Throws: EEXIST when there is anything at `path`.
  public static func makeDirectory(_ path: String, mode: UInt32 = 0o755) throws {
    try withPath(path, "mkdir") { pointer in
      try systemCall("mkdir", path) { mkdir(pointer, mode_t(mode)) }
      try systemCall("chmod", path) { chmod(pointer, mode_t(mode)) }
    }
  }

  /// Creates a directory and those above it that are missing; existing ones keep their mode.
  /// - Throws: ENOTDIR when something else is in the way.
  public static func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws {
    do {
      try makeDirectory(path, mode: mode)
    } catch let error as SystemError where error.errno == ENOENT {
      let above = parent(of: path)
      if above == path { throw error }
      try makeDirectories(above, mode: mode)
      try makeDirectories(path, mode: mode)
    } catch let error as SystemError where error.errno == EEXIST {
      // Opening it follows a link, as the shell's mkdir -p does.
      _ = try Descriptor.open(path, flags: O_PATH | O_DIRECTORY)
    }
  }

  /// Puts a directory's entries on disk (fsync(2)).
  public static func syncDirectory(_ path: String) throws {
    let directory = try Descriptor.open(path, flags: O_RDONLY | O_DIRECTORY)
    try systemCall("fsync", path) { fsync(directory.raw) }
  }

  /// Puts all that was written to the file system of `path` on disk (syncfs(2)).
  public static func syncFileSystem(of path: String) throws {
    let file = try Descriptor.open(path, flags: O_RDONLY)
    try systemCall("syncfs", path) { bh_syncfs(file.raw) }
  }

  /// Room of the file system of `path` (statvfs(3)): what users without rights of their own may still take, and all.
  public static func space(of path: String) throws -> (freeBytes: Int64, totalBytes: Int64) {
    var status = statvfs()
    let file = try Descriptor.open(path, flags: O_PATH)
    try systemCall("fstatvfs", path) { fstatvfs(file.raw, &status) }
    func bytes(_ blocks: UInt) -> Int64 {
      let (product, overflows) = Int64(clamping: blocks).multipliedReportingOverflow(
        by: Int64(clamping: status.f_frsize))
      return overflows ? .max : product
    }
    return (bytes(UInt(status.f_bavail)), bytes(UInt(status.f_blocks)))
  }

  /// Whether there is anything at `path`, a dangling symbolic link included.
  public static func exists(_ path: String) -> Bool {
    (try? withPath(path, "access") { faccessat(AT_FDCWD, $0, F_OK, AT_SYMLINK_NOFOLLOW) == 0 }) ?? false
  }

  /// The names in a directory in byte order, without "." and "..".
  /// - Throws: EOVERFLOW when there are more than `maxEntries`.
  public static func list(_ path: String, maxEntries: Int = Limits.directoryEntries) throws -> [String] {
    let directory = try Descriptor.open(path, flags: O_RDONLY | O_DIRECTORY)
    var entries = try DirectoryReader().entries(of: directory, maxEntries: maxEntries)
    entries.sort { $0.name.lexicographicallyPrecedes($1.name) }
    return entries.map { PathText.text(of: $0.name) }
  }

  /// Removes one file or link that may already be gone.
  public static func removeFile(_ path: String) throws {
    do {
      try withPath(path, "unlink") { pointer in
        try systemCall("unlink", path) { Glibc.unlink(pointer) }
      }
    } catch let error as SystemError where error.errno == ENOENT {}
  }

  /// Renames within one file system (rename(2)).
  public static func rename(_ source: String, to target: String) throws {
    try withPath(source, "rename") { sourcePointer in
      try withPath(target, "rename") { targetPointer in
        try systemCall("rename", target) { Glibc.rename(sourcePointer, targetPointer) }
      }
    }
  }

  /// Removes a file or a directory with all below it, without ever following a link or crossing into another mount.
  /// Nothing at `path` is success.
  /// - Throws: EXDEV or EBUSY when something is mounted inside.
  public static func removeTree(_ path: String) throws {
    let above = try Descriptor.open(parent(of: path), flags: O_PATH | O_DIRECTORY)
    try TreeRemover(subject: path).remove(lastComponent(of: path), in: above)
  }

  /// The path without its last component; "/" and "." have none and return themselves.
  public static func parent(of path: String) -> String {
    let trimmed = trimmingSlashes(path)
    guard let slash = trimmed.lastIndex(of: "/") else { return path.hasPrefix("/") ? "/" : "." }
    let above = trimmingSlashes(String(trimmed[..<slash]))
    return above.isEmpty ? "/" : above
  }

  /// The last component of a path.
  public static func lastComponent(of path: String) -> String {
    let trimmed = trimmingSlashes(path)
    guard let slash = trimmed.lastIndex(of: "/") else { return trimmed }
    return String(trimmed[trimmed.index(after: slash)...])
  }

  private static func trimmingSlashes(_ path: String) -> String {
    var result = path[...]
    while result.hasSuffix("/") { result.removeLast() }
    return String(result)
  }
}
