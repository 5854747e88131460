import ContentStore
import Dockerfile
import Glibc
import ImageCatalog
import LinuxSystem
import Model

/// Folders on disk that steps see: caches, which stay, and temporary ones, which go with their step or at the next start.
final class StepFolders: Sendable {
  /// Where a here-document's script is seen.
  static let scriptFolder = "/dev/pipes"

  private struct State {
    /// Users of each cache folder.
    var users: [String: Int] = [:]
    var wasUsed = false
  }

  private let root: String
  private let state = Locked(State())
  private let locks = Locked<[String: StepLock]>([:])

  init(root: String) throws {
    self.root = root
    try translatingSystemErrors("open the folder for builds '\(root)'") {
      try FileSystem.makeDirectories(root + "/caches", mode: 0o700)
      try FileSystem.makeDirectories(root + "/used", mode: 0o700)
      try FileSystem.removeTree(root + "/steps")
      try FileSystem.makeDirectories(root + "/steps", mode: 0o711)
      // Who knows a step's folder may pass: git works in one, without root's rights. None can be listed.
      let folders = try RootedDirectory(path: root)
      for path in [".", "steps"] { try folders.chmod(path, mode: 0o711) }
    }
  }

  func temporaryFolder() throws -> String {
    let path = "\(root)/steps/\(String(UInt64.random(in: .min ... .max), radix: 36))"
    try translatingSystemErrors("make a folder for a step") { try FileSystem.makeDirectory(path, mode: 0o755) }
    return path
  }

  func lock(_ id: String) -> StepLock {
    locks.withLock { locks in
      if let lock = locks[id] { return lock }
      let lock = StepLock()
      locks[id] = lock
      return lock
    }
  }

  /// A cache folder, and whether it is new; `isPrivate` never gives one that is in use.
  func takeCache(_ id: String, isPrivate: Bool) throws -> (path: String, isNew: Bool) {
    let name = ContentHasher.digest(of: Array(id.utf8)).hex
    return try state.withLock { state in
      var path = "\(root)/caches/\(name)"
      var number = 0
      while isPrivate, state.users[path, default: 0] > 0 {
        number += 1
        path = "\(root)/caches/\(name)-\(number)"
      }
      state.users[path, default: 0] += 1
      guard !FileSystem.exists(path) else { return (path, false) }
      do {
        try FileSystem.makeDirectory(path, mode: 0o755)
      } catch let error as SystemError {
        throw platformError("make a cache folder", error)
      }
      return (path, true)
    }
  }

  func releaseCache(_ path: String) {
    // When it was used last is when this file was written; it only orders what goes first.
    try? FileSystem.atomicWrite(
      root + "/used/" + FileSystem.lastComponent(of: path), [], mode: 0o600, durable: false)
    state.withLock { state in
      let left = (state.users[path] ?? 1) - 1
      state.users[path] = left > 0 ? left : nil
      state.wasUsed = true
    }
  }

  /// Removes the cache folders that no step is using.
  /// - Parameters:
  ///   - keepBytes: stop when no more than these are left; the folders used longest ago go first.
  ///   - unusedSince: only those not used since, in nanoseconds since 1970.
  /// - Returns: bytes that came free.
  func prune(
    keepBytes: Int64 = 0, unusedSince: Int64? = nil, _ sizeOf: (String) throws -> Int64
  ) throws -> Int64 {
    try translatingSystemErrors("remove cache folders") {
      var folders: [(path: String, usedAt: Int64, bytes: Int64)] = []
      for name in try FileSystem.list(root + "/caches") {
        let path = "\(root)/caches/\(name)"
        let mark = try? Descriptor.open(root + "/used/" + name, flags: O_PATH | O_NOFOLLOW)
        let used = (try? mark?.status())?.modificationTime.seconds ?? 0
        folders.append((path, used, (try? sizeOf(path)) ?? 0))
      }
      var left = folders.reduce(Int64(0)) { $0.clampedAdding($1.bytes) }
      var freed: Int64 = 0
      for folder in folders.sorted(by: { $0.usedAt < $1.usedAt }) {
        if keepBytes > 0 && left <= keepBytes { break }
        if let unusedSince, folder.usedAt >= unusedSince / 1_000_000_000 { continue }
        guard try remove(folder.path) else { continue }
        freed = freed.clampedAdding(folder.bytes)
        left -= folder.bytes
      }
      return freed
    }
  }

  /// False where a step is using the folder.
  private func remove(_ path: String) throws -> Bool {
    let gone = "\(root)/steps/\(String(UInt64.random(in: .min ... .max), radix: 36))"
    let isTaken = try state.withLock { state in
      guard state.users[path] == nil else { return false }
      try FileSystem.rename(path, to: gone)
      return true
    }
    if isTaken {
      try FileSystem.removeTree(gone)
      try FileSystem.removeTree(root + "/used/" + FileSystem.lastComponent(of: path))
    }
    return isTaken
  }

  /// Whether a cache folder was used since this was asked last: its size may have changed.
  func takeWasUsed() -> Bool {
    state.withLock { state in
      defer { state.wasUsed = false }
      return state.wasUsed
    }
  }
}

/// What one step's mounts hold; one task uses it, and it ends by `release`.
final class HeldMounts {
  var mounts: [StepMount] = []
  /// `NAME=value`.
  var secretEnvironment: [String] = []
  private let folders: StepFolders
  private var temporary: [String] = []
  private var caches: [String] = []
  private var locks: [String: StepLock] = [:]

  init(folders: StepFolders) { self.folders = folders }

  func temporaryFolder() throws -> String {
    let path = try folders.temporaryFolder()
    temporary.append(path)
    return path
  }

  /// Waits for a cache that one step at a time uses. Several are to be waited for in the order of their ids.
  func lock(_ id: String) async throws {
    let lock = folders.lock(id)
    try await lock.acquire()
    locks[id] = lock
  }

  func cacheFolder(
    id: String, sharing: RunMount.Sharing, _ seed: (RootedDirectory) async throws -> Void
  ) async throws -> String {
    let (path, isNew) = try folders.takeCache(id, isPrivate: sharing == .private)
    caches.append(path)
    if isNew {
      do {
        try await seed(RootedDirectory(path: path))
      } catch {
        try? FileSystem.removeTree(path)
        throw error
      }
    }
    return path
  }

  func release() {
    for path in temporary { try? FileSystem.removeTree(path) }
    for path in caches { folders.releaseCache(path) }
    for lock in locks.values { lock.release() }
    (temporary, caches, locks) = ([], [], [:])
  }
}

/// A layer on its way out of a closure.
final class LayerBox: Sendable {
  private let value = Locked<BuiltLayer?>(nil)
  func set(_ layer: BuiltLayer) { value.withLock { $0 = layer } }
  var layer: BuiltLayer? { value.withLock { $0 } }
}
