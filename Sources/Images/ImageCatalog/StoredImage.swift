import FoundationEssentials
import Model
import OCITypes
import Persistence

/// An image's record in the database.
struct StoredImage: Codable, Sendable {
  var id: Digest
  var manifest: Digest
  var layers: [ContentDescriptor]
  var chainIDs: [Digest]
  var sizeBytes: Int64
  var parent: Digest?
  var lastTaggedAt: Int64

  static let table = "image_records"

  /// The blobs that must stay while the image is there.
  var blobs: [Digest] { [id, manifest] + layers.map(\.digest) }
}

/// A name's record in the database; its id is the full reference.
struct StoredReference: Codable, Sendable {
  var image: Digest
  static let table = "image_references"
}

extension Transaction {
  func put<T: Encodable>(_ value: T, id: String, in table: String) throws {
    try put(id, document: Data(try ImageDocuments.encode(value)), in: table)
  }
}
