import FoundationEssentials
import GRDB
import Model

/// One named step in the life of a database's form. A step runs once, in the order given, and is never changed after it
/// was released.
public struct Migration: Sendable {
  public enum Step: Sendable {
    /// Makes a table for documents. Where none will have a name the table does without the index of names, which each write
    /// would pay for.
    case createTable(String, hasNames: Bool = true)
    /// Makes a log, whose rows are found by these keys.
    case createLog(String, keys: [String])
    /// Makes a log of revisions.
    case createRevisions(String)
    case dropTable(String)
    /// Rewrites each document of a table.
    case rewrite(table: String, @Sendable (Data) throws -> Data)
  }

  public let name: String
  public let steps: [Step]

  public init(name: String, steps: [Step]) {
    self.name = name
    self.steps = steps
  }

  func apply(to transaction: Transaction) throws {
    for step in steps {
      switch step {
      case .createTable(let table, let hasNames):
        let name = DocumentTable.checked(table)
        try transaction.database.execute(
          sql: """
            CREATE TABLE \(name) (
              id TEXT NOT NULL PRIMARY KEY CHECK (length(id) > 0),
              name TEXT \(hasNames ? "UNIQUE" : "CHECK (name IS NULL)"),
              document BLOB NOT NULL
            ) STRICT, WITHOUT ROWID
            """)
      case .createLog(let log, let keys):
        let name = DocumentTable.checked(log)
        let columns = keys.map { "\(DocumentTable.checked($0)) TEXT NOT NULL, " }.joined()
        try transaction.database.execute(
          sql:
            "CREATE TABLE \(name) (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, \(columns)document BLOB NOT NULL) STRICT"
        )
        for key in keys {
          try transaction.database.execute(sql: "CREATE INDEX \(name)_\(key) ON \(name) (\(key), id)")
        }
      case .createRevisions(let table): try Transaction.createRevisions(table, in: transaction.database)
      case .dropTable(let table):
        try transaction.database.execute(sql: "DROP TABLE \(DocumentTable.checked(table))")
      case .rewrite(let table, let change):
        for document in try transaction.all(in: table) {
          try transaction.put(
            document.id, name: document.name, document: try change(document.document), in: table)
        }
      }
    }
  }
}
