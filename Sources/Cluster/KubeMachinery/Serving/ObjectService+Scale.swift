import HTTPServing

/// The number of replicas of an object, as an `autoscaling/v1` Scale. Source: Kubernetes `autoscaling/v1.Scale`.
extension ObjectService {
  static let scaleName = KindName(group: "autoscaling", version: "v1", kind: "Scale")

  /// Throws `StatusError` (404).
  public func scale(
    _ kind: Kind, in namespace: String, _ name: String, _ paths: ScalePaths
  ) async throws -> JSONValue {
    paths.document(of: try await get(kind, in: namespace, name).value())
  }

  /// Puts a Scale in the place of the one that is there (`form` nil), or patches it. The result's document is a Scale.
  /// Throws `StatusError`: 400, 404, 409, 415, 422.
  public func updateScale(
    _ kind: Kind, in namespace: String, _ name: String, _ paths: ScalePaths, _ form: PatchForm?, _ body: JSONValue,
    _ options: WriteOptions, at now: Timestamp
  ) async throws -> WriteResult {
    guard form != .apply else { throw StatusError.notImplemented("server-side apply of \(kind.plural)/scale") }
    let isBound = !["", "0"].contains(body.meta.resourceVersion)
    let result = try await change(
      kind, in: namespace, name, .scale, options, warnings: [], isBound: isBound, at: now
    ) { old, _ in
      let current = paths.document(of: old)
      let wanted = try form.map { try Self.patched(kind, name, $0, body, current) } ?? body
      try Self.check(wanted, name, namespace)
      var object = old
      object.meta.resourceVersion = wanted.meta.resourceVersion
      if !wanted.meta.uid.isEmpty { object.meta.uid = wanted.meta.uid }
      object[path: paths.specReplicas] = .integer(wanted.at("spec", "replicas")?.integer ?? 0)
      return object
    }
    var scale = result
    scale.document = paths.document(of: try JSONParser.parse(checked: result.document)).encoded()
    return scale
  }

  private static func check(_ scale: JSONValue, _ name: String, _ namespace: String) throws {
    guard scale.isObject, scale.kind.isEmpty || scale.kind == scaleName.kind,
      scale.apiVersion.isEmpty || scale.apiVersion == scaleName.apiVersion
    else {
      throw StatusError.badRequest("expected an autoscaling/v1 Scale, the body is \(scale.apiVersion) \(scale.kind)")
    }
    if !scale.meta.name.isEmpty { try checkName(scale.meta.name, name) }
    let replicas = scale.at("spec", "replicas") ?? 0
    guard let number = replicas.integer, number <= Int64(Int32.max) else {
      throw StatusError.badRequest("spec.replicas is \(replicas.encodedText), expected a whole number of 32 bits")
    }
    guard number >= 0 else {
      throw StatusError.invalid(
        scaleName, name, [.invalid("spec.replicas", replicas, "must be greater than or equal to 0")])
    }
  }
}

extension ScalePaths {
  /// The Scale of an object.
  func document(of object: JSONValue) -> JSONValue {
    let meta = object.meta
    var metadata = ObjectMeta()
    metadata.name = meta.name
    metadata.namespace = meta.namespace
    metadata.uid = meta.uid
    metadata.resourceVersion = meta.resourceVersion
    metadata.creationTimestamp = meta.creationTimestamp
    let wanted = object[path: specReplicas]?.integer ?? 0
    var status: JSONValue = ["replicas": .integer(object[path: statusReplicas]?.integer ?? 0)]
    let text = selector(object)
    if !text.isEmpty { status["selector"] = .string(text) }
    return [
      "kind": .string(ObjectService.scaleName.kind), "apiVersion": .string(ObjectService.scaleName.apiVersion),
      "metadata": metadata.document, "spec": wanted == 0 ? [:] : ["replicas": .integer(wanted)], "status": status,
    ]
  }
}
