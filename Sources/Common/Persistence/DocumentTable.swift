import FoundationEssentials
import Model

/// A record: its id, an optional name that no other record of the table has, and its content.
public struct Document: Sendable, Hashable {
  public let id: String
  public let name: String?
  /// Usually JSON; the table does not look into it.
  public let document: Data

  public init(id: String, name: String?, document: Data) {
    self.id = id
    self.name = name
    self.document = document
  }
}

/// A table of documents. Each write is its own transaction and durable when the call returns.
public struct DocumentTable: Sendable {
  public let name: String
  private let database: Database

  init(name: String, database: Database) {
    self.name = Self.checked(name)
    self.database = database
  }

  /// Inserts or replaces; throws `conflict` where another record has the name.
  public func put(_ id: String, name: String? = nil, document: Data) throws {
    try database.transaction { try $0.put(id, name: name, document: document, in: self.name) }
  }

  public func get(_ id: String) throws -> Document? {
    try database.read { try $0.get(id, in: name) }
  }

  public func get(named recordName: String) throws -> Document? {
    try database.read { try $0.get(named: recordName, in: name) }
  }

  /// Every record, ordered by id.
  public func all() throws -> [Document] {
    try database.read { try $0.all(in: name) }
  }

  /// Removes a record; false where there was none.
  @discardableResult
  public func delete(_ id: String) throws -> Bool {
    try database.transaction { try $0.delete(id, in: name) }
  }

  public func count() throws -> Int {
    try database.read { try $0.count(in: name) }
  }

  /// Table names are written into SQL, so only plain ones from our own code pass.
  static func checked(_ name: String) -> String {
    let plain = name.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) || ($0 >= 48 && $0 <= 57) || $0 == 95 }
    precondition(plain && !name.isEmpty && name.utf8.count <= 63, "table names are lower-case letters, digits and _")
    return name
  }
}
