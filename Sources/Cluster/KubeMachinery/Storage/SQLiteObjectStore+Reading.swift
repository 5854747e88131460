import Persistence
import Synchronization

extension SQLiteObjectStore {
  public func get(_ key: ObjectKey) async throws -> StoredObject? {
    while true {
      guard let version = state.withLock({ $0.index.current(key) }), !version.isDeleted else { return nil }
      if let document = version.document { return Self.object(key, version, document) }
      // A row that is gone was replaced and compacted meanwhile: there is a newer state.
      guard let document = try document(version.revision) else { continue }
      state.withLock { $0.index.remember(key, revision: version.revision, document: document) }
      return Self.object(key, version, document)
    }
  }

  public func list(_ request: ListRequest) async throws -> ObjectList {
    let (page, rest, revision) = try state.withLock { state in
      let revision = request.revision ?? state.revision
      guard revision <= state.revision else {
        throw StorageError.revisionAhead(requested: revision, current: state.revision)
      }
      guard revision >= state.compacted else {
        throw StorageError.expired(requested: revision, oldest: state.compacted)
      }
      let (page, rest) = state.index.page(request, at: revision)
      return (page, rest, revision)
    }
    var objects: [StoredObject] = []
    objects.reserveCapacity(request.byteLimit == nil ? page.found.count : 0)
    var bytes = 0
    for (key, version) in page.found {
      guard let document = try version.document ?? document(version.revision) else {
        // Replaced and compacted since the index was read.
        if request.revision == nil { return try await list(request) }
        throw StorageError.expired(requested: revision, oldest: compactedRevision)
      }
      bytes += document.count
      if let limit = request.byteLimit, bytes > limit, !objects.isEmpty { break }
      objects.append(Self.object(key, version, document))
    }
    let cut = page.found.count - objects.count
    let isLast = page.isLast && cut == 0
    return ObjectList(
      objects: objects, revision: revision, next: isLast ? nil : objects.last?.key.place,
      remaining: isLast || request.matches != nil ? nil : rest + cut)
  }

  private static func object(_ key: ObjectKey, _ version: VersionIndex.Version, _ document: [UInt8]) -> StoredObject {
    StoredObject(key: key, revision: version.revision, attributes: version.attributes, document: document)
  }

  private func document(_ revision: Int64) throws -> [UInt8]? {
    try reader.read { try $0.revision(revision, of: Self.table) }.map { try seal.open($0) }
  }

  // MARK: following

  private enum Found {
    case slice(EventSlice)
    /// What is wanted is not in memory any more; it is in the file up to this revision.
    case inFile(through: Int64)
    /// All changes up to this revision are told.
    case nothing(upTo: Int64)
  }

  public func events(
    of resource: ResourceName, in namespace: String?, after revision: Int64
  ) async throws -> EventSlice {
    var start: Int?
    while true {
      let (found, nudges) = try state.withLock { (try find($0, resource, after: revision), $0.nudges) }
      switch found {
      case .slice(let slice): return Self.narrow(slice, namespace)
      case .inFile(let last): return Self.narrow(try sliceFromFile(resource, after: revision, through: last), namespace)
      case .nothing(let last):
        if let start, start != nudges { return EventSlice(events: [], revision: last) }
        start = nudges
        await wait(for: resource, after: revision, nudges: nudges)
        try Task.checkCancellation()
      }
    }
  }

  private func find(_ state: State, _ resource: ResourceName, after revision: Int64) throws -> Found {
    guard revision <= state.revision else {
      throw StorageError.revisionAhead(requested: revision, current: state.revision)
    }
    guard revision >= state.compacted else {
      throw StorageError.expired(requested: revision, oldest: state.compacted)
    }
    let ring = state.rings[resource] ?? EventRing(floor: state.start)
    if revision < ring.floor { return .inFile(through: state.revision) }
    if revision >= ring.last { return .nothing(upTo: state.revision) }
    let events = ring.events(after: revision, limit: bounds.sliceEvents, byteLimit: bounds.sliceBytes)
    let last = events.last?.revision ?? revision
    return .slice(EventSlice(events: events, revision: last == ring.last ? state.revision : last))
  }

  private func sliceFromFile(_ resource: ResourceName, after revision: Int64, through last: Int64) throws -> EventSlice
  {
    let (records, isCut) = try reader.read {
      try $0.revisions(
        of: Self.table, resource: resource.description, after: revision, through: last, limit: bounds.sliceEvents,
        byteLimit: bounds.sliceBytes)
    }
    // Memory knows of a compaction before the file: what was read is whole where memory does not.
    let compacted = compactedRevision
    guard revision >= compacted else { throw StorageError.expired(requested: revision, oldest: compacted) }
    let events = try records.map { try Self.event(of: $0, seal) }
    return EventSlice(events: events, revision: isCut ? events.last?.revision ?? last : last)
  }

  private static func narrow(_ slice: EventSlice, _ namespace: String?) -> EventSlice {
    guard let namespace else { return slice }
    return EventSlice(events: slice.events.filter { $0.object.key.namespace == namespace }, revision: slice.revision)
  }

  /// Waits for a change of the resource after a revision, a nudge or the task's cancellation.
  private func wait(for resource: ResourceName, after revision: Int64, nudges: Int) async {
    let id = nextWaiter.add(1, ordering: .relaxed).newValue
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let waits = state.withLock { state -> Bool in
          guard state.nudges == nudges, state.rings[resource]?.last ?? revision <= revision else { return false }
          state.waiters[resource, default: [:]][id] = continuation
          return true
        }
        // A cancellation that came before the waiter was noted found nobody to wake.
        if !waits { continuation.resume() } else if Task.isCancelled { wake(resource, id) }
      }
    } onCancel: {
      wake(resource, id)
    }
  }

  private func wake(_ resource: ResourceName, _ id: Int) {
    state.withLock { $0.waiters[resource]?.removeValue(forKey: id) }?.resume()
  }

  public func nudge() {
    let waiters = state.withLock { state in
      state.nudges += 1
      let waiters = state.waiters.values.flatMap(\.values)
      state.waiters = [:]
      return waiters
    }
    for waiter in waiters { waiter.resume() }
  }
}
