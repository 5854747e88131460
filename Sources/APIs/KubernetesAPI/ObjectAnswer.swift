import HTTPServing
import KubeMachinery

/// Writes objects and lists in the form that was negotiated.
struct ObjectAnswer {
  let kind: Kind
  let negotiation: Negotiation
  let includeObject: String?
  let now: Timestamp

  /// The number of replicas of an object.
  func bytes(scale: JSONValue) throws -> [UInt8] {
    guard case .table = negotiation.form else { return scale.encoded() + [10] }
    let metadata: JSONValue = ["resourceVersion": .string(scale.meta.resourceVersion)]
    return try table(.scale).encoded([written(scale)], metadata: metadata) + [10]
  }

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

  /// A list.
  func bytes(_ listing: ObjectService.Listing) throws -> [UInt8] {
    try bytes(listing.objects, listing.metadata)
  }

  private func bytes(_ objects: [StoredObject], _ metadata: JSONValue) throws -> [UInt8] {
    var encoder = ObjectEncoder(capacity: capacity(for: objects))
    try begin(metadata, &encoder)
    try add(objects, isFirst: true, &encoder)
    encoder.write(encoded: Self.listEnd)
    return encoder.bytes
  }

  // MARK: a list in parts

  static let listEnd = Array("]}\n".utf8)

  /// Bytes that a part of a list is likely to have.
  func capacity(for objects: [StoredObject]) -> Int {
    guard case .object = negotiation.form else { return 1_024 * (objects.count + 1) }
    return 512 + objects.reduce(0) { $0 + $1.document.count + 1 }
  }

  /// All of a list before its objects. Throws `StatusError` (400).
  func begin(_ metadata: JSONValue, _ encoder: inout ObjectEncoder) throws {
    if case .table = negotiation.form { return try table().begin(metadata: metadata, to: &encoder) }
    let isWhole = negotiation.form == .object
    let kind = isWhole ? self.kind.listKind : "PartialObjectMetadataList"
    let apiVersion = isWhole ? self.kind.name.apiVersion : "meta.k8s.io/v1"
    encoder.write(encoded: "{\"kind\":\"\(kind)\",\"apiVersion\":\"\(apiVersion)\",\"metadata\":".utf8)
    encoder.write(metadata)
    encoder.write(encoded: ",\"items\":[".utf8)
  }

  /// Objects of a list. `isFirst`: there are none before.
  func add(_ objects: [StoredObject], isFirst: Bool, _ encoder: inout ObjectEncoder) throws {
    let table: TableDocument? = if case .table = negotiation.form { try table() } else { nil }
    for (index, object) in objects.enumerated() {
      if index > 0 || !isFirst { encoder.write(encoded: CollectionOfOne(UInt8(ascii: ","))) }
      switch negotiation.form {
      case .table: try table?.write(object, to: &encoder)
      case .object: encoder.write(encoded: object.document)
      case .metadata: try TableDocument.writePartial(of: object, to: &encoder)
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
  private func table(_ columns: PrinterTable? = nil) throws -> TableDocument {
    guard let rowObject = TableDocument.RowObject(rawValue: includeObject ?? "Metadata") else {
      throw StatusError.badRequest("unrecognized includeObject value: \(GoText.quoted(includeObject ?? ""))")
    }
    return TableDocument(columns ?? kind.table, rowObject: rowObject, now: now)
  }
}
