import Dispatch
import FoundationEssentials
import LinuxSystem
import Logging
import Model
import Persistence
import Synchronization

/// Objects in one SQLite file.
///
/// The file holds a log of all changes, each sealed; memory holds which objects there are with their revisions and, within a
/// bound, their documents. Writers that come together share one transaction and one flush: the first of them leads, and hands
/// the lead on when its own is done.
public final class SQLiteObjectStore: ObjectStore {
  /// What the store may use and keep.
  public struct Bounds: Sendable {
    /// Changes that are kept for those who follow, beside the current states.
    public var historyRevisions: Int64 = 10_000
    /// Bytes of states that were replaced; beyond them history is shorter.
    public var historyBytes = 256 << 20
    /// Documents in memory.
    public var cachedBytes = 48 << 20
    /// One document.
    public var documentBytes = 3 << 19
    /// Changes that one who follows is given at once, and bytes of their documents, but one change at least: many who are behind
    /// hold no more each.
    public var sliceEvents = 128
    public var sliceBytes = 256 << 10
    /// Writes that wait.
    public var waitingWrites = 4_096
    /// Writes in one transaction.
    public var batch = 256
    /// Compaction begins when so many changes more than kept are there.
    public var compactionStep: Int64 = 512

    public init() {}
  }

  /// The points of a write between which a crash must lose nothing that was acknowledged.
  enum CommitStep: Sendable, CaseIterable {
    case prepared
    case written
    case committed
    case published
  }

  struct State {
    var index: VersionIndex
    var rings: [ResourceName: EventRing] = [:]
    var revision: Int64
    /// Of the start: changes up to it are in the file only.
    var start: Int64 = 0
    var compacted: Int64
    var waiters: [ResourceName: [Int: CheckedContinuation<Void, Never>]] = [:]
    /// Counts the nudges, so that none is missed by one who is about to wait.
    var nudges = 0
  }

  struct WriterQueue {
    var tickets = Queue<WriteTicket>()
    var isLed = false
  }

  static let table = "kube_revisions"
  static let migrations = [Migration(name: "revisions", steps: [.createRevisions(table)])]

  let bounds: Bounds
  let database: Database
  let reader: Database
  let seal: RecordSeal
  let logger: Logger
  let state: Locked<State>
  let nextWaiter = Atomic(0)
  let writers = Locked(WriterQueue())
  /// Called at each step of a write; an error from it stands for a crash there.
  let atStep: @Sendable (CommitStep) throws -> Void

  /// Opens the store in a database that belongs to it alone or with other rooms' tables. Every record is read and its seal is
  /// checked.
  ///
  /// Throws `internal` where a record is damaged, missing from the row, or sealed with a key that is not there.
  public convenience init(
    database: Database, keys: StorageKeys, secretResources: Set<ResourceName>, bounds: Bounds = Bounds(), logger: Logger
  ) throws {
    try self.init(
      database: database, seal: RecordSeal(keys: keys, secretResources: secretResources), bounds: bounds,
      logger: logger,
      atStep: { _ in })
  }

  init(
    database: Database, seal: RecordSeal, bounds: Bounds, logger: Logger,
    atStep: @escaping @Sendable (CommitStep) throws -> Void
  ) throws {
    try database.migrate(Self.migrations, set: "kube")
    self.database = database
    self.seal = seal
    self.bounds = bounds
    self.logger = logger
    self.atStep = atStep
    reader = try Database(readingBeside: database)
    state = Locked(try Self.load(reader, seal, bounds))
  }

  public var revision: Int64 { state.withLock { $0.revision } }
  /// From where on history is whole.
  public var compactedRevision: Int64 { state.withLock { $0.compacted } }

  private static let pageRows = 1_024
  /// Of records that are read at once by who reads all of them.
  static let readBytes = 16 << 20

  private static func load(_ reader: Database, _ seal: RecordSeal, _ bounds: Bounds) throws -> sending State {
    let compacted = try reader.read { try $0.compactedRevision(of: table) }
    var state = State(index: VersionIndex(maxCachedBytes: bounds.cachedBytes), revision: 0, compacted: compacted)
    while true {
      let after = state.revision
      let (page, isCut) = try reader.read {
        try $0.revisions(of: table, after: after, limit: pageRows, byteLimit: readBytes)
      }
      let events = try events(of: page, seal)
      for (record, event) in zip(page, events) {
        // Below the compaction rows are missing on purpose.
        guard record.revision == state.revision + 1 || state.revision < compacted && record.revision <= compacted + 1
        else {
          throw PlatformError(
            .internal,
            "the cluster's database is damaged: revisions between \(state.revision) and \(record.revision) are missing")
        }
        state.index.apply(event.object.key, version(of: event))
        state.revision = record.revision
      }
      guard isCut else { break }
    }
    state.revision = max(state.revision, compacted)
    state.start = state.revision
    return state
  }

  /// Opening records takes most of a start: all cores do it.
  private static func events(of page: [RevisionRecord], _ seal: RecordSeal) throws -> [ObjectEvent] {
    let size = 64
    let opened = Locked<[Int: Result<[ObjectEvent], any Error>]>([:])
    DispatchQueue.concurrentPerform(iterations: (page.count + size - 1) / size) { part in
      let records = page[(part * size)..<min(page.count, (part + 1) * size)]
      let events = Result { try records.map { try event(of: $0, seal) } }
      opened.withLock { $0[part] = events }
    }
    return try opened.withLock { try $0.sorted { $0.key < $1.key }.flatMap { try $0.value.get() } }
  }

  /// The change that a record tells of.
  static func event(of record: RevisionRecord, _ seal: RecordSeal) throws -> ObjectEvent {
    guard let change = ObjectEvent.Change(rawValue: record.change) else {
      throw PlatformError(
        .internal, "revision \(record.revision) of the cluster's database is of the unknown kind \(record.change)")
    }
    let object = StoredObject(
      key: ObjectKey(resource(record.resource), namespace: record.namespace, name: record.name),
      revision: record.revision,
      attributes: try ObjectAttributes(encoded: record.attributes), document: try seal.open(record))
    let before = change == .added ? nil : try record.before.map { try ObjectAttributes(encoded: $0) }
    return ObjectEvent(change: change, object: object, before: change == .added ? nil : before ?? object.attributes)
  }

  static func version(of event: ObjectEvent) -> VersionIndex.Version {
    let isDeleted = event.change == .deleted
    return VersionIndex.Version(
      revision: event.revision, isDeleted: isDeleted, attributes: event.object.attributes,
      sizeBytes: event.object.document.count, document: isDeleted ? nil : event.object.document)
  }

  /// `deployments.apps` as a name again.
  static func resource(_ text: String) -> ResourceName {
    let parts = text.split(separator: ".", maxSplits: 1)
    return ResourceName(group: parts.count == 2 ? String(parts[1]) : "", resource: String(parts[0]))
  }
}
