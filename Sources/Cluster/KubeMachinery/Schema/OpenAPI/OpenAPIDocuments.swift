import HTTPServing

/// The descriptions of the API that kubectl reads: for `explain`, for validation and for merging.
/// Sources: OpenAPI 2.0 at `/openapi/v2`, OpenAPI 3.0.0 at `/openapi/v3/…`.
public struct OpenAPIDocuments: Sendable {
  private let catalog: KindCatalog
  /// The schemas of subresources' own kinds (`autoscaling/v1` Scale).
  private let others: [KindName: ObjectSchema]
  /// Version of the server.
  private let version: String

  public init(_ catalog: KindCatalog, others: [KindName: ObjectSchema] = [:], version: String) {
    self.catalog = catalog
    self.others = others
    self.version = version
  }

  private typealias Members = [(name: String, value: JSONValue)]

  /// All kinds in one document.
  public func second() -> JSONValue {
    let document = SchemaDocument(version: .two)
    var paths: Members = []
    for (group, groupVersion) in groupVersions {
      paths += PathDocument(version: .two, catalog: catalog).paths(group: group, version: groupVersion)
    }
    return [
      "swagger": "2.0",
      "info": info,
      "paths": .object(paths),
      "definitions": .object(definitions(document, of: catalog.kinds)),
    ]
  }

  /// The groups and versions with documents of their own, each by its path below `/openapi/v3` (`api/v1`, `apis/apps/v1`).
  public var thirdPaths: [String] {
    groupVersions.map { Self.path($0) }
  }

  /// `hash`: of a document's bytes, so that clients may keep it as long as its address stays.
  public func thirdIndex(hash: (_ path: String) -> String) -> JSONValue {
    .object([
      (
        "paths",
        .object(
          thirdPaths.map { path in
            (path, ["serverRelativeURL": .string("/openapi/v3/\(path)?hash=\(hash(path))")])
          })
      )
    ])
  }

  /// The document at a path of `thirdPaths`; nil for another.
  public func third(path: String) -> JSONValue? {
    guard let (group, groupVersion) = groupVersions.first(where: { Self.path($0) == path }) else { return nil }
    let document = SchemaDocument(version: .three)
    let kinds = catalog.kinds(group: group, version: groupVersion)
    return [
      "openapi": "3.0.0",
      "info": info,
      "paths": .object(PathDocument(version: .three, catalog: catalog).paths(group: group, version: groupVersion)),
      "components": ["schemas": .object(definitions(document, of: kinds))],
    ]
  }

  private var info: JSONValue { ["title": "Kubernetes", "version": .string(version)] }

  private var groupVersions: [(group: String, version: String)] {
    catalog.groups.flatMap { group in catalog.versions(of: group).map { (group, $0) } }
  }

  private static func path(_ name: (group: String, version: String)) -> String {
    name.group.isEmpty ? "api/\(name.version)" : "apis/\(name.group)/\(name.version)"
  }

  /// What the kinds need, each once, sorted by name.
  private func definitions(_ document: SchemaDocument, of kinds: [Kind]) -> Members {
    var found: [String: (schema: ObjectSchema, kinds: [KindName])] = [:]
    for kind in kinds {
      Self.collect(kind.schema, into: &found)
      let list = MachinerySchemas.list(of: kind)
      Self.collect(list, into: &found)
      found[kind.schema.name]?.kinds.append(kind.name)
      found[list.name]?.kinds.append(
        KindName(group: kind.name.group, version: kind.name.version, kind: kind.listKind))
      for name in kind.subresources.compactMap(\.kind) {
        guard let schema = others[name] else { continue }
        Self.collect(schema, into: &found)
        if found[schema.name]?.kinds.contains(name) == false { found[schema.name]?.kinds.append(name) }
      }
    }
    for schema in MachinerySchemas.all { Self.collect(schema, into: &found) }
    let groupVersions = Set(kinds.map { [$0.name.group, $0.name.version] })
    found[MachinerySchemas.deleteOptions.name]?.kinds = groupVersions.map {
      KindName(group: $0[0], version: $0[1], kind: "DeleteOptions")
    }.sorted { ($0.group, $0.version) < ($1.group, $1.version) }
    found[MachinerySchemas.status.name]?.kinds = [KindName(group: "", version: "v1", kind: "Status")]
    let members = found.map { (name: $0.key, value: document.definition($0.value.schema, kinds: $0.value.kinds)) }
    return (members + document.wellKnown).sorted { $0.name < $1.name }
  }

  private static func collect(
    _ schema: ObjectSchema, into found: inout [String: (schema: ObjectSchema, kinds: [KindName])]
  ) {
    guard found[schema.name] == nil else { return }
    found[schema.name] = (schema, [])
    for field in schema.fields {
      if let inner = field.schema.inner { collect(inner, into: &found) }
    }
  }
}
