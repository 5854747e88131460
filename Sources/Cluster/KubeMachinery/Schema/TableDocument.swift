import HTTPServing

/// Objects as `kubectl get` asks for them. Source: Kubernetes `meta/v1` Table, PartialObjectMetadata.
public struct TableDocument: Sendable {
  /// What rows carry besides their cells: the parameter `includeObject`.
  public enum RowObject: String, Sendable {
    case none = "None"
    case metadata = "Metadata"
    case object = "Object"
  }

  private let kind: Kind
  private let rowObject: RowObject
  private let now: Timestamp

  public init(_ kind: Kind, rowObject: RowObject = .metadata, now: Timestamp) {
    self.kind = kind
    self.rowObject = rowObject
    self.now = now
  }

  public var columnDefinitions: JSONValue {
    .array(
      kind.table.columns.map { column in
        [
          "name": .string(column.name), "type": .string(column.type), "format": .string(column.format),
          "description": .string(column.summary), "priority": .integer(Int64(column.priority)),
        ]
      })
  }

  /// `metadata`: of the list; of a single object its `resourceVersion`. `showsColumns` is false for the later events of a watch.
  public func table(_ objects: [JSONValue], metadata: JSONValue, showsColumns: Bool = true) -> JSONValue {
    [
      "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": metadata,
      "columnDefinitions": showsColumns ? columnDefinitions : .array([]), "rows": .array(objects.map(row)),
    ]
  }

  public func row(_ object: JSONValue) -> JSONValue {
    let cells: JSONValue = .array(kind.table.cells(object, now))
    switch rowObject {
    case .none: return ["cells": cells]
    case .metadata: return ["cells": cells, "object": Self.partial(object)]
    case .object: return ["cells": cells, "object": object]
    }
  }

  /// The metadata of an object alone.
  public static func partial(_ object: JSONValue) -> JSONValue {
    [
      "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"] ?? [:],
    ]
  }
}
