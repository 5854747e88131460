import HTTPServing
import KubeMachinery

/// A request for what nodes or pods use. Source: Kubernetes `metrics.k8s.io/v1beta1`, as metrics-server answers.
///
/// What was measured has the labels of the object that it is about. Objects of which nothing was measured are left out of lists, and are
/// not found by their name.
struct MeasurementCall: Sendable {
  let api: KubernetesAPI
  let kind: Kind
  let answer: ObjectAnswer

  /// Throws `StatusError`: 404, 503.
  func get(_ namespace: String, _ name: String) async throws -> [UInt8] {
    let object = try await api.service.get(measuredKind, in: namespace, name).value()
    guard let document = try await documents(of: [object]).first else {
      throw StatusError.notFound(
        ResourceName(group: kind.name.group, resource: kind.name.kind.lowercased()),
        namespace.isEmpty ? name : "\(namespace)/\(name)")
    }
    return try answer.bytes(unstored: document)
  }

  /// Throws `StatusError`: 400, 503.
  func list(_ namespace: String?, _ query: QueryParameters) async throws -> [UInt8] {
    let asked = try ListOptions(query, kind: kind)
    // There are no pages and no revisions of what is measured.
    var options = ListOptions()
    options.labels = asked.labels
    options.fields = asked.fields
    let objects = try await api.service.collect(measuredKind, in: namespace, options, Self.measured)
    return try answer.bytes(unstored: try await documents(of: objects))
  }

  /// What is needed of an object.
  private static func measured(_ object: StoredObject) throws -> JSONValue? {
    let meta = try object.value().meta
    return [
      "metadata": [
        "name": .string(meta.name), "namespace": .string(meta.namespace), "uid": .string(meta.uid),
        "labels": .texts(meta.labels),
      ]
    ]
  }

  private var measuredKind: Kind {
    get throws {
      guard let core = api.service.catalog.kind(ResourceName(group: "", resource: kind.plural)) else {
        throw StatusError.notImplemented(kind.resource.description)
      }
      return core
    }
  }

  /// In the order of the objects.
  private func documents(of objects: [JSONValue]) async throws -> [JSONValue] {
    guard !objects.isEmpty else { return [] }
    guard let nodes = api.nodes else { throw StatusError.notImplemented(kind.resource.description) }
    let measured = try await nodes.measures(of: kind.plural)
    let byPlace = Dictionary(measured.map { (Self.place($0), $0) }, uniquingKeysWith: { $1 })
    return objects.compactMap { object in byPlace[Self.place(object)].map { document($0, of: object) } }
  }

  /// Pods are known by their uid as well, as names come again. The agent does not know the uid of a node.
  private static func place(_ object: JSONValue) -> [String] {
    let meta = object.meta
    return meta.namespace.isEmpty ? [meta.name] : [meta.namespace, meta.name, meta.uid]
  }

  private func document(_ measured: JSONValue, of object: JSONValue) -> JSONValue {
    let meta = object.meta
    var metadata: JSONValue = ["name": .string(meta.name)]
    if !meta.namespace.isEmpty { metadata["namespace"] = .string(meta.namespace) }
    metadata["creationTimestamp"] = .string(api.now().text)
    if !meta.labels.isEmpty { metadata["labels"] = .texts(meta.labels) }
    return .object(
      [("kind", .string(kind.name.kind)), ("apiVersion", .string(kind.name.apiVersion)), ("metadata", metadata)]
        + measured.members.filter { $0.name != "metadata" })
  }
}
