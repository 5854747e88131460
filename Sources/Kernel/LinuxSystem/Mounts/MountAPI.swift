import CLinuxShim
import Glibc

/// The kernel's mount calls. They act on the mount namespace of the calling thread, and need CAP_SYS_ADMIN there.
public enum MountAPI {
  // linux/mount.h
  private static let openTreeClone: UInt32 = 1
  private static let openTreeCloseOnExec = UInt32(O_CLOEXEC)
  private static let atEmptyPath: UInt32 = 0x1000
  private static let atRecursive: UInt32 = 0x8000
  private static let atNoFollow: UInt32 = 0x100
  private static let moveFromEmptyPath: UInt32 = 0x4
  private static let moveToEmptyPath: UInt32 = 0x40
  private static let unmountDetach: Int32 = 2
  private static let unmountNoFollow: Int32 = 8

  /// Opens a mount (open_tree(2)).
  /// - Parameters:
  ///   - clone: a detached copy, as a bind mount would make; it vanishes with the descriptor unless moved somewhere.
  ///   - recursive: with the mounts below it (only with `clone`).
  ///   - followLink: whether a symbolic link as the last component is followed.
  public static func openTree(_ path: String, clone: Bool, recursive: Bool = false, followLink: Bool = true) throws
    -> Descriptor
  {
    var flags = openTreeCloseOnExec
    if clone { flags |= openTreeClone }
    if clone && recursive { flags |= atRecursive }
    if !followLink { flags |= atNoFollow }
    return Descriptor(
      owning: try withPath(path, "open_tree") { pointer in
        try systemCall("open_tree", path) { bh_open_tree(AT_FDCWD, pointer, flags) }
      })
  }

  /// Opens the mount at a file or directory that is already open, O_PATH being enough (open_tree(2)).
  public static func openTree(_ file: Descriptor, clone: Bool, recursive: Bool = false) throws -> Descriptor {
    var flags = openTreeCloseOnExec | atEmptyPath
    if clone { flags |= openTreeClone }
    if clone && recursive { flags |= atRecursive }
    return Descriptor(owning: try systemCall("open_tree") { bh_open_tree(file.raw, "", flags) })
  }

  /// Attaches a detached mount to a path (move_mount(2)).
  public static func moveMount(from mount: Descriptor, to path: String) throws {
    try withPath(path, "move_mount") { pointer in
      try systemCall("move_mount", path) { bh_move_mount(mount.raw, "", AT_FDCWD, pointer, moveFromEmptyPath) }
    }
  }

  /// Attaches a detached mount to a file or directory that is already open, so that no link can lead elsewhere.
  public static func moveMount(from mount: Descriptor, to target: Descriptor) throws {
    try systemCall("move_mount") {
      bh_move_mount(mount.raw, "", target.raw, "", moveFromEmptyPath | moveToEmptyPath)
    }
  }

  /// Changes a mount's attributes (mount_setattr(2)). An id map can be set once, on a detached mount.
  public static func setAttributes(
    _ mount: Descriptor, set: MountAttributes = [], clear: MountAttributes = [], idmap userNamespace: Descriptor? = nil,
    recursive: Bool = false, propagation: MountPropagation? = nil
  ) throws {
    var set = set
    if userNamespace != nil { set.insert(.idMapped) }
    try systemCall("mount_setattr") {
      bh_mount_setattr(
        mount.raw, "", atEmptyPath | (recursive ? atRecursive : 0), set.rawValue, clear.rawValue,
        UInt64(propagation?.flag ?? 0), userNamespace?.raw ?? -1)
    }
  }

  /// The classic mount(2).
  /// - Parameter data: options of the file system; at most one page.
  public static func mount(
    source: String, target: String, type: String? = nil, flags: MountFlags = [], data: String? = nil
  ) throws {
    try withPath(target, "mount") { targetPointer in
      try withPath(source, "mount") { sourcePointer in
        try withOptionalPath(type, "mount") { typePointer in
          try withOptionalPath(data, "mount") { dataPointer in
            try systemCall("mount", target) {
              Glibc.mount(sourcePointer, targetPointer, typePointer, UInt(flags.rawValue), dataPointer)
            }
          }
        }
      }
    }
  }

  /// Unmounts (umount2(2)), never following a link at the end of `path`.
  /// - Parameter detach: take it away at once, even while it is in use (MNT_DETACH).
  public static func unmount(_ path: String, detach: Bool = false) throws {
    let flags = unmountNoFollow | (detach ? unmountDetach : 0)
    try withPath(path, "umount2") { pointer in
      try systemCall("umount2", path) { umount2(pointer, flags) }
    }
  }

  /// Unmounts what an open path is the top of, whatever its name leads to by now (umount2(2) by a link of proc(5)). The calling thread's
  /// working directory becomes `links`: for threads of `NamespaceThread`.
  /// - Parameters:
  ///   - file: in the mount namespace of the calling thread.
  ///   - links: `/proc/self/fd` of this process, opened where nobody else decides what lies at `/proc`.
  public static func unmount(_ file: Descriptor, by links: Descriptor) throws {
    try systemCall("fchdir", "/proc/self/fd") { fchdir(links.raw) }
    try systemCall("umount2", "an open path") { umount2("\(file.raw)", unmountDetach) }
  }

  /// Changes how mounts at and, if wanted, below `path` spread.
  public static func setPropagation(_ propagation: MountPropagation, of path: String, recursive: Bool = true) throws {
    let flags = MountFlags(rawValue: propagation.flag)
    try mount(source: "none", target: path, flags: recursive ? flags.union(.recursive) : flags)
  }

  /// Makes all mounts at and below `path` private.
  public static func makePrivate(_ path: String) throws {
    try setPropagation(.private, of: path)
  }

  /// Makes all mounts at and below `path` slaves.
  public static func makeSlave(_ path: String) throws {
    try setPropagation(.slave, of: path)
  }
}

private func withOptionalPath<Result>(
  _ text: String?, _ operation: String, _ body: (UnsafePointer<CChar>?) throws -> Result
) throws -> Result {
  guard let text else { return try body(nil) }
  return try withPath(text, operation, body)
}
