import ContentStore
import FoundationEssentials
import LinuxSystem
import Logging
import Model
import Persistence

/// A registry's content: blobs, manifests and tags of repositories, on disk and in one SQLite file.
///
/// What a call has acknowledged is on disk. Each change is one transaction of the database, which also holds the changes
/// of files that belong to it (`FileChange`); files are written after it and flushed later, all at once, and done again
/// at the next start where a crash came between (docs/adr/0010). Calls block for about one flush of the disk, so they
/// belong on threads that may block. One process uses a root.
public final class Registry: Sendable {
  /// What belongs to the one writer: records and files change in the same order.
  struct Turn {
    var nextChange: Int64 = 1
    /// Changes of files that are done but not known to be flushed.
    var unflushedChanges = 0
    var unflushedBytes = 0
    /// A change of files failed; the log is to be done again before anything else.
    var mustRepeat = false
  }

  private static let versions = 256
  private static let pageSize = 500

  let files: RegistryFiles
  let database: Database
  let configuration: RegistryConfiguration
  let logger: Logger
  let uploads: UploadTable
  let epochs = ProjectEpochs()
  /// Held by the one collection or check that runs.
  let maintenance = Locked<Bool>(false)
  private let lock: FileLock
  private let turn = Locked(Turn())
  private let version = Locked([UInt64](repeating: 0, count: Registry.versions))
  private let observers = Locked<[@Sendable (RegistryEvent) -> Void]>([])

  public var content: ContentStore { files.content }

  /// Opens or makes a registry below `root` (`registry.sqlite` and folders), finishes what a crash has left, and takes
  /// up unfinished uploads. Throws `unavailable` where another process uses it.
  public init(root: String, configuration: RegistryConfiguration = RegistryConfiguration(), logger: Logger) throws {
    try translatingSystemErrors("open registry '\(root)'") { try FileSystem.makeDirectories(root, mode: 0o700) }
    do {
      lock = try FileLock(path: root + "/lock")
    } catch {
      throw PlatformError(.unavailable, "the registry '\(root)' is in use by another process", cause: error)
    }
    files = try RegistryFiles(root: root)
    database = try Database(path: root + "/registry.sqlite", migrations: Table.migrations)
    self.configuration = configuration
    self.logger = logger
    uploads = UploadTable(files: files, configuration: configuration)
    try turn.withLock { turn in
      do {
        try files.reserve.using { try repeatChanges(&turn) }
      } catch let error as PlatformError where error.code == .resourceExhausted {
        // What was acknowledged had its files before; the rest is done before the next change, when there is room.
        turn.mustRepeat = true
        logger.error(
          "the registry's disk is full, its reserve is gone: it only serves what it has",
          metadata: ["reason": "\(error.message)"])
      }
    }
    try uploads.load(logger: logger)
    files.reserve.restore()
  }

  /// Flushes everything and closes the database; later calls throw.
  public func close() throws {
    do {
      try checkpoint()
    } catch let error as PlatformError where error.code == .resourceExhausted {
      // The log of changes is on disk: the next start does what is missing.
      logger.error("the registry's disk is full: its files are flushed at the next start")
    }
    try database.close()
  }

  /// Calls `body` after each event, on the thread that caused it; it must not block and not call back.
  public func observe(_ body: @escaping @Sendable (RegistryEvent) -> Void) {
    observers.withLock { $0.append(body) }
  }

  func tell(_ event: RegistryEvent) {
    for observer in observers.withLock({ $0 }) { observer(event) }
  }

  /// A number that changes with each change of the repository (and of some others). What was read between two equal
  /// numbers is still true; for caches.
  public func version(of repository: RepositoryName) -> UInt64 {
    let slot = Self.slot(repository)
    return version.withLock { $0[slot] }
  }

  private static func slot(_ repository: RepositoryName) -> Int {
    Int(UInt(bitPattern: repository.hashValue) % UInt(versions))
  }

  func changed(_ repository: RepositoryName) {
    let slot = Self.slot(repository)
    version.withLock { $0[slot] &+= 1 }
  }

  // MARK: - Transactions

  /// Runs `body` in one durable transaction and then does the changes of files that it asked for. `body` may run twice.
  /// - Parameter takesIn: whether it brings something new, for which the reserve of a full disk is not there. What is
  ///   recorded is carried out with it all the same.
  func commit<R: Sendable>(takesIn: Bool = false, _ body: (RegistryTransaction) throws -> R) throws -> R {
    let (result, isFull) = try turn.withLock { turn -> (R, Bool) in
      let result = try commit(in: &turn, takesIn: takesIn, body)
      let isFull =
        turn.unflushedChanges >= configuration.checkpointChanges
        || turn.unflushedBytes >= configuration.checkpointBytes
      return (result, isFull)
    }
    if isFull { try checkpoint() }
    return result
  }

