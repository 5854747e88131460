/// Which objects there are and were: all places in order, each with its revisions since the last compaction. Documents are here
/// only as far as the bound allows. A pure state.
struct VersionIndex {
  /// A state of an object.
  struct Version: Sendable {
    let revision: Int64
    let isDeleted: Bool
    let attributes: ObjectAttributes
    let sizeBytes: Int
    var document: [UInt8]?
  }

  /// One place with its states, the older ones in order.
  private final class Entry {
    let key: ObjectKey
    var current: Version
    var older: [Version] = []

    init(key: ObjectKey, current: Version) {
      self.key = key
      self.current = current
    }

    /// The state at a revision; nil where there was no object.
    func version(at revision: Int64) -> Version? {
      let found = current.revision <= revision ? current : older.last { $0.revision <= revision }
      return found.flatMap { $0.isDeleted ? nil : $0 }
    }
  }

  /// A row that is not needed any more once history begins after `since`.
  private struct Superseded {
    let revision: Int64
    let since: Int64
    let sizeBytes: Int
    let entry: Entry
  }

  private struct Cached {
    let entry: Entry
    let revision: Int64
  }

  private var resources: [ResourceName: [Entry]] = [:]
  private var superseded = Queue<Superseded>()
  private var cached = Queue<Cached>()
  private(set) var cachedBytes = 0
  private(set) var supersededBytes = 0
  private let maxCachedBytes: Int

  init(maxCachedBytes: Int) {
    self.maxCachedBytes = maxCachedBytes
  }

  var supersededCount: Int { superseded.count }
  /// Places, also those whose object is deleted and not compacted.
  var count: Int { resources.values.reduce(0) { $0 + $1.count } }

  func current(_ key: ObjectKey) -> Version? {
    guard let entries = resources[key.resource] else { return nil }
    let index = Self.lowerBound(entries, key.place)
    guard index < entries.count, entries[index].key == key else { return nil }
    return entries[index].current
  }

  /// What a walk over a resource found, and whether it came to the end.
  struct Page {
    var found: [(key: ObjectKey, version: Version)] = []
    var isLast = true
  }

  /// The states at a revision after a place, at most `limit` that match; with `countsRest`, how many more there are.
  func page(_ request: ListRequest, at revision: Int64) -> (page: Page, rest: Int) {
    var page = Page()
    var rest = 0
    guard let entries = resources[request.resource] else { return (page, 0) }
    let limit = request.limit ?? .max
    var index = 0
    if let namespace = request.namespace {
      index = Self.lowerBound(entries, ObjectPlace(namespace: namespace, name: ""))
    }
    if let after = request.after {
      var next = Self.lowerBound(entries, after)
      if next < entries.count, entries[next].key.place == after { next += 1 }
      index = max(index, next)
    }
    if request.limit == nil { page.found.reserveCapacity(entries.count - index) }
    while index < entries.count {
      let entry = entries[index]
      if let namespace = request.namespace, entry.key.namespace != namespace { break }
      index += 1
      guard let version = entry.version(at: revision),
        request.matches.map({ $0(entry.key, version.attributes) }) ?? true
      else { continue }
      if page.found.count < limit {
        page.found.append((entry.key, version))
      } else {
        page.isLast = false
        rest += 1
        // With a filter nobody is told how many are left.
        if request.matches != nil { break }
      }
    }
    return (page, rest)
  }

  /// Takes a change in; changes come in order.
  mutating func apply(_ key: ObjectKey, _ version: Version) {
    let entry = place(key, version)
    if version.document != nil {
      cachedBytes += version.sizeBytes
      cached.append(Cached(entry: entry, revision: version.revision))
      evict()
    }
    if version.isDeleted {
      superseded.append(
        Superseded(revision: version.revision, since: version.revision, sizeBytes: version.sizeBytes, entry: entry))
      supersededBytes += version.sizeBytes
    }
  }

  private mutating func place(_ key: ObjectKey, _ version: Version) -> Entry {
    let entries = resources[key.resource] ?? []
    let index = Self.lowerBound(entries, key.place)
    guard index < entries.count, entries[index].key == key else {
      let entry = Entry(key: key, current: version)
      resources[key.resource, default: []].insert(entry, at: index)
      return entry
    }
    let entry = entries[index]
    var old = entry.current
    if old.document != nil { cachedBytes -= old.sizeBytes }
    old.document = nil
    entry.older.append(old)
    entry.current = version
    // A deleted state waits for its compaction already.
    if !old.isDeleted {
      superseded.append(
        Superseded(revision: old.revision, since: version.revision, sizeBytes: old.sizeBytes, entry: entry))
      supersededBytes += old.sizeBytes
    }
    return entry
  }

  /// Keeps a document that was read, where it is still the current one.
  mutating func remember(_ key: ObjectKey, revision: Int64, document: [UInt8]) {
    guard let entries = resources[key.resource] else { return }
    let index = Self.lowerBound(entries, key.place)
    guard index < entries.count, entries[index].key == key, entries[index].current.revision == revision,
      entries[index].current.document == nil
    else { return }
    entries[index].current.document = document
    cachedBytes += entries[index].current.sizeBytes
    cached.append(Cached(entry: entries[index], revision: revision))
    evict()
  }

  private mutating func evict() {
    while cachedBytes > maxCachedBytes, let oldest = cached.popFirst() {
      guard oldest.entry.current.revision == oldest.revision, oldest.entry.current.document != nil else { continue }
      oldest.entry.current.document = nil
      cachedBytes -= oldest.entry.current.sizeBytes
    }
    // Notes of states that are gone are not to outnumber the others.
    if cached.count > 4_096 && cached.count > 2 * count {
      cached.removeAll { $0.entry.current.revision != $0.revision || $0.entry.current.document == nil }
    }
  }

  /// Forgets what nobody needs who begins after `revision`, at most `limit` states.
  /// - Returns: their revisions, and from where on history is whole now.
  mutating func compact(to revision: Int64, limit: Int) -> (revisions: [Int64], compacted: Int64) {
    var revisions: [Int64] = []
    var since: Int64 = 0
    while let first = superseded.first, first.since <= revision {
      // A deletion replaces a state and is not needed itself: both go or neither.
      guard revisions.count < limit || first.since == since else { return (revisions, since) }
      since = first.since
      superseded.removeFirst()
      supersededBytes -= first.sizeBytes
      revisions.append(first.revision)
      if first.entry.current.revision == first.revision {
        remove(first.entry)
      } else if let index = first.entry.older.firstIndex(where: { $0.revision == first.revision }) {
        first.entry.older.remove(at: index)
      }
    }
    return (revisions, revision)
  }

  private mutating func remove(_ entry: Entry) {
    if entry.current.document != nil { cachedBytes -= entry.current.sizeBytes }
    entry.current.document = nil
    guard let entries = resources[entry.key.resource] else { return }
    let index = Self.lowerBound(entries, entry.key.place)
    guard index < entries.count, entries[index] === entry else { return }
    resources[entry.key.resource]?.remove(at: index)
  }

  /// The first index whose place is not before `place`.
  private static func lowerBound(_ entries: [Entry], _ place: ObjectPlace) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      let key = entries[middle].key
      let isBefore = key.namespace == place.namespace ? key.name < place.name : key.namespace < place.namespace
      if isBefore { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
