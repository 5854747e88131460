import FoundationEssentials
import GRDB
import Glibc
import Model

/// One SQLite file that holds the records of a service.
///
/// A write is on disk when its call returns: write-ahead log with `synchronous=FULL`, one flush of the log for each
/// transaction. One connection serves readers and writers in turn, which keeps memory low; calls block for the time of
/// one disk flush, so they belong on threads that may block. Sources: sqlite.org *PRAGMA synchronous*, *WAL mode*.
public final class Database: Sendable {
  /// Pages kept in memory, in KiB.
  private static let cacheKiB = 512
  /// How long a call waits for another process that holds the file.
  private static let busyTimeoutSeconds = 10.0
  /// Files up to this size are checked page by page when they are opened.
  private static let checkedSizeBytes = 64 << 20

  private let queue: DatabaseQueue
  private let path: String

  /// Opens or makes the file, which only its owner may read, and applies the migrations that it has not seen yet, each in
  /// one transaction.
  ///
  /// Throws `internal` for a damaged file, which stays untouched, and for a file of a later version of this program.
  public init(path: String, migrations: [Migration] = []) throws {
    var configuration = Configuration()
    configuration.foreignKeysEnabled = true
    configuration.busyMode = .timeout(Self.busyTimeoutSeconds)
    configuration.maximumReaderCount = 1
    configuration.label = "persistence"
    configuration.prepareDatabase { database in
      // Before anything that may write: a damaged file stays as it was found.
      try Self.check(database)
      try database.execute(sql: "PRAGMA journal_mode = WAL")
      try database.execute(sql: "PRAGMA synchronous = FULL")
      try database.execute(sql: "PRAGMA mmap_size = 0")
      try database.execute(sql: "PRAGMA cache_size = -\(Self.cacheKiB)")
    }
    self.path = path
    Self.restrict(path)
    do {
      queue = try DatabaseQueue(path: path, configuration: configuration)
      try Self.apply(migrations, set: "main", to: queue)
    } catch {
      throw Self.translate(error, path: path)
    }
  }

  /// A second connection to the same file, which only reads and does not wait for writers: it sees what was committed when a
  /// read begins.
  public init(readingBeside other: Database) throws {
    var configuration = Configuration()
    configuration.readonly = true
    configuration.busyMode = .timeout(Self.busyTimeoutSeconds)
    configuration.label = "persistence.reader"
    configuration.prepareDatabase { database in
      try database.execute(sql: "PRAGMA mmap_size = 0")
      try database.execute(sql: "PRAGMA cache_size = -\(Self.cacheKiB)")
    }
    path = other.path
    do {
      queue = try DatabaseQueue(path: path, configuration: configuration)
    } catch {
      throw Self.translate(error, path: path)
    }
  }

  /// Applies the migrations of one room that keeps its tables in a database opened by another; `set` names the room.
  public func migrate(_ migrations: [Migration], set: String) throws {
    precondition(!set.contains("/"), "a set's name has no slash")
    do {
      try Self.apply(migrations, set: set, to: queue)
    } catch {
      throw Self.translate(error, path: path)
    }
  }

  /// The typed store over one table, which a migration has made.
  public func table(_ name: String) -> DocumentTable {
    DocumentTable(name: name, database: self)
  }

  /// Runs `body` in one transaction: everything it writes is on disk when this returns, or nothing is.
  ///
  /// `body` must use the transaction that it is given; a call of the table's plain methods inside would wait for itself
  /// and is a programming error.
  public func transaction<Result>(_ body: (Transaction) throws -> Result) throws -> Result {
    do {
      return try queue.write { try body(Transaction(database: $0)) }
    } catch {
      throw Self.translate(error, path: path)
    }
  }

  /// Runs `body` in one transaction that outlives this process at once, and the host only from the next flushed one on.
  public func unflushedTransaction(_ body: (Transaction) throws -> Void) throws {
    do {
      try queue.writeWithoutTransaction { database in
        try database.execute(sql: "PRAGMA synchronous = NORMAL")
        // Set again whatever happens: a connection that forgot it would lose acknowledged writes.
        defer { Self.flushEveryTransaction(database) }
        try database.inTransaction {
          try body(Transaction(database: database))
          return .commit
        }
      }
    } catch {
      throw Self.translate(error, path: path)
    }
  }

