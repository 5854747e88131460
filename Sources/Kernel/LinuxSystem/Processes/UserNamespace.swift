import CLinuxShim
import Glibc

/// One line of /proc/PID/uid_map (user_namespaces(7)).
public struct IDMapEntry: Sendable, Hashable, Codable {
  /// First id inside the namespace.
  public var inside: UInt32
  /// First id outside of it.
  public var outside: UInt32
  /// How many ids.
  public var count: UInt32

  public init(inside: UInt32, outside: UInt32, count: UInt32) {
    self.inside = inside
    self.outside = outside
    self.count = count
  }
}

/// User namespaces without a process in them, for id-mapped mounts and for `setns`.
public enum UserNamespace {
  /// UID_GID_MAP_MAX_EXTENTS of the kernel.
  public static let maxEntries = 340
  private static let stackBytes = 16 << 10
  /// CLONE_NEWUSER.
  private static let newUser: Int32 = 0x1000_0000

  /// Creates a user namespace and returns a descriptor that keeps it alive.
  /// - Throws: EINVAL for an empty, overlapping or too long map.
  public static func create(uidMap: [IDMapEntry], gidMap: [IDMapEntry]) throws -> Descriptor {
    try create(uidMap: uidMap, gidMap: gidMap, owning: [:]).user
  }

  /// Creates a user namespace together with others that belong to it, so that its root has rights over them
  /// (user_namespaces(7)). Descriptors keep them alive.
  /// - Parameter kinds: what of the others is to be made, by the name that their descriptor gets.
  /// - Throws: EINVAL for an empty, overlapping or too long map.
  public static func create(
    uidMap: [IDMapEntry], gidMap: [IDMapEntry], owning kinds: [Namespace.Kind: UnshareFlags]
  ) throws -> (user: Descriptor, owned: [Namespace.Kind: Descriptor]) {
    let uidText = try text(of: uidMap, "uid_map")
    let gidText = try text(of: gidMap, "gid_map")
    let stack = UnsafeMutableRawPointer.allocate(byteCount: stackBytes, alignment: 16)
    // Freed only after the child that runs on it has been reaped.
    defer { stack.deallocate() }
    let flags = kinds.values.reduce(newUser) { $0 | $1.rawValue }
    let pid = bh_namespace_child(flags, stack, stackBytes)
    if pid < 0 { throw SystemError(errno: errno, operation: "clone", subject: "user namespace") }
    defer { bh_namespace_reap(pid) }
    try write(uidText, to: "/proc/\(pid)/uid_map")
    try write(gidText, to: "/proc/\(pid)/gid_map")
    let owned = try kinds.map { ($0.key, try Namespace.open($0.key, ofProcess: pid)) }
    return (try Namespace.open(.user, ofProcess: pid), Dictionary(uniqueKeysWithValues: owned))
  }

  /// Makes the whole process the root of a user namespace, for good: its user and group there, with the capabilities over
  /// files and no others. They count for files whose owner and group the namespace maps, and for nothing else.
  ///
  /// For a process with one thread that was started for this. Sources: setns(2), user_namespaces(7), capabilities(7).
  /// - Throws: EINVAL where there are more threads. The process is then half changed and has to end.
  public static func becomeRoot(of namespace: Descriptor) throws {
    try systemCall("setns", "user namespace") { bh_become_root_of(namespace.raw) }
  }

  private static func text(of map: [IDMapEntry], _ subject: String) throws -> [UInt8] {
    if map.isEmpty || map.count > maxEntries || map.contains(where: { $0.count == 0 }) {
      throw SystemError(errno: EINVAL, operation: "write", subject: subject)
    }
    return Array(map.map { "\($0.inside) \($0.outside) \($0.count)\n" }.joined().utf8)
  }

  private static func write(_ bytes: [UInt8], to path: String) throws {
    let file = try Descriptor.open(path, flags: O_WRONLY)
    // The kernel takes a map in one write only.
    try bytes.withUnsafeBytes { buffer in
      _ = try systemCall("write", path) { Glibc.write(file.raw, buffer.baseAddress, buffer.count) }
    }
  }
}
