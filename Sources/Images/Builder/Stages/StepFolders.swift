import ContentStore
import Dockerfile
import ImageCatalog
import Layers
import LinuxSystem
import Model
import Synchronization

/// Folders on disk that steps see: caches, which stay, and temporary ones, which go with their step or at the next start.
final class StepFolders: Sendable {
  /// Where a here-document's script is seen.
  static let scriptFolder = "/dev/pipes"

  private struct State {
    /// Users of each cache folder.
    var users: [String: Int] = [:]
  }

  private let root: String
  private let state = Mutex(State())
  private let locks = Mutex<[String: StepLock]>([:])

  init(root: String) throws {
    self.root = root
    try translatingSystemErrors("open the folder for builds '\(root)'") {
      try FileSystem.makeDirectories(root + "/caches", mode: 0o700)
      try FileSystem.removeTree(root + "/steps")
      try FileSystem.makeDirectories(root + "/steps", mode: 0o700)
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
    state.withLock { state in
      let left = (state.users[path] ?? 1) - 1
      state.users[path] = left > 0 ? left : nil
    }
  }

  /// Removes the cache folders that no step is using.
  /// - Returns: bytes that came free.
  func prune(_ sizeOf: (String) throws -> Int64) throws -> Int64 {
    try translatingSystemErrors("remove cache folders") {
      var freed: Int64 = 0
      for name in try FileSystem.list(root + "/caches") {
        let path = "\(root)/caches/\(name)"
        let gone = "\(root)/steps/\(String(UInt64.random(in: .min ... .max), radix: 36))"
        let isTaken = try state.withLock { state in
          guard state.users[path] == nil else { return false }
          try FileSystem.rename(path, to: gone)
          return true
        }
        guard isTaken else { continue }
        freed = freed.clampedAdding((try? sizeOf(gone)) ?? 0)
        try FileSystem.removeTree(gone)
      }
      return freed
    }
  }
}

/// Lets one step at a time use a cache that is `locked`; the others wait without a thread.
final class StepLock: Sendable {
  private struct State {
    var isHeld = false
    var queue: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())

  func acquire() async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        if state.isHeld {
          state.queue.append(continuation)
          return false
        }
        state.isHeld = true
        return true
      }
      if isFree { continuation.resume() }
    }
  }

  func release() {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      if state.queue.isEmpty {
        state.isHeld = false
        return nil
      }
      return state.queue.removeFirst()
    }
    next?.resume()
  }
}

/// What one step's mounts hold; one task uses it, and it ends by `release`.
final class HeldMounts {
  var mounts: [StepMount] = []
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

  func cacheFolder(
    id: String, sharing: RunMount.Sharing, _ seed: (RootedDirectory) async throws -> Void
  ) async throws -> String {
    if sharing == .locked, locks[id] == nil {
      let lock = folders.lock(id)
      await lock.acquire()
      locks[id] = lock
    }
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
  private let value = Mutex<BuiltLayer?>(nil)
  func set(_ layer: BuiltLayer) { value.withLock { $0 = layer } }
  var layer: BuiltLayer? { value.withLock { $0 } }
}

/// Copies a tree of an image into a folder, owners and all.
enum TreeCopy {
  /// - Parameters:
  ///   - directory: of the target.
  ///   - name: of a single file there; empty where a directory's content is copied.
  static func run(
    _ source: RootedDirectory, _ path: String, to target: RootedDirectory, _ directory: String, as name: String
  ) throws {
    let (read, write) = try pipe()
    let job = try ThreadOutcome<Void> {
      guard let output = write.take() else { return }
      try TarExporter.export(
        source, path: path.isEmpty ? "/" : path + (name.isEmpty ? "/." : ""), prefix: name, ids: .host, to: output,
        crossesMounts: false)
    }
    let received = Result { try receive(read, into: target, directory) }
    do {
      try job.wait()
    } catch let error as PlatformError where error.code == .cancelled {
      // The receiver gave up before the sender's end; its own fault says why.
    }
    try received.get()
  }

  private static func receive(_ end: PipeEnd, into target: RootedDirectory, _ directory: String) throws {
    guard let input = end.take() else { return }
    let options = TarExtractor.Options(ids: .host, keepKind: false, copyOwners: true)
    try TarExtractor.extract(from: input, into: target, path: "/" + directory, options: options)
  }

  private static func pipe() throws -> (read: PipeEnd, write: PipeEnd) {
    let ends = try translatingSystemErrors("make a pipe") { try Descriptor.pipe() }
    return (PipeEnd(ends.read), PipeEnd(ends.write))
  }

  /// An end of a pipe until its user takes it, so that it is closed when that one is done and not later: the other side
  /// waits for it.
  private final class PipeEnd: Sendable {
    private let descriptor: Mutex<Descriptor?>
    init(_ descriptor: Descriptor) { self.descriptor = Mutex(descriptor) }
    func take() -> Descriptor? {
      descriptor.withLock { descriptor in
        defer { descriptor = nil }
        return descriptor
      }
    }
  }
}
