import HTTPServing

/// Objects as `kubectl get` asks for them. Source: Kubernetes `meta/v1` Table, PartialObjectMetadata.
public struct TableDocument: Sendable {
  /// What rows carry besides their cells: the parameter `includeObject`.
  public enum RowObject: String, Sendable {
    case none = "None"
    case metadata = "Metadata"
    case object = "Object"
  }

  private let table: PrinterTable
  private let rowObject: RowObject
  private let now: Timestamp

  public init(_ table: PrinterTable, rowObject: RowObject = .metadata, now: Timestamp) {
    self.table = table
    self.rowObject = rowObject
    self.now = now
  }

  public var columnDefinitions: JSONValue {
    .array(
      table.columns.map { column in
        [
          "name": .string(column.name), "type": .string(column.type), "format": .string(column.format),
          "description": .string(column.summary), "priority": .integer(Int64(column.priority)),
        ]
      })
  }

  /// A table as text. `metadata`: of the list; of a single object its `resourceVersion`. `showsColumns` is false for the later events
  /// of a watch. Throws where a document cannot be read.
  public func encoded(_ objects: [StoredObject], metadata: JSONValue, showsColumns: Bool = true) throws -> [UInt8] {
    var encoder = ObjectEncoder(capacity: 1_024 + objects.count * Self.usualRowBytes)
    begin(metadata: metadata, showsColumns: showsColumns, to: &encoder)
    for (index, object) in objects.enumerated() {
      if index > 0 { encoder.write(encoded: CollectionOfOne(UInt8(ascii: ","))) }
      try write(object, to: &encoder)
    }
    encoder.write(encoded: "]}".utf8)
    return encoder.bytes
  }

  private static let usualRowBytes = 1_024

  /// Writes all of a table before its rows.
  public func begin(metadata: JSONValue, showsColumns: Bool = true, to encoder: inout ObjectEncoder) {
    encoder.write(encoded: #"{"kind":"Table","apiVersion":"meta.k8s.io/v1","metadata":"#.utf8)
    encoder.write(metadata)
    encoder.write(encoded: #","columnDefinitions":"#.utf8)
    encoder.write(showsColumns ? columnDefinitions : .array([]))
    encoder.write(encoded: #","rows":["#.utf8)
  }

  /// Writes a row. Throws where the document cannot be read.
  public func write(_ object: StoredObject, to encoder: inout ObjectEncoder) throws {
    let (value, metadata) = try object.row()
    encoder.write(encoded: #"{"cells":"#.utf8)
    encoder.write(.array(table.cells(value, now)))
    if rowObject != .none { encoder.write(encoded: #","object":"#.utf8) }
    switch rowObject {
    case .none: break
    case .metadata: Self.writePartial(metadata, to: &encoder)
    case .object: encoder.write(encoded: object.document)
    }
    encoder.write(encoded: "}".utf8)
  }

  /// Writes the metadata of an object alone.
  public static func writePartial(of object: StoredObject, to encoder: inout ObjectEncoder) throws {
    writePartial(try object.row().metadata, to: &encoder)
  }

  private static func writePartial(_ metadata: ArraySlice<UInt8>, to encoder: inout ObjectEncoder) {
    encoder.write(encoded: #"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/v1","metadata":"#.utf8)
    encoder.write(encoded: metadata)
    encoder.write(encoded: "}".utf8)
  }

  /// The metadata of an object alone, for objects that are not stored.
  public static func partial(metadata: JSONValue) -> JSONValue {
    ["kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": metadata]
  }
}
