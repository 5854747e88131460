import CPostgreSQL
import Glibc

/// One connection to PostgreSQL.
final class Database {
  private static let upsert = """
    INSERT INTO votes (voter, choice, cast_at) VALUES ($1, $2, $3::bigint)
    ON CONFLICT (voter) DO UPDATE SET choice = excluded.choice, cast_at = excluded.cast_at
    WHERE votes.cast_at < excluded.cast_at
    """

  private let connection: OpaquePointer

  init(host: String, password: String) throws {
    let settings = [
      ("host", host), ("dbname", "votes"), ("user", "voting"), ("password", password), ("connect_timeout", "3"),
      ("tcp_user_timeout", "5000"),
    ]
    let keys = settings.map { strdup($0.0) } + [nil]
    let values = settings.map { strdup($0.1) } + [nil]
    defer { for text in keys + values { free(text) } }
    let opened = keys.map { UnsafePointer($0) }.withUnsafeBufferPointer { keys in
      values.map { UnsafePointer($0) }.withUnsafeBufferPointer {
        PQconnectdbParams(keys.baseAddress, $0.baseAddress, 0)
      }
    }
    guard let opened else { throw Failure("no memory for a connection") }
    guard PQstatus(opened) == CONNECTION_OK else {
      defer { PQfinish(opened) }
      throw Failure("cannot connect to the database: \(Self.message(opened))")
    }
    connection = opened
  }

  deinit { PQfinish(connection) }

  /// Writes votes in one transaction: when this returns, they are on the database's disk.
  func write(_ votes: [Vote]) throws {
    try run("BEGIN")
    for vote in votes { try run(Self.upsert, [vote.voter, vote.choice, "\(vote.castAt)"]) }
    try run("COMMIT")
  }

  /// Throws when the database does not answer.
  func check() throws { try run("SELECT 1") }

  private func run(_ statement: String, _ parameters: [String] = []) throws {
    let texts = parameters.map { strdup($0) }
    defer { for text in texts { free(text) } }
    let result = texts.map { UnsafePointer($0) }.withUnsafeBufferPointer {
      PQexecParams(connection, statement, Int32(parameters.count), nil, $0.baseAddress, nil, nil, 0)
    }
    defer { PQclear(result) }
    guard [PGRES_COMMAND_OK, PGRES_TUPLES_OK].contains(PQresultStatus(result)) else {
      throw Failure("the database refused: \(Self.message(connection))")
    }
  }

  private static func message(_ connection: OpaquePointer) -> String {
    String(cString: PQerrorMessage(connection)).split(separator: "\n").joined(separator: "; ")
  }
}
