import Glibc
import LinuxSystem
import Model

/// Divides the host's pool of container ids among the engines that run on it.
///
/// A claim is a file that names the engine's root; it holds as long as that folder exists, also while the engine is down,
/// because the files of its containers carry these ids.
enum IDSlice {
  private static let claims = "/var/lib/bulkhead/id-slices"
  private static let setting = "id-slice"

  /// The first id of this engine's slice.
  static func claim(root: String, store: EngineStore) throws -> UInt32 {
    try FileSystem.makeDirectories(claims, mode: 0o755)
    let lock = try Descriptor.open("\(claims)/lock", flags: O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
    defer { withExtendedLifetime(lock) {} }
    try systemCall("flock", claims) { flock(lock.raw, LOCK_EX) }
    if let stored = try store.setting(setting).flatMap({ UInt32($0) }), stored < IDRangeAllocator.sliceCount,
      try owner(stored) == nil || owner(stored) == root
    {
      try write(stored, root: root)
      return first(stored)
    }
    for slice in 0..<IDRangeAllocator.sliceCount where try isFree(slice, for: root) {
      try write(slice, root: root)
      try store.setSetting(setting, String(slice))
      return first(slice)
    }
    throw PlatformError(
      .resourceExhausted,
      "no slice of user ids is free: \(IDRangeAllocator.sliceCount) engines are on this host; see \(claims)")
  }

  private static func first(_ slice: UInt32) -> UInt32 {
    IDRange.pool.first + slice * IDRange.perEngine * IDRange.standardCount
  }

  private static func isFree(_ slice: UInt32, for root: String) throws -> Bool {
    guard let owner = try owner(slice) else { return true }
    return owner == root || !FileSystem.exists(owner)
  }

  private static func owner(_ slice: UInt32) throws -> String? {
    let path = "\(claims)/\(slice)"
    guard FileSystem.exists(path) else { return nil }
    return String(decoding: try FileSystem.read(path, maxBytes: 4096), as: UTF8.self)
  }

  private static func write(_ slice: UInt32, root: String) throws {
    guard try owner(slice) != root else { return }
    try FileSystem.atomicWrite("\(claims)/\(slice)", Array(root.utf8), mode: 0o644)
  }
}
