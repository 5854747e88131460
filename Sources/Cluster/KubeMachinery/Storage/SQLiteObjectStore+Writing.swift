import FoundationEssentials
import Logging
import Persistence

extension SQLiteObjectStore {
  /// A write that may be done, with its number.
  private struct Planned {
    let ticket: WriteTicket
    let event: ObjectEvent
    let record: RevisionRecord
  }

  public func write(_ key: ObjectKey, _ write: ObjectWrite) async throws -> StoredObject {
    let size =
      switch write {
      case .create(let draft), .update(let draft, _), .delete(let draft, _): draft.sizeBytes
      }
    guard size <= bounds.documentBytes else {
      throw StorageError.tooLarge(sizeBytes: size, limitBytes: bounds.documentBytes)
    }
    let ticket = WriteTicket(key: key, write: write)
    let leads = try writers.withLock { queue -> Bool in
      guard queue.tickets.count < bounds.waitingWrites else { throw StorageError.overloaded }
      queue.tickets.append(ticket)
      defer { queue.isLed = true }
      return !queue.isLed
    }
    if leads {
      lead()
    } else if await ticket.turn() == .lead {
      lead()
    }
    return try ticket.result()
  }

  /// Does the writes that wait, the leader's own among them, and hands the lead on.
  private func lead() {
    let batch = writers.withLock { queue in
      var batch: [WriteTicket] = []
      while batch.count < bounds.batch, let ticket = queue.tickets.popFirst() { batch.append(ticket) }
      return batch
    }
    commit(batch)
    let next = writers.withLock { queue -> WriteTicket? in
      if queue.tickets.isEmpty { queue.isLed = false }
      return queue.tickets.first
    }
    next?.call(.lead)
    // The leader is the first of the batch and does not wait.
    for ticket in batch.dropFirst() { ticket.call(.done) }
    compactWhereDue()
  }

  private func commit(_ batch: [WriteTicket]) {
    do {
      let planned = try plan(batch)
      try atStep(.prepared)
      if !planned.isEmpty {
        try database.transaction { transaction in
          for write in planned { try transaction.append(write.record, toRevisions: Self.table) }
          try atStep(.written)
        }
      }
      try atStep(.committed)
      publish(planned.map(\.event))
      for write in planned { write.ticket.finish(.success(write.event.object)) }
      try atStep(.published)
    } catch {
      // What was refused because of a write of the same batch is not sure any more either.
      for ticket in batch { ticket.finish(.failure(error)) }
    }
  }

  /// Decides on each write by what was committed and what stands before it in the batch; the refused get their result.
  private func plan(_ batch: [WriteTicket]) throws -> [Planned] {
    var ahead: [ObjectKey: VersionIndex.Version] = [:]
    var planned: [Planned] = []
    var next = state.withLock { $0.revision }
    for ticket in batch {
      let current = ahead[ticket.key] ?? state.withLock { $0.index.current(ticket.key) }
      let existing = current.flatMap { $0.isDeleted ? nil : $0 }
      do {
        let (change, draft) = try Self.check(ticket.write, existing)
        next += 1
        let event = ObjectEvent(
          change: change,
          object: StoredObject(
            key: ticket.key, revision: next, attributes: draft.attributes, document: draft.document(at: next)),
          before: existing?.attributes)
        ahead[ticket.key] = Self.version(of: event)
        planned.append(Planned(ticket: ticket, event: event, record: try seal.seal(Self.record(of: event))))
      } catch let refusal as StorageError {
        ticket.finish(.failure(refusal))
      }
    }
    return planned
  }

  private static func check(
    _ write: ObjectWrite, _ existing: VersionIndex.Version?
  ) throws(StorageError) -> (ObjectEvent.Change, ObjectDraft) {
    switch write {
    case .create(let draft):
      guard existing == nil else { throw .alreadyExists }
      return (.added, draft)
    case .update(let draft, let expected):
      guard let existing else { throw .notFound }
      guard existing.revision == expected else { throw .changed }
      return (.modified, draft)
    case .delete(let draft, let expected):
      guard let existing else { throw .notFound }
      guard existing.revision == expected else { throw .changed }
      return (.deleted, draft)
    }
  }

  private static func record(of event: ObjectEvent) -> RevisionRecord {
    let key = event.object.key
    let attributes = event.object.attributes
    // Most changes leave what an object is found by as it was.
    let before = event.before.flatMap { $0 == attributes ? nil : $0.encoded() ?? Data("[{},{}]".utf8) }
    return RevisionRecord(
      revision: event.revision, change: event.change.rawValue, resource: key.resource.description,
      namespace: key.namespace, name: key.name, attributes: attributes.encoded(), before: before, seal: Data(),
      document: Data(event.object.document))
  }

  /// Shows committed changes to readers, and wakes who waits for them.
  private func publish(_ events: [ObjectEvent]) {
    guard let last = events.last else { return }
    let waiters = state.withLock { state in
      var waiters: [CheckedContinuation<Void, Never>] = []
      for event in events {
        let resource = event.object.key.resource
        state.index.apply(event.object.key, Self.version(of: event))
        state.rings[resource, default: EventRing(floor: state.start)].append(event)
        if let waiting = state.waiters.removeValue(forKey: resource) { waiters += waiting.values }
        state.revision = event.revision
      }
      assert(state.revision == last.revision)
      return waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  // MARK: compaction

  private static let rowsAtOnce = 2_048

  private func compactWhereDue() {
    let target = state.withLock { state -> Int64? in
      let byCount = state.revision - bounds.historyRevisions
      if byCount - state.compacted >= bounds.compactionStep { return byCount }
      if state.index.supersededBytes > bounds.historyBytes {
        return state.revision - (state.revision - state.compacted) / 2
      }
      return nil
    }
    guard let target else { return }
    do {
      try compact(to: target)
    } catch {
      // The rows are found again at the next start; until then they only take room.
      logger.warning("compaction of the cluster's database failed", metadata: ["error": "\(error)"])
    }
  }

  /// Throws history up to a revision away; who asks for it gets `expired` from then on. Current states stay.
  public func compact(to revision: Int64) throws {
    while true {
      let (revisions, isWhole, compacted) = state.withLock { state -> ([Int64], Bool, Int64) in
        let target = min(revision, state.revision)
        guard target > state.compacted else { return ([], true, state.compacted) }
        let (revisions, compacted) = state.index.compact(to: target, limit: Self.rowsAtOnce)
        state.compacted = max(state.compacted, compacted)
        return (revisions, compacted >= target, state.compacted)
      }
      try database.transaction { try $0.compact(revisions: revisions, of: Self.table, to: compacted) }
      if isWhole { return }
    }
  }
}
