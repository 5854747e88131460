import Glibc

/// Descriptors of existing namespaces.
public enum Namespace {
  /// The names below /proc/PID/ns.
  public enum Kind: String, Sendable, CaseIterable {
    case cgroup, ipc, mnt, net, pid, time, user, uts
  }

  /// A namespace of a process. For a process that cannot end meanwhile, such as the own one.
  public static func open(_ kind: Kind, ofProcess pid: Int32) throws -> Descriptor {
    try Descriptor.open("/proc/\(pid)/ns/\(kind.rawValue)", flags: O_RDONLY)
  }

  /// A namespace of the calling thread.
  public static func current(_ kind: Kind) throws -> Descriptor {
    try Descriptor.open("/proc/thread-self/ns/\(kind.rawValue)", flags: O_RDONLY)
  }

  /// A namespace that is kept by a bind mount.
  public static func open(_ path: String) throws -> Descriptor {
    try Descriptor.open(path, flags: O_RDONLY | O_NOFOLLOW)
  }

  /// Keeps a namespace alive at `path` without a process: a file is created and the namespace mounted over it.
  public static func pin(_ namespace: Descriptor, at path: String) throws {
    _ = try Descriptor.open(path, flags: O_RDONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o444)
    do {
      try MountAPI.mount(source: "/proc/thread-self/fd/\(namespace.raw)", target: path, flags: .bind)
    } catch {
      try? FileSystem.removeFile(path)
      throw error
    }
  }

  /// Undoes `pin`. What is already gone is no error.
  public static func unpin(_ path: String) throws {
    do {
      try MountAPI.unmount(path, detach: true)
    } catch let error as SystemError where error.errno == EINVAL || error.errno == ENOENT {}
    try FileSystem.removeFile(path)
  }

  /// The namespace's inode number, which names it as long as it lives.
  public static func identity(_ namespace: Descriptor) throws -> UInt64 {
    var status = stat()
    try systemCall("fstat") { fstat(namespace.raw, &status) }
    return UInt64(status.st_ino)
  }
}
