import HTTPServing
import KubeMachinery

/// Writes objects and lists in the form that was negotiated.
struct ObjectAnswer {
  let kind: Kind
  let negotiation: Negotiation
  let includeObject: String?
  let now: Timestamp

  /// One object.
  func bytes(_ object: StoredObject) throws -> [UInt8] {
    switch negotiation.form {
    case .object: return object.document + [10]
    case .metadata:
      var encoder = ObjectEncoder()
      try TableDocument.writePartial(of: object, to: &encoder)
      return encoder.bytes + [10]
    case .table: return try tableBytes(object, withColumns: true)
    }
  }

  /// One object as a table.
  /// - Parameter withColumns: whether the columns are told; in a watch once is enough.
  func tableBytes(_ object: StoredObject, withColumns: Bool) throws -> [UInt8] {
    let metadata: JSONValue = ["resourceVersion": .string(String(object.revision))]
    return try table().encoded([object], metadata: metadata, showsColumns: withColumns) + [10]
  }

  func bytes(_ listing: ObjectService.Listing) throws -> [UInt8] {
    try bytes(listing.objects, listing.metadata)
  }

  private func bytes(_ objects: [StoredObject], _ metadata: JSONValue) throws -> [UInt8] {
    switch negotiation.form {
    case .table: return try table().encoded(objects, metadata: metadata) + [10]
    case .object:
      return list(objects, metadata, kind: kind.listKind, apiVersion: kind.name.apiVersion) {
        $1.write(encoded: $0.document)
      }
    case .metadata:
      return try list(objects, metadata, kind: "PartialObjectMetadataList", apiVersion: "meta.k8s.io/v1") {
        try TableDocument.writePartial(of: $0, to: &$1)
      }
    }
  }

  // MARK: what is not stored

  /// One object that has no revision.
  func bytes(unstored object: JSONValue) throws -> [UInt8] {
    let object = written(object)
    if case .table = negotiation.form { return try table().encoded([object], metadata: [:]) + [10] }
    return try bytes(object)
  }

  /// A list that has no revision.
  func bytes(unstored objects: [JSONValue]) throws -> [UInt8] { try bytes(objects.map(written), [:]) }

  /// An object as if it were stored.
  private func written(_ object: JSONValue) -> StoredObject {
    StoredObject(
      key: ObjectKey(kind.resource, namespace: object.meta.namespace, name: object.meta.name), revision: 0,
      attributes: ObjectAttributes(), document: object.encoded())
  }

  // MARK: writing

  /// Throws `StatusError` (400) where `includeObject` is none of the words.
  private func table() throws -> TableDocument {
    guard let rowObject = TableDocument.RowObject(rawValue: includeObject ?? "Metadata") else {
      throw StatusError.badRequest("unrecognized includeObject value: \(GoText.quoted(includeObject ?? ""))")
    }
    return TableDocument(kind, rowObject: rowObject, now: now)
  }

  private func list(
    _ objects: [StoredObject], _ metadata: JSONValue, kind: String, apiVersion: String,
    _ write: (StoredObject, inout ObjectEncoder) throws -> Void
  ) rethrows -> [UInt8] {
    var encoder = ObjectEncoder(capacity: 512 + objects.reduce(0) { $0 + $1.document.count + 1 })
    encoder.write(encoded: "{\"kind\":\"\(kind)\",\"apiVersion\":\"\(apiVersion)\",\"metadata\":".utf8)
    encoder.write(metadata)
    encoder.write(encoded: ",\"items\":[".utf8)
    for (index, object) in objects.enumerated() {
      if index > 0 { encoder.write(encoded: CollectionOfOne(UInt8(ascii: ","))) }
      try write(object, &encoder)
    }
    encoder.write(encoded: "]}\n".utf8)
    return encoder.bytes
  }
}
