import CLinuxShim
import Glibc

/// Metadata of an open file, whatever it was opened for: O_PATH is enough, and a symbolic link opened with O_NOFOLLOW is
/// itself the file. Some calls go by /proc/self/fd, so /proc must be mounted in the calling thread's mount namespace.
extension Descriptor {
  /// XATTR_SIZE_MAX and XATTR_LIST_MAX (linux/limits.h).
  private static let maxAttributeBytes = 64 << 10

  private var procPath: String { "/proc/self/fd/\(raw)" }

  public func status() throws -> FileStatus {
    var status = Glibc.stat()
    try systemCall("fstat") { fstat(raw, &status) }
    return try FileStatus(status)
  }

  public func chown(uid: UInt32, gid: UInt32) throws {
    try systemCall("fchownat") { fchownat(raw, "", uid, gid, AT_EMPTY_PATH) }
  }

  /// - Throws: EOPNOTSUPP for a symbolic link, which has no mode on Linux.
  public func chmod(_ mode: UInt32) throws {
    try systemCall("chmod") { Glibc.chmod(procPath, mode_t(mode & 0o7777)) }
  }

  /// Sets the times of access and modification.
  public func utimens(access: FileTime, modification: FileTime) throws {
    let times = [access.timespec, modification.timespec]
    try systemCall("utimensat") { utimensat(raw, "", times, AT_EMPTY_PATH) }
  }

  public func setxattr(_ name: String, _ value: [UInt8]) throws {
    try withPath(name, "setxattr") { name in
      try systemCall("setxattr") { bh_setxattr(raw, name, value, value.count) }
    }
  }

  /// - Throws: ENODATA when there is no such attribute.
  public func getxattr(_ name: String) throws -> [UInt8] {
    try withPath(name, "getxattr") { name in
      try [UInt8](unsafeUninitializedCapacity: Self.maxAttributeBytes) { buffer, count in
        count = 0
        count = try systemCall("getxattr") { bh_getxattr(raw, name, buffer.baseAddress, buffer.count) }
      }
    }
  }

  /// The names of all extended attributes in byte order; none where the file system has no such thing.
  public func listxattr() throws -> [String] {
    // Most files have none: ask for the size first.
    let size: Int
    do {
      size = try systemCall("listxattr") { bh_listxattr(raw, nil, 0) }
    } catch let error as SystemError where error.errno == EOPNOTSUPP {
      return []
    }
    if size == 0 { return [] }
    let bytes = try [UInt8](unsafeUninitializedCapacity: Self.maxAttributeBytes) { buffer, count in
      count = 0
      count = try systemCall("listxattr") { bh_listxattr(raw, buffer.baseAddress, buffer.count) }
    }
    return bytes.split(separator: 0).sorted { $0.lexicographicallyPrecedes($1) }.map { PathText.text(of: $0) }
  }

  public func removexattr(_ name: String) throws {
    try withPath(name, "removexattr") { name in
      try systemCall("removexattr") { bh_removexattr(raw, name) }
    }
  }

  /// The target of a symbolic link that is open with O_PATH and O_NOFOLLOW.
  public func readLink() throws -> String {
    let bytes = try [UInt8](unsafeUninitializedCapacity: Limits.pathBytes) { buffer, count in
      count = 0
      count = try buffer.withMemoryRebound(to: CChar.self) { target in
        guard let base = target.baseAddress else { return 0 }
        return try systemCall("readlinkat") { readlinkat(raw, "", base, target.count) }
      }
    }
    return PathText.text(of: bytes)
  }

  /// Opens the file anew with other flags, for example an O_PATH descriptor for reading.
  /// - Throws: ELOOP for a symbolic link.
  public func reopen(flags: Int32) throws -> Descriptor {
    try Descriptor.open(procPath, flags: flags)
  }
}
