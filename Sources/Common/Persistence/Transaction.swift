import FoundationEssentials
import GRDB

/// The right to use the database inside `Database.transaction` or `Database.read`; not valid after the closure ends.
public struct Transaction {
  let database: GRDB.Database

  /// Inserts or replaces; throws where another record of the table has the name.
  public func put(_ id: String, name: String? = nil, document: Data, in table: String) throws {
    let statement = try database.cachedStatement(
      sql: """
        INSERT INTO \(DocumentTable.checked(table)) (id, name, document) VALUES (?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET name = excluded.name, document = excluded.document
        """)
    try statement.execute(arguments: [id, name, document])
  }

  public func get(_ id: String, in table: String) throws -> Document? {
    try one("id", id, in: table)
  }

  public func get(named name: String, in table: String) throws -> Document? {
    try one("name", name, in: table)
  }

  /// Every record, ordered by id.
  public func all(in table: String) throws -> [Document] {
    let statement = try database.cachedStatement(
      sql: "SELECT id, name, document FROM \(DocumentTable.checked(table)) ORDER BY id")
    return try Row.fetchAll(statement).map(Self.document)
  }

  /// Records whose ids lie in `from ..< below`, ordered by id (by bytes), at most `limit` of them.
  public func page(in table: String, from: String, below: String, limit: Int) throws -> [Document] {
    let statement = try database.cachedStatement(
      sql: """
        SELECT id, name, document FROM \(DocumentTable.checked(table)) WHERE id >= ? AND id < ? ORDER BY id LIMIT ?
        """)
    return try Row.fetchAll(statement, arguments: [from, below, limit]).map(Self.document)
  }

  /// Whether any record's id lies in `from ..< below`.
  public func isAny(in table: String, from: String, below: String) throws -> Bool {
    let statement = try database.cachedStatement(
      sql: "SELECT 1 FROM \(DocumentTable.checked(table)) WHERE id >= ? AND id < ? LIMIT 1")
    return try Int.fetchOne(statement, arguments: [from, below]) != nil
  }

  /// Removes the records whose ids lie in `from ..< below`.
  public func delete(in table: String, from: String, below: String) throws {
    let statement = try database.cachedStatement(
      sql: "DELETE FROM \(DocumentTable.checked(table)) WHERE id >= ? AND id < ?")
    try statement.execute(arguments: [from, below])
  }

  /// Removes a record; false where there was none.
  @discardableResult
  public func delete(_ id: String, in table: String) throws -> Bool {
    let statement = try database.cachedStatement(sql: "DELETE FROM \(DocumentTable.checked(table)) WHERE id = ?")
    try statement.execute(arguments: [id])
    return database.changesCount > 0
  }

  public func count(in table: String) throws -> Int {
    let statement = try database.cachedStatement(sql: "SELECT count(*) FROM \(DocumentTable.checked(table))")
    return try Int.fetchOne(statement) ?? 0
  }

  private func one(_ column: String, _ value: String, in table: String) throws -> Document? {
    let statement = try database.cachedStatement(
      sql: "SELECT id, name, document FROM \(DocumentTable.checked(table)) WHERE \(column) = ?")
    return try Row.fetchOne(statement, arguments: [value]).map(Self.document)
  }

  private static func document(_ row: Row) -> Document {
    Document(id: row[0], name: row[1], document: row[2])
  }
}
