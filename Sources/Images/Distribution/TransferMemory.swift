import FoundationEssentials
import Model
import OCITypes
import Persistence

/// What earlier transfers found out and what saves work: how a layer was packed, and which repositories have a blob.
///
/// All of it can be found out again, so nothing waits for the disk, and a table that grows too long is emptied.
final class TransferMemory: Sendable {
  /// The packed form of a layer that is kept unpacked.
  struct Packed: Codable, Sendable, Hashable {
    var digest: Digest
    var sizeBytes: Int64
  }

  private struct Places: Codable {
    /// `HOST/PATH`, the latest last.
    var names: [String]
  }

  private static let packedTable = "packed_layers"
  private static let placesTable = "blob_places"
  private static let maximumRows = 20_000
  private static let maximumPlaces = 8

  private let database: Database

  init(database: Database) throws {
    try database.migrate(
      [Migration(name: "1-memory", steps: [.createTable(Self.packedTable), .createTable(Self.placesTable)])],
      set: "distribution")
    self.database = database
  }

  /// The packed form of an unpacked layer, where it was packed before.
  func packed(_ layer: Digest) throws -> Packed? {
    try database.table(Self.packedTable).get(layer.description).map {
      try JSONDecoder().decode(Packed.self, from: $0.document)
    }
  }

  func note(_ packed: Packed, of layer: Digest) throws {
    try database.unflushedTransaction { transaction in
      try Self.bound(Self.packedTable, transaction)
      try transaction.put(
        layer.description, document: Data(try ImageDocuments.encode(packed)), in: Self.packedTable)
    }
  }

  /// Other repositories of a registry that have a blob, the latest first.
  func places(of blob: Digest, host: String, except path: String) throws -> [String] {
    guard let document = try database.table(Self.placesTable).get(blob.description) else { return [] }
    let places = try JSONDecoder().decode(Places.self, from: document.document)
    return places.names.reversed().filter { $0.hasPrefix(host + "/") && $0 != "\(host)/\(path)" }
      .map { String($0.dropFirst(host.utf8.count + 1)) }
  }

  /// A repository has these blobs.
  func note(_ name: String, has blobs: [Digest]) throws {
    try database.unflushedTransaction { transaction in
      try Self.bound(Self.placesTable, transaction)
      for blob in blobs {
        let known = try transaction.get(blob.description, in: Self.placesTable)
        var names = try known.map { try JSONDecoder().decode(Places.self, from: $0.document).names } ?? []
        if names.last == name { continue }
        names = (names.filter { $0 != name } + [name]).suffix(Self.maximumPlaces)
        try transaction.put(
          blob.description, document: Data(try ImageDocuments.encode(Places(names: names))), in: Self.placesTable)
      }
    }
  }

  private static func bound(_ table: String, _ transaction: Transaction) throws {
    guard try transaction.count(in: table) >= maximumRows else { return }
    for row in try transaction.all(in: table) { _ = try transaction.delete(row.id, in: table) }
  }
}
