import FoundationEssentials
import Model
import Persistence
import Registry

/// How much is kept of the tags and indexes of one cache project. What was used longest ago goes for what comes.
struct CacheBounds: Sendable {
  var tags = 20_000
  var indexes = 2_000
  var indexBytes = 64 << 20
}

/// A tag or an index that a cache project knows.
struct CacheEntry: Sendable, Hashable {
  enum Kind: String, Sendable, CaseIterable {
    case tag = "t"
    case index = "i"
  }

  let kind: Kind
  let project: String
  /// Of its record.
  let id: String

  static func tag(_ tag: String, of repository: RepositoryName) -> CacheEntry {
    CacheEntry(kind: .tag, project: repository.project, id: "\(repository):\(tag)")
  }

  static func index(_ digest: Digest, of repository: RepositoryName) -> CacheEntry {
    CacheEntry(kind: .index, project: repository.project, id: "\(repository)@\(digest.hex)")
  }

  fileprivate init(kind: Kind, project: String, id: String) {
    (self.kind, self.project, self.id) = (kind, project, id)
  }

  /// Of a record that is there.
  fileprivate init(_ kind: Kind, stored id: String) {
    self.init(kind: kind, project: String(id.prefix { $0 != "/" && $0 != ":" && $0 != "@" }), id: id)
  }

  /// One row for each entry, in the order of use within its project and kind. Names hold no space.
  fileprivate var useName: String { "\(kind.rawValue) \(id)" }
  fileprivate func useID(at seconds: Int64) -> String { "\(project) \(kind.rawValue) \(Registry.key(seconds)) \(id)" }
}

extension ReplicationStore {
  public static let maximumCacheProjects = 256
  /// A use is written down again after so long, so that pulls write seldom.
  private static let useSeconds: Int64 = 3_600

  /// A tag of a cache project as its upstream had it.
  struct CachedTag: Codable, Sendable {
    var digest: Digest
    /// When the upstream said so last; seconds since 1970.
    var checkedAt: Int64
    /// Not asked again before.
    var restsUntil: Int64 = 0
  }

  struct CachedIndex: Codable, Sendable {
    var mediaType: String
    var bytes: Data
  }

  /// What a project's entries come to.
  private struct Size: Codable {
    var tags = 0
    var indexes = 0
    var indexBytes = 0

    mutating func add(_ kind: CacheEntry.Kind, _ count: Int, bytes: Int) {
      switch kind {
      case .tag: tags += count
      case .index:
        indexes += count
        indexBytes += bytes
      }
    }

    func exceeds(_ bounds: CacheBounds, _ kind: CacheEntry.Kind) -> Bool {
      switch kind {
      case .tag: tags > bounds.tags
      case .index: indexes > bounds.indexes || indexBytes > bounds.indexBytes
      }
    }
  }

  // MARK: - Projects

  public func cacheProjects() throws -> [CacheProject] { try all(CacheProject.self, Table.caches) }
  public func cacheProject(_ project: String) throws -> CacheProject? {
    try get(CacheProject.self, Table.caches, project)
  }

  /// Makes a project a cache. Throws `invalidArgument`, `notFound` for the peer, `resourceExhausted`.
  public func setCacheProject(_ cache: CacheProject) throws {
    try cache.check()
    _ = try peer(cache.peer)
    var cache = cache
    cache.generation = .random(in: 0 ... .max)
    let caches = database.table(Table.caches)
    guard try caches.get(cache.project) != nil || caches.count() < Self.maximumCacheProjects else {
      throw PlatformError(
        .resourceExhausted, "there are \(Self.maximumCacheProjects) cache projects, which is the most")
    }
    try put(cache, Table.caches, cache.project)
  }

  /// Forgets that a project was a cache, and what it knew.
  public func removeCacheProject(_ project: String) throws {
    try database.transaction { transaction in
      try transaction.delete(project, in: Table.caches)
      for (from, below) in [("/", "0"), (":", ";"), ("@", "A")] {
        for table in [Table.tags, Table.indexes] {
          try transaction.delete(in: table, from: project + from, below: project + below)
        }
      }
      try transaction.delete(in: Table.uses, from: project + " ", below: project + "!")
      try transaction.delete(project, in: Table.sizes)
    }
  }

  /// What a peer's caches are fetching comes from where it was: none of it is recorded any more.
  func renewCaches(of peer: String, _ transaction: Transaction) throws {
    for document in try transaction.all(in: Table.caches) {
      var cache = try Self.decode(CacheProject.self, document.document, Table.caches)
      guard cache.peer == peer else { continue }
      cache.generation = .random(in: 0 ... .max)
      try transaction.put(document.id, document: JSONEncoder().encode(cache), in: Table.caches)
    }
  }

  // MARK: - What they know

  func cachedTag(_ tag: String, of repository: RepositoryName) throws -> CachedTag? {
    try get(CachedTag.self, Table.tags, CacheEntry.tag(tag, of: repository).id)
  }

  func cachedIndex(_ digest: Digest, of repository: RepositoryName) throws -> CachedIndex? {
    try get(CachedIndex.self, Table.indexes, CacheEntry.index(digest, of: repository).id)
  }

  /// Keeps a tag. Throws `notFound` where the cache is not the one that asked: it was removed, or set anew, meanwhile.
  func setCachedTag(
    _ tag: String, of repository: RepositoryName, _ record: CachedTag, by cache: CacheProject, now: Int64
  ) throws {
    try keep(.tag(tag, of: repository), record, bytes: 0, by: cache, now: now)
  }

