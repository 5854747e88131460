import FoundationEssentials
import ImageCatalog
import LinuxSystem
import Logging
import Model
import Persistence

/// The result of one step.
public struct CachedStep: Sendable, Codable, Hashable {
  /// Nil: the step made no layer.
  public var layer: BuiltLayer?
  /// RFC 3339; what the image's history says.
  public var created: String
  /// What the step was, for people: without values of arguments.
  public var text: String
  /// Nanoseconds since 1970.
  public var createdAt: Int64
  public var lastUsedAt: Int64
  public var uses = 1

  public var sizeBytes: Int64 { layer.map { $0.blobBytes.clampedAdding($0.fileBytes) } ?? 0 }
}

/// What steps gave, by the content they depend on. Survives restarts; bounded, the steps used longest ago go first.
///
/// Layers are held by a lease for each entry, so that no collection takes them while the entry is there. A record is
/// written when a build ends, in one transaction; what a crash loses is built again.
public final class BuildCache: Sendable {
  static let table = "build_cache"
  static let migrations = [Migration(name: "1-build-cache", steps: [.createTable(table)])]

  private struct Entry {
    var step: CachedStep
    var lease: ContentLease?
    /// New, or used since it was written.
    var isUnsaved: Bool
  }

  private struct State {
    var entries: [Digest: Entry] = [:]
    var bytes: Int64 = 0
  }

  private let catalog: ImageCatalog
  private let database: Database
  private let limits: BuildLimits
  private let state: Locked<State>

  /// Must be made before the catalog collects what nobody needs. Entries whose layers are gone are dropped.
  public init(catalog: ImageCatalog, database: Database, limits: BuildLimits, logger: Logger) throws {
    try database.migrate(Self.migrations, set: "builder")
    self.catalog = catalog
    self.database = database
    self.limits = limits
    var state = State()
    var lost: [String] = []
    for document in try database.table(Self.table).all() {
      guard let key = try? Digest(parsing: document.id),
        let step = try? JSONDecoder().decode(CachedStep.self, from: document.document)
      else {
        logger.warning("step \(document.id.prefix(80)) of the build cache cannot be read and is dropped")
        lost.append(document.id)
        continue
      }
      let lease = step.layer.map { _ in catalog.lease() }
      if let layer = step.layer, let lease, try !catalog.has(layer, lease: lease) {
        lost.append(document.id)
        continue
      }
      state.entries[key] = Entry(step: step, lease: lease, isUnsaved: false)
      state.bytes = state.bytes.clampedAdding(step.sizeBytes)
    }
    self.state = Locked(state)
    if !lost.isEmpty {
      try database.transaction { for id in lost { try $0.delete(id, in: Self.table) } }
    }
  }

  /// The result of a step whose layer is still whole.
  func find(_ key: Digest) -> CachedStep? {
    state.withLock { state in
      guard var entry = state.entries[key] else { return nil }
      if let layer = entry.step.layer, let lease = entry.lease,
        (try? catalog.has(layer, lease: lease)) != true
      {
        state.bytes -= entry.step.sizeBytes
        state.entries[key] = nil
        return nil
      }
      entry.step.lastUsedAt = Int64(Clock.realTimeNanoseconds())
      entry.step.uses += 1
      entry.isUnsaved = true
      state.entries[key] = entry
      return entry.step
    }
  }

  /// Notes a result; it is on disk after the next `save`.
  func insert(_ key: Digest, _ step: CachedStep) {
    let lease = step.layer.map { layer in
      let lease = catalog.lease()
      lease.hold(layer.diffID)
      lease.hold(layer.chainID)
      return lease
    }
    state.withLock { state in
      if let old = state.entries[key] { state.bytes -= old.step.sizeBytes }
      state.entries[key] = Entry(step: step, lease: lease, isUnsaved: true)
      state.bytes = state.bytes.clampedAdding(step.sizeBytes)
    }
  }

  /// Writes what is new or was used, and takes away what is over the bounds.
  func save() throws {
    let (fresh, victims) = state.withLock { state -> ([Digest: CachedStep], [Digest: CachedStep]) in
      let fresh = state.entries.filter { $0.value.isUnsaved }.mapValues(\.step)
      for key in fresh.keys { state.entries[key]?.isUnsaved = false }
      return (fresh, Self.takeOverBounds(&state, bytes: limits.cacheBytes, entries: limits.cacheEntries))
    }
    if fresh.isEmpty && victims.isEmpty { return }
    try database.transaction { transaction in
      for (key, step) in fresh where victims[key] == nil {
        try transaction.put(key.description, document: try JSONEncoder().encode(step), in: Self.table)
      }
      for key in victims.keys { try transaction.delete(key.description, in: Self.table) }
    }
    try catalog.collectGivenUp(victims.values.compactMap(\.layer))
  }

  private static func takeOverBounds(_ state: inout State, bytes: Int64, entries: Int) -> [Digest: CachedStep] {
    guard state.bytes > bytes || state.entries.count > entries else { return [:] }
    var victims: [Digest: CachedStep] = [:]
    for (key, entry) in state.entries.sorted(by: { $0.value.step.lastUsedAt < $1.value.step.lastUsedAt }) {
      if state.bytes <= bytes && state.entries.count <= entries { break }
      victims[key] = entry.step
      state.entries[key] = nil
      state.bytes -= entry.step.sizeBytes
    }
    return victims
  }

  /// Every step, the one used last first.
  public func list() -> [(key: Digest, step: CachedStep)] {
    state.withLock { state in
      state.entries.map { (key: $0.key, step: $0.value.step) }.sorted { $0.step.lastUsedAt > $1.step.lastUsedAt }
    }
  }

  /// Removes steps that `takes` chooses, the one used longest ago first, until no more than `keepBytes` remain.
  /// - Returns: what went, and the bytes of layers that came free.
  public func prune(
    keepBytes: Int64, _ takes: (CachedStep) -> Bool
  ) throws -> (removed: [Digest], reclaimedBytes: Int64) {
    let victims = state.withLock { state -> [Digest: CachedStep] in
      var victims: [Digest: CachedStep] = [:]
      for (key, entry) in state.entries.sorted(by: { $0.value.step.lastUsedAt < $1.value.step.lastUsedAt }) {
        if keepBytes > 0 && state.bytes <= keepBytes { break }
        guard takes(entry.step) else { continue }
        victims[key] = entry.step
        state.entries[key] = nil
        state.bytes -= entry.step.sizeBytes
      }
      return victims
    }
    if victims.isEmpty { return ([], 0) }
    try database.transaction { for key in victims.keys { try $0.delete(key.description, in: Self.table) } }
    let gone = try catalog.collectGivenUp(victims.values.compactMap(\.layer))
    return (victims.keys.sorted(), gone)
  }
}