  private static func flushEveryTransaction(_ database: GRDB.Database) {
    do {
      try database.execute(sql: "PRAGMA synchronous = FULL")
    } catch {
      preconditionFailure("synchronous=FULL could not be set again: \(error)")
    }
  }

  /// Runs `body`, which must not write, while nothing else uses the one connection: a consistent view.
  ///
  /// Without `queue.read`, which sets `PRAGMA query_only` around `body`: each change of it makes SQLite forget every
  /// compiled statement of the connection, so that all are compiled anew.
  public func read<Result>(_ body: (Transaction) throws -> Result) throws -> Result {
    do {
      return try queue.unsafeRead { database in
        let changes = database.totalChangesCount
        defer { assert(database.totalChangesCount == changes, "a read has written") }
        return try body(Transaction(database: database))
      }
    } catch {
      throw Self.translate(error, path: path)
    }
  }

  /// Closes the file; later calls throw. Folds the write-ahead log into the file.
  public func close() throws {
    do {
      try queue.close()
    } catch {
      throw Self.translate(error, path: path)
    }
  }

  /// Writes a consistent copy of the whole database to a new file at `path` (the service keeps running).
  public func backup(to path: String) throws {
    do {
      try queue.writeWithoutTransaction { try $0.execute(sql: "VACUUM INTO ?", arguments: [path]) }
    } catch {
      throw Self.translate(error, path: self.path)
    }
  }

  /// Closes the file and its log to others, whatever the umask: SQLite gives the log the mode of the file.
  private static func restrict(_ path: String) {
    // Where this fails SQLite fails for the same reason, and tells it.
    let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    if descriptor >= 0 { Glibc.close(descriptor) }
    for suffix in ["", "-wal", "-shm"] { chmod(path + suffix, 0o600) }
  }

  private static func check(_ database: GRDB.Database) throws {
    let pages = try Int.fetchOne(database, sql: "PRAGMA page_count") ?? 0
    let pageSize = try Int.fetchOne(database, sql: "PRAGMA page_size") ?? 0
    guard pages * pageSize <= checkedSizeBytes else { return }
    let finding = try String.fetchOne(database, sql: "PRAGMA quick_check(1)") ?? "ok"
    if finding != "ok" { throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: finding) }
  }

  private static func apply(_ migrations: [Migration], set: String, to queue: DatabaseQueue) throws {
    var migrator = DatabaseMigrator()
    let names = Set(migrations.map { "\(set)/\($0.name)" })
    let applied = try queue.read { try migrator.appliedIdentifiers($0) }
    guard applied.allSatisfy({ !$0.hasPrefix("\(set)/") || names.contains($0) }) else {
      throw PlatformError(.internal, "the database was written by a later version of this program")
    }
    for migration in migrations {
      migrator.registerMigration("\(set)/\(migration.name)") { try migration.apply(to: Transaction(database: $0)) }
    }
    try migrator.migrate(queue)
  }

  /// Turns SQLite's errors into the platform's; leaves errors of the caller's own closure as they are.
  static func translate(_ error: any Error, path: String) -> any Error {
    guard let error = error as? DatabaseError else { return error }
    let context = ["path": path, "sqlite": "\(error.extendedResultCode.rawValue)", "detail": error.message ?? ""]
    switch error.resultCode {
    case .SQLITE_CONSTRAINT where error.extendedResultCode == .SQLITE_CONSTRAINT_UNIQUE:
      return PlatformError(.conflict, "the name is already in use", context: context, cause: error)
    case .SQLITE_CORRUPT, .SQLITE_NOTADB:
      return PlatformError(
        .internal,
        "database '\(path)' is damaged; it was kept as it is: restore it from a backup, or move it away to start anew",
        context: context, cause: error)
    case .SQLITE_FULL:
      // Clients are told this, who are not to know where the files lie.
      return PlatformError(
        .resourceExhausted, "the disk is full: no space is left for records", context: context, cause: error,
        isDiskFull: true)
    case .SQLITE_BUSY, .SQLITE_LOCKED:
      return PlatformError(
        .unavailable, "the database is in use by another process", context: context, cause: error)
    case .SQLITE_CANTOPEN, .SQLITE_PERM, .SQLITE_READONLY:
      return PlatformError(.internal, "cannot open database '\(path)' for writing", context: context, cause: error)
    default:
      return PlatformError(.internal, "database '\(path)' failed", context: context, cause: error)
    }
  }
}