  /// Keeps an index; as `setCachedTag`.
  func setCachedIndex(
    _ digest: Digest, of repository: RepositoryName, _ record: CachedIndex, by cache: CacheProject, now: Int64
  ) throws {
    try keep(.index(digest, of: repository), record, bytes: record.bytes.count, by: cache, now: now)
  }

  /// Tags of a repository that are known, in order, at most `limit`.
  func cachedTags(of repository: String, limit: Int) throws -> [String] {
    try database.read { transaction in
      try transaction.page(in: Table.tags, from: repository + ":", below: repository + ";", limit: limit).map {
        String($0.id.dropFirst(repository.count + 1))
      }
    }
  }

  /// Forgets an entry; false where it was not known.
  @discardableResult
  func forget(_ entry: CacheEntry) throws -> Bool {
    try database.transaction { transaction in
      guard try transaction.delete(entry.id, in: Self.table(entry.kind)) else { return false }
      var size = try Self.size(of: entry.project, transaction)
      try Self.dropUse(of: entry, &size, transaction)
      try Self.put(size, of: entry.project, transaction)
      return true
    }
  }

  /// Notes that an entry was used, now and then.
  func touch(_ entry: CacheEntry, now: Int64) throws {
    let row = try database.read { try $0.get(named: entry.useName, in: Table.uses) }
    guard let row, row.id < entry.useID(at: now - Self.useSeconds) else { return }
    try database.unflushedTransaction { transaction in
      guard let row = try transaction.get(named: entry.useName, in: Table.uses) else { return }
      try transaction.delete(row.id, in: Table.uses)
      try transaction.put(entry.useID(at: now), name: entry.useName, document: row.document, in: Table.uses)
    }
  }

  private func keep(
    _ entry: CacheEntry, _ record: some Encodable, bytes: Int, by cache: CacheProject, now: Int64
  ) throws {
    let document = try JSONEncoder().encode(record)
    try database.transaction { transaction in
      let present = try transaction.get(cache.project, in: Table.caches)
        .map { try Self.decode(CacheProject.self, $0.document, Table.caches) }
      guard let present, present.generation == cache.generation else {
        throw PlatformError(
          .notFound, "the cache project '\(cache.project)' was removed or set anew while something was fetched for it")
      }
      try transaction.put(entry.id, document: document, in: Self.table(entry.kind))
      try use(entry, bytes: bytes, now: now, transaction)
    }
  }

  /// Counts an entry as used now, and lets go what was used longest ago where that makes too many.
  private func use(_ entry: CacheEntry, bytes: Int, now: Int64, _ transaction: Transaction) throws {
    var size = try Self.size(of: entry.project, transaction)
    try Self.dropUse(of: entry, &size, transaction)
    try transaction.put(
      entry.useID(at: now), name: entry.useName, document: Data(String(bytes).utf8), in: Table.uses)
    size.add(entry.kind, 1, bytes: bytes)
    let range = "\(entry.project) \(entry.kind.rawValue)"
    while size.exceeds(bounds, entry.kind) {
      let oldest = try transaction.page(in: Table.uses, from: range + " ", below: range + "!", limit: 2)
      // An entry that is new stays, also where the clock went back.
      guard let row = oldest.first(where: { $0.name != entry.useName }), let name = row.name else { break }
      let old = CacheEntry(kind: entry.kind, project: entry.project, id: String(name.dropFirst(2)))
      try transaction.delete(old.id, in: Self.table(old.kind))
      try Self.dropUse(of: old, &size, transaction)
    }
    try Self.put(size, of: entry.project, transaction)
  }

  private static func dropUse(of entry: CacheEntry, _ size: inout Size, _ transaction: Transaction) throws {
    guard let row = try transaction.get(named: entry.useName, in: Table.uses) else { return }
    try transaction.delete(row.id, in: Table.uses)
    size.add(entry.kind, -1, bytes: -(Int(String(decoding: row.document, as: UTF8.self)) ?? 0))
  }

  private static func size(of project: String, _ transaction: Transaction) throws -> Size {
    try transaction.get(project, in: Table.sizes).map { try decode(Size.self, $0.document, Table.sizes) } ?? Size()
  }

  private static func put(_ size: Size, of project: String, _ transaction: Transaction) throws {
    try transaction.put(project, document: JSONEncoder().encode(size), in: Table.sizes)
  }

  private static func table(_ kind: CacheEntry.Kind) -> String {
    switch kind {
    case .tag: Table.tags
    case .index: Table.indexes
    }
  }

  /// Counts what earlier versions kept without a bound for each project; nothing where that is done.
  func countUses(now: Int64) throws {
    if try database.read({ try $0.isAny(in: Table.uses, from: "", below: "~") }) { return }
    for kind in CacheEntry.Kind.allCases {
      var from = ""
      while true {
        let page = try database.transaction { transaction in
          // Few at once: an index may be large.
          let page = try transaction.page(in: Self.table(kind), from: from, below: "~", limit: 16)
          for document in page {
            let bytes =
              kind == .index ? try Self.decode(CachedIndex.self, document.document, Table.indexes).bytes.count : 0
            try use(CacheEntry(kind, stored: document.id), bytes: bytes, now: now, transaction)
          }
          return page
        }
        guard let last = page.last else { break }
        from = last.id + "\u{1}"
      }
    }
  }
}
