import HTTPServing
import KubeMachinery

/// What the server does itself below an object's address: its scale, its eviction, its binding to a node, its tokens.
struct SubresourceCall: Sendable {
  static let own: Set<String> = [
    "pods/eviction", "pods/binding", "pods/log", "pods/exec", "pods/attach", "pods/portforward",
    "serviceaccounts/token", "namespaces/finalize",
  ]

  let api: KubernetesAPI
  let requester: Requester
  let kind: Kind
  let namespace: String
  let name: String

  private var service: ObjectService { api.service }

  static func isOwn(_ kind: Kind, _ subresource: String) -> Bool {
    kind.name.group.isEmpty && own.contains("\(kind.plural)/\(subresource)")
  }

  /// Throws `StatusError`.
  func answer(_ subresource: String, _ body: JSONValue, _ options: WriteOptions) async throws -> WriteResult {
    switch subresource {
    case "eviction": try await evict(body, options)
    case "binding": try await bind(body, options)
    case "token": try await token(body, options)
    default: try await finalize(body, options)
    }
  }

  private static let done = WriteResult(
    document: JSONValue.object([
      ("kind", "Status"), ("apiVersion", "v1"), ("metadata", [:]), ("status", "Success"), ("code", 201),
    ]).encoded(), warnings: [], isCreated: true)

  private func check(_ body: JSONValue, isA expected: String) throws {
    guard body.isObject, body.kind.isEmpty || body.kind == expected else {
      throw StatusError.badRequest("expected a \(expected), the body is of the kind \(GoText.quoted(body.kind))")
    }
    let sent = body.meta.name
    guard sent.isEmpty || sent == name else {
      throw StatusError.badRequest("the name of the object (\(sent)) does not match the name on the URL (\(name))")
    }
  }

  /// Source: Kubernetes *API-initiated Eviction*. There are no disruption budgets yet that could stand against it.
  private func evict(_ body: JSONValue, _ options: WriteOptions) async throws -> WriteResult {
    try check(body, isA: "Eviction")
    var wish = try DeleteOptions(
      try QueryParameters(parsing: "", maxItems: 1), body: body["deleteOptions"] ?? .object([]))
    wish.isDryRun = wish.isDryRun || options.isDryRun
    // A pod of one version alone would be another one then.
    if !wish.isDryRun, wish.resourceVersion == nil { try await noteDisruption(wish.uid, options) }
    _ = try await service.delete(kind, in: namespace, name, wish, at: api.now())
    return Self.done
  }

  /// Says in a pod that is about to be evicted why it ends: jobs need not count that as a failure. Source: Kubernetes
  /// *Disruptions*, pod disruption conditions.
  private func noteDisruption(_ uid: String?, _ options: WriteOptions) async throws {
    let now = api.now()
    _ = try await service.amend(kind, in: namespace, name, options, at: now) { pod in
      let hasEnded = ["Succeeded", "Failed"].contains(pod.at("status", "phase")?.text)
      // The deletion refuses a pod that is not the one that was meant.
      let isMeant = (uid ?? pod.meta.uid) == pod.meta.uid
      guard isMeant, !hasEnded, pod.meta.deletionTimestamp == nil else { return pod }
      return Self.holding(
        "DisruptionTarget", in: pod, at: now, ["reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"])
    }
  }

  /// The pod with a condition that is true from now on; `more`: further members of it.
  private static func holding(
    _ type: String, in pod: JSONValue, at now: Timestamp, _ more: JSONValue = [:]
  ) -> JSONValue {
    var condition: JSONValue = [
      "type": .string(type), "status": "True", "lastProbeTime": .null, "lastTransitionTime": .string(now.text),
    ]
    for (name, value) in more.members { condition[name] = value }
    let others = pod.at("status", "conditions")?.items.filter { $0["type"]?.text != type } ?? []
    var told = pod
    told[path: ["status", "conditions"]] = .array(others + [condition])
    return told
  }

  /// Source: Kubernetes `core/v1.Binding`.
  private func bind(_ body: JSONValue, _ options: WriteOptions) async throws -> WriteResult {
    try check(body, isA: "Binding")
    let node = body.at("target", "name")?.text ?? ""
    let target = body.at("target", "kind")?.text ?? ""
    var errors: [FieldError] = []
    if !target.isEmpty, target != "Node" {
      errors.append(
        FieldError(
          .notSupported, "target.kind", "Unsupported value: \(GoText.quoted(target)): supported values: \"Node\""))
    }
    if node.isEmpty { errors.append(.required("target.name")) }
    guard errors.isEmpty else {
      throw StatusError.invalid(KindName(group: "", version: "v1", kind: "Binding"), name, errors)
    }
    let (name, now, uid) = (name, api.now(), body.meta.uid)
    _ = try await service.amend(kind, in: namespace, name, options, at: now) { pod in
      func refused(_ reason: String) -> StatusError {
        .conflict(ResourceName(group: "", resource: "pods/binding"), name, reason)
      }
      if !uid.isEmpty, uid != pod.meta.uid {
        throw refused("Precondition failed: UID in precondition: \(uid), UID in object meta: \(pod.meta.uid)")
      }
      if pod.meta.deletionTimestamp != nil {
        throw refused("pod \(name) is being deleted, cannot be assigned to a host")
      }
      let present = pod.at("spec", "nodeName")?.text ?? ""
      if !present.isEmpty { throw refused("pod \(name) is already assigned to node \(GoText.quoted(present))") }
      var bound = pod
      bound[path: ["spec", "nodeName"]] = .string(node)
      return Self.holding("PodScheduled", in: bound, at: now)
    }
    return Self.done
  }