  /// `commit` for who has the turn.
  func commit<R: Sendable>(
    in turn: inout Turn, takesIn: Bool = false, _ body: (RegistryTransaction) throws -> R
  ) throws -> R {
    if turn.mustRepeat { try files.reserve.using { try repeatChanges(&turn) } }
    let first = turn.nextChange
    func write() throws -> (result: R, changes: [FileChange]) {
      try database.transaction { records in
        let transaction = RegistryTransaction(records)
        let result = try body(transaction)
        for (number, change) in transaction.changes.enumerated() {
          try transaction.put(change, Table.changes, Self.key(first + Int64(number)))
        }
        return (result, transaction.changes)
      }
    }
    let (result, changes) = try takesIn ? write() : files.reserve.using(write)
    turn.nextChange = first + Int64(changes.count)
    turn.unflushedChanges += changes.count
    turn.unflushedBytes += changes.reduce(0) { $0 + $1.costBytes }
    do {
      try configuration.step?(.committed)
      for change in changes {
        try configuration.step?(.changesFile)
        try files.reserve.using { try files.apply(change, isWanted: isWanted) }
      }
    } catch {
      turn.mustRepeat = true
      throw error
    }
    return result
  }

  /// Runs `body` while records and files are in step and nobody changes them; changes wait meanwhile.
  func still<R: Sendable>(_ body: (inout Turn) throws -> R) throws -> R {
    try turn.withLock { turn in
      if turn.mustRepeat { try files.reserve.using { try repeatChanges(&turn) } }
      return try body(&turn)
    }
  }

  /// A transaction without files that outlives the process at once, and the host from the next durable one on.
  func commitUnflushed(_ body: (RegistryTransaction) throws -> Void) throws {
    try turn.withLock { _ in
      try files.reserve.using {
        try database.unflushedTransaction { records in
          let transaction = RegistryTransaction(records)
          try body(transaction)
          precondition(transaction.changes.isEmpty, "changes of files need a durable transaction")
        }
      }
    }
  }

  func read<R>(_ body: (RegistryTransaction) throws -> R) throws -> R {
    try database.read { try body(RegistryTransaction($0)) }
  }

  /// Runs `body`, which reads a record and then a file. The file follows its record by a moment, so where it is not there
  /// the change under way is waited for and `body` runs once more.
  func settled<R>(_ body: () throws -> R) throws -> R {
    do {
      return try body()
    } catch let error as PlatformError where error.code == .notFound {
      turn.withLock { _ in }
      return try body()
    }
  }

  /// Puts the files on disk and forgets the changes that led to them. Others go on meanwhile.
  public func checkpoint() throws {
    let last = try turn.withLock { turn -> Int64? in
      if turn.mustRepeat { try files.reserve.using { try repeatChanges(&turn) } }
      guard turn.unflushedChanges > 0 else { return nil }
      turn.unflushedChanges = 0
      turn.unflushedBytes = 0
      return turn.nextChange
    }
    guard let last else { return }
    try files.flush()
    try configuration.step?(.flushed)
    try files.reserve.using {
      try database.transaction { try $0.delete(in: Table.changes, from: Self.key(0), below: Self.key(last)) }
    }
  }

  /// Does again what the log holds: after a crash, and after a change of files that failed.
  private func repeatChanges(_ turn: inout Turn) throws {
    var from = Self.key(0)
    var count = 0
    while true {
      let page = try database.read {
        try $0.page(in: Table.changes, from: from, below: Self.key(.max), limit: Self.pageSize)
      }
      for document in page {
        let change = try RegistryTransaction.decode(FileChange.self, document.document, Table.changes)
        try files.apply(change, isWanted: isWanted)
        turn.nextChange = max(turn.nextChange, (Int64(document.id) ?? 0) + 1)
        from = document.id + "!"
      }
      count += page.count
      if page.count < Self.pageSize { break }
    }
    if count > 0 {
      try files.flush()
      try database.transaction {
        try $0.delete(in: Table.changes, from: Self.key(0), below: Self.key(turn.nextChange))
      }
      logger.info("changes of registry files were done again", metadata: ["count": "\(count)"])
    }
    _ = try files.emptyTrash()
    turn.mustRepeat = false
    turn.unflushedChanges = 0
    turn.unflushedBytes = 0
  }

  private func isWanted(_ digest: Digest) throws -> Bool {
    try database.read { try $0.get(digest.hex, in: Table.blobs) != nil }
  }

  /// A number, of 0 at least, as text that sorts as it does.
  public static func key(_ sequence: Int64) -> String {
    let digits = String(sequence)
    return String(repeating: "0", count: 19 - digits.utf8.count) + digits
  }
}
