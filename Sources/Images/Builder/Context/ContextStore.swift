import ContentStore
import Glibc
import LinuxSystem
import Logging
import Model

/// Keeps contents and lists of build contexts between builds, within a bound: what was used last stays.
///
/// `root/contents` holds each file's bytes once, under their digest; `root/lists` the lists. Nothing in it is a promise to
/// anybody, so it is not flushed to disk; when the host has been started anew since, it is emptied instead of trusted.
public final class ContextStore: Sendable {
  struct State {
    /// What there is, with its size.
    var contents: [Digest: Int64] = [:]
    /// When each list was used last, as a count.
    var lists: [Digest: (used: UInt64, sizeBytes: Int64)] = [:]
    var clock: UInt64 = 0
    var memory: [Digest: ContextList] = [:]
    /// Digests of contexts that live, and of uploads under way.
    var pins: [UInt64: Set<Digest>] = [:]
    var nextPin: UInt64 = 0
    /// Announced lists whose contents have not come, oldest first.
    var uploads: [ContextUpload] = []
  }

  let limits: ContextLimits
  let contents: ContentStore
  private let listDirectory: String
  private let logger: Logger
  let state: Locked<State>

  /// - Parameter root: a directory of its own, made where it is missing.
  public init(root: String, limits: ContextLimits = ContextLimits(), logger: Logger) throws {
    self.limits = limits
    self.logger = logger
    let lists = root + "/lists"
    listDirectory = lists
    try translatingSystemErrors("open the store of build contexts '\(root)'") {
      let boot = try FileSystem.read("/proc/sys/kernel/random/boot_id", maxBytes: 100)
      let marker = root + "/boot-id"
      if (try? FileSystem.read(marker, maxBytes: 100)) != boot {
        try FileSystem.removeTree(root)
        try FileSystem.makeDirectories(root, mode: 0o700)
        try FileSystem.atomicWrite(marker, boot, durable: false)
      }
      try FileSystem.makeDirectories(lists, mode: 0o700)
    }
    contents = try ContentStore(root: root + "/contents", isDurable: false)
    var state = State()
    for (digest, size) in try contents.list() { state.contents[digest] = size }
    try translatingSystemErrors("open the store of build contexts '\(root)'") {
      for name in try FileSystem.list(lists) {
        guard let digest = try? Digest(hex: name) else {
          try FileSystem.removeFile("\(lists)/\(name)")
          continue
        }
        let size = try Descriptor.open("\(lists)/\(name)", flags: O_PATH | O_NOFOLLOW).status().sizeBytes
        state.lists[digest] = (0, Int64(size))
      }
    }
    self.state = Locked(state)
  }

  /// The context that a client has brought before.
  /// - Throws: `notFound` when it is not there any more, or not whole.
  public func context(_ id: Digest) throws -> BuildContext {
    let list = try known(id)
    guard let pin = pin(list) else { throw Self.unknown(id) }
    return BuildContext(list, contents: contents, pin: pin)
  }

  static func unknown(_ id: Digest) -> PlatformError {
    PlatformError(.notFound, "no such build context: \(id): it has to be sent again")
  }

  /// Whether the list is there; its contents may be missing.
  func known(_ id: Digest) throws -> ContextList {
    let (held, isListed) = state.withLock { ($0.memory[id], $0.lists[id] != nil) }
    if let held { return held }
    guard isListed else { throw Self.unknown(id) }
    let list: ContextList
    do {
      let bytes = try FileSystem.read("\(listDirectory)/\(id.hex)", maxBytes: limits.listBytes)
      list = try ContextList(parsing: bytes, limits: limits)
      guard list.id == id else { throw Self.unknown(id) }
    } catch {
      logger.warning("a list of a build context cannot be read", metadata: ["id": "\(id)", "reason": "\(error)"])
      throw Self.unknown(id)
    }
    remember(list)
    return list
  }

  private func remember(_ list: ContextList) {
    state.withLock { state in
      if state.memory.count >= limits.listsInMemory, state.memory[list.id] == nil {
        let oldest = state.memory.keys.min { state.lists[$0]?.used ?? 0 < state.lists[$1]?.used ?? 0 }
        if let oldest { state.memory[oldest] = nil }
      }
      state.memory[list.id] = list
    }
  }