  /// The last step of a namespace: who has emptied it takes his finalizer away.
  private func finalize(_ body: JSONValue, _ options: WriteOptions) async throws -> WriteResult {
    try check(body, isA: "Namespace")
    let finalizers = body.at("spec", "finalizers") ?? .array([])
    guard finalizers.items.allSatisfy({ $0.text != nil }), finalizers.isArray else {
      throw StatusError.badRequest("spec.finalizers must be a list of texts")
    }
    return try await service.amend(kind, in: "", name, options, at: api.now()) { namespace in
      var changed = namespace
      changed["spec"] = ["finalizers": finalizers]
      return changed
    }
  }

  // MARK: tokens

  private static let tokenRequest = KindName(group: "authentication.k8s.io", version: "v1", kind: "TokenRequest")

  /// Source: Kubernetes `authentication.k8s.io/v1.TokenRequest`.
  private func token(_ body: JSONValue, _ options: WriteOptions) async throws -> WriteResult {
    guard let tokens = api.tokens else { throw StatusError.notImplemented("serviceaccounts/token") }
    try check(body, isA: "TokenRequest")
    let seconds = body.at("spec", "expirationSeconds")?.integer ?? 3_600
    let path = "spec.expirationSeconds"
    if seconds < 600 {
      throw StatusError.invalid(
        Self.tokenRequest, "", [.invalid(path, .integer(seconds), "may not specify a duration less than 10 minutes")])
    }
    if seconds > 1 << 32 {
      throw StatusError.invalid(
        Self.tokenRequest, "",
        [.invalid(path, .integer(seconds), "may not specify a duration larger than 2^32 seconds")])
    }
    let audiences = body.at("spec", "audiences")?.items.compactMap(\.text) ?? []
    let account = try await service.get(kind, in: namespace, name).value()
    let reference = body.at("spec", "boundObjectRef") ?? .null
    let holder = try await self.holder(reference)
    if let reason = NodeAccess(requester)?.refusal(tokenBoundTo: reference, holder) {
      throw StatusError.forbidden(kind.resource, name, reason)
    }
    let (text, end) = try tokens.issue(account, boundTo: holder, audiences: audiences, seconds: seconds)
    var answer = body
    answer["kind"] = .string(Self.tokenRequest.kind)
    answer["apiVersion"] = .string(Self.tokenRequest.apiVersion)
    var metadata = ObjectMeta()
    metadata.name = name
    metadata.namespace = namespace
    metadata.creationTimestamp = api.now().text
    answer.meta = metadata
    answer[path: ["spec", "audiences"]] = .array(
      (audiences.isEmpty ? [tokens.audience] : audiences).map { .string($0) })
    answer[path: ["spec", "expirationSeconds"]] = .integer(seconds)
    answer["status"] = ["token": .string(text), "expirationTimestamp": .string(end.text)]
    return WriteResult(document: answer.encoded(), warnings: [], isCreated: true)
  }

  /// The object that the token ends with; nil where it is bound to none. Throws `StatusError`: 404, 409, 422.
  private func holder(_ reference: JSONValue) async throws -> JSONValue? {
    guard reference.isObject else { return nil }
    let (wanted, holderName) = (reference["kind"]?.text ?? "", reference["name"]?.text ?? "")
    let known = ["Pod", "Secret"]
    guard known.contains(wanted), ["", "v1"].contains(reference["apiVersion"]?.text ?? ""),
      let kind = service.catalog[KindName(group: "", version: "v1", kind: wanted)]
    else {
      throw StatusError.invalid(
        Self.tokenRequest, "", [.invalid("spec.boundObjectRef.kind", .string(wanted), "supported are Pod and Secret")])
    }
    let object = try await service.get(kind, in: namespace, holderName).value()
    if wanted == "Pod", object.at("spec", "serviceAccountName")?.text ?? "" != name {
      throw StatusError.invalid(
        Self.tokenRequest, "",
        [
          .invalid(
            "spec.boundObjectRef", .string(holderName),
            "cannot bind token for serviceaccount \(GoText.quoted(name)) to pod running with different serviceaccount name"
          )
        ])
    }
    let uid = reference["uid"]?.text ?? ""
    guard uid.isEmpty || uid == object.meta.uid else {
      throw StatusError.conflict(
        kind.resource, holderName,
        "the UID in the bound object reference (\(uid)) does not match the UID in record (\(object.meta.uid))."
          + " The object might have been deleted and then recreated")
    }
    return object
  }
}
