import FoundationEssentials
import GRDB

/// A row of a log of revisions: one change of one object, which has a place of resource, namespace and name.
public struct RevisionRecord: Sendable, Equatable {
  /// Rises by one from row to row.
  public let revision: Int64
  /// What kind of change: its writer's number.
  public let change: Int64
  public let resource: String
  public let namespace: String
  public let name: String
  /// What the object is found by, and what it was found by before; their form is the writer's business, as is that of `seal`.
  public let attributes: Data?
  public let before: Data?
  public let seal: Data
  public let document: Data

  public init(
    revision: Int64, change: Int64, resource: String, namespace: String, name: String, attributes: Data?, before: Data?,
    seal: Data, document: Data
  ) {
    self.revision = revision
    self.change = change
    self.resource = resource
    self.namespace = namespace
    self.name = name
    self.attributes = attributes
    self.before = before
    self.seal = seal
    self.document = document
  }
}

/// Logs of revisions: all changes of all objects in one row of numbers, of which those that a later one has replaced are thrown
/// away in the end. A migration makes one.
extension Transaction {
  static func createRevisions(_ table: String, in database: GRDB.Database) throws {
    let name = DocumentTable.checked(table)
    // The document last: what stands before it is read without its further pages.
    try database.execute(
      sql: """
        CREATE TABLE \(name) (
          revision INTEGER PRIMARY KEY CHECK (revision > 0), change INTEGER NOT NULL,
          resource TEXT NOT NULL CHECK (length(resource) > 0), namespace TEXT NOT NULL, name TEXT NOT NULL,
          attributes BLOB, before BLOB, seal BLOB NOT NULL, document BLOB NOT NULL
        ) STRICT
        """)
    try database.execute(
      sql: """
        CREATE TABLE \(name)_compaction (
          id INTEGER PRIMARY KEY CHECK (id = 1), revision INTEGER NOT NULL
        ) STRICT
        """)
    try database.execute(sql: "INSERT INTO \(name)_compaction (id, revision) VALUES (1, 0)")
  }

  /// Adds a row, whose number must not be there.
  public func append(_ record: RevisionRecord, toRevisions table: String) throws {
    let statement = try database.cachedStatement(
      sql: """
        INSERT INTO \(DocumentTable.checked(table))
          (revision, change, resource, namespace, name, attributes, before, seal, document)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """)
    try statement.execute(arguments: [
      record.revision, record.change, record.resource, record.namespace, record.name, record.attributes, record.before,
      record.seal, record.document,
    ])
  }

  /// Puts a row's document under another seal; the row's meaning stays. Does nothing where there is no such row.
  public func reseal(_ revision: Int64, seal: Data, document: Data, inRevisions table: String) throws {
    let statement = try database.cachedStatement(
      sql: "UPDATE \(DocumentTable.checked(table)) SET seal = ?, document = ? WHERE revision = ?")
    try statement.execute(arguments: [seal, document, revision])
  }

  /// The rows from the one after `revision` to that of `last`, in order: at most `limit`, and of so many bytes, but one at least; of one
  /// resource only where it is given.
  /// - Returns: `isCut`: there may be more of them.
  public func revisions(
    of table: String, resource: String? = nil, after revision: Int64, through last: Int64 = .max, limit: Int,
    byteLimit: Int
  ) throws -> (records: [RevisionRecord], isCut: Bool) {
    let condition = resource == nil ? "" : " AND resource = ?"
    let statement = try database.cachedStatement(
      sql: """
        SELECT revision, change, resource, namespace, name, attributes, before, seal, document
        FROM \(DocumentTable.checked(table)) WHERE revision > ? AND revision <= ?\(condition) ORDER BY revision LIMIT ?
        """)
    var values: [(any DatabaseValueConvertible)?] = [revision, last]
    if let resource { values.append(resource) }
    values.append(limit)
    let rows = try Row.fetchCursor(statement, arguments: StatementArguments(values))
    var records: [RevisionRecord] = []
    var bytes = 0
    while let row = try rows.next() {
      let record = Self.revision(row)
      bytes += record.document.count + (record.attributes?.count ?? 0) + (record.before?.count ?? 0)
      if bytes > byteLimit, !records.isEmpty { return (records, true) }
      records.append(record)
    }
    return (records, records.count == limit)
  }

  /// The row of that number, or nil.
  public func revision(_ number: Int64, of table: String) throws -> RevisionRecord? {
    let statement = try database.cachedStatement(
      sql: """
        SELECT revision, change, resource, namespace, name, attributes, before, seal, document
        FROM \(DocumentTable.checked(table)) WHERE revision = ?
        """)
    return try Row.fetchOne(statement, arguments: [number]).map(Self.revision)
  }

  /// Throws rows away, and notes that history before `compacted` is not whole any more.
  public func compact(revisions: [Int64], of table: String, to compacted: Int64) throws {
    let name = DocumentTable.checked(table)
    let delete = try database.cachedStatement(sql: "DELETE FROM \(name) WHERE revision = ?")
    for revision in revisions { try delete.execute(arguments: [revision]) }
    let note = try database.cachedStatement(sql: "UPDATE \(name)_compaction SET revision = max(revision, ?)")
    try note.execute(arguments: [compacted])
  }

  /// The number up to which rows may have been thrown away; 0 where none was.
  public func compactedRevision(of table: String) throws -> Int64 {
    let statement = try database.cachedStatement(
      sql: "SELECT revision FROM \(DocumentTable.checked(table))_compaction")
    return try Int64.fetchOne(statement) ?? 0
  }

  private static func revision(_ row: Row) -> RevisionRecord {
    RevisionRecord(
      revision: row[0], change: row[1], resource: row[2], namespace: row[3], name: row[4], attributes: row[5],
      before: row[6], seal: row[7], document: row[8])
  }
}
