import FoundationEssentials
import GRDB

/// A row of a log: a document with the time it was written down.
public struct LogEntry: Sendable {
  /// Rises from row to row.
  public let id: Int64
  /// Seconds since 1970.
  public let at: Int64
  public let document: Data
}

/// Logs: rows that are only added, read from the newest on, and thrown away from the oldest on. A migration makes one with
/// the names of its keys, by which rows are found.
extension Transaction {
  /// Adds a row. `id`: more than that of any row before. `keys`: a value for each key of the log.
  public func append(_ id: Int64, at: Int64, keys: [String: String], document: Data, toLog log: String) throws {
    let names = keys.keys.sorted()
    let columns = names.map { ", " + DocumentTable.checked($0) }.joined()
    let statement = try database.cachedStatement(
      sql: """
        INSERT INTO \(DocumentTable.checked(log)) (id, at, document\(columns))
        VALUES (?, ?, ?\(String(repeating: ", ?", count: names.count)))
        """)
    var values: [(any DatabaseValueConvertible)?] = [id, at, document]
    for name in names { values.append(keys[name]) }
    try statement.execute(arguments: StatementArguments(values))
  }

  /// Rows from the newest on that have these values of keys, at most `limit` of them, with ids below `before`.
  public func entries(ofLog log: String, before: Int64, keys: [String: String], limit: Int) throws -> [LogEntry] {
    let names = keys.keys.sorted()
    let conditions = names.map { " AND \(DocumentTable.checked($0)) = ?" }.joined()
    let statement = try database.cachedStatement(
      sql: """
        SELECT id, at, document FROM \(DocumentTable.checked(log)) WHERE id < ?\(conditions) ORDER BY id DESC LIMIT ?
        """)
    var values: [(any DatabaseValueConvertible)?] = [before]
    for name in names { values.append(keys[name]) }
    values.append(limit)
    return try Row.fetchAll(statement, arguments: StatementArguments(values)).map {
      LogEntry(id: $0[0], at: $0[1], document: $0[2])
    }
  }

  /// The newest row's id; 0 where there is none.
  public func lastID(ofLog log: String) throws -> Int64 {
    let statement = try database.cachedStatement(sql: "SELECT max(id) FROM \(DocumentTable.checked(log))")
    return try Int64.fetchOne(statement) ?? 0
  }

  /// Throws the oldest rows away: all but the newest `rows`, and those written down before `time`; at most `limit`.
  /// - Returns: how many went.
  @discardableResult
  public func trim(log: String, keepingNewest rows: Int, notBefore time: Int64, limit: Int) throws -> Int {
    let name = DocumentTable.checked(log)
    let statement = try database.cachedStatement(
      sql: """
        DELETE FROM \(name) WHERE id IN (
          SELECT id FROM (SELECT id, at FROM \(name) ORDER BY id LIMIT ?)
          WHERE at < ? OR id <= (SELECT id FROM \(name) ORDER BY id DESC LIMIT 1 OFFSET ?))
        """)
    try statement.execute(arguments: [limit, time, rows])
    return database.changesCount
  }
}