  /// Holds a whole context; nil when some of its contents are not there.
  func pin(_ list: ContextList) -> ContextPin? {
    state.withLock { state in
      var digests: Set<Digest> = []
      for entry in list.entries {
        guard case .file(_, let digest) = entry.kind else { continue }
        guard state.contents[digest] != nil else { return nil }
        digests.insert(digest)
      }
      state.clock += 1
      if let known = state.lists[list.id] { state.lists[list.id] = (state.clock, known.sizeBytes) }
      return pin(digests, in: &state)
    }
  }

  /// Holds contents, there or to come.
  func pin(_ digests: Set<Digest>) -> ContextPin { state.withLock { pin(digests, in: &$0) } }

  private func pin(_ digests: Set<Digest>, in state: inout State) -> ContextPin {
    state.nextPin += 1
    let number = state.nextPin
    state.pins[number] = digests
    return ContextPin { [weak self] in _ = self?.state.withLock { $0.pins.removeValue(forKey: number) } }
  }

  /// Notes a content that has come.
  func hold(_ digest: Digest, sizeBytes: Int64) {
    state.withLock { $0.contents[digest] = sizeBytes }
  }

  /// Keeps a list whose contents are there, and makes room for it.
  func keep(_ list: ContextList, bytes: [UInt8]) throws {
    try translatingSystemErrors("keep the list of a build context") {
      try FileSystem.atomicWrite("\(listDirectory)/\(list.id.hex)", bytes, durable: false)
    }
    state.withLock { state in
      state.clock += 1
      state.lists[list.id] = (state.clock, Int64(bytes.count))
    }
    remember(list)
    try evict()
  }

  /// Bytes of contents and lists.
  public func usedBytes() -> Int64 {
    state.withLock { state in
      state.contents.values.reduce(0, +) + state.lists.values.reduce(0) { $0 + $1.sizeBytes }
    }
  }

  /// Removes everything that no build is using; the bytes that came free.
  public func prune() throws -> Int64 {
    let before = usedBytes()
    try evict(keeping: 0, contexts: 0)
    return before - usedBytes()
  }

  private func evict() throws {
    let isOver = state.withLock { $0.lists.count > limits.keptContexts }
    if isOver || usedBytes() > limits.keptBytes { try evict(keeping: limits.keptBytes, contexts: limits.keptContexts) }
  }

  /// Lists that were not used for the longest time go first, then every content that no list and no build refers to.
  private func evict(keeping keptBytes: Int64, contexts: Int) throws {
    let order = state.withLock { state in state.lists.sorted { $0.value.used > $1.value.used } }
    var kept: Set<Digest> = []
    var staying: [Digest] = []
    var bytes: Int64 = 0
    for (id, list) in order where staying.count < contexts {
      guard let entries = try? known(id).entries else { continue }
      var size = list.sizeBytes
      var added: Set<Digest> = []
      for case .file(let count, let digest) in entries.map(\.kind) where !kept.contains(digest) {
        if added.insert(digest).inserted { size += count }
      }
      // The last one stays whatever its size: its build is about to begin.
      guard staying.isEmpty || bytes + size <= keptBytes else { break }
      bytes += size
      kept.formUnion(added)
      staying.append(id)
    }
    let (lists, removed) = state.withLock { state in
      let pinned = state.pins.values.reduce(into: kept) { $0.formUnion($1) }
      let lists = order.map(\.key).filter { !staying.contains($0) }
      for id in lists {
        state.lists[id] = nil
        state.memory[id] = nil
      }
      let removed = state.contents.keys.filter { !pinned.contains($0) }
      // Files that are kept by nobody vanish under the lock: an upload that begins now finds them missing.
      for digest in removed {
        state.contents[digest] = nil
        _ = try? contents.delete(digest)
      }
      return (lists, removed.count)
    }
    try translatingSystemErrors("remove lists of build contexts") {
      for id in lists { try FileSystem.removeFile("\(listDirectory)/\(id.hex)") }
    }
    if !lists.isEmpty || removed > 0 {
      logger.debug("build contexts were evicted", metadata: ["lists": "\(lists.count)", "contents": "\(removed)"])
    }
  }
}

/// Holds contents against eviction while it lives.
final class ContextPin: Sendable {
  private let release: @Sendable () -> Void

  init(_ release: @escaping @Sendable () -> Void) { self.release = release }

  deinit { release() }
}
