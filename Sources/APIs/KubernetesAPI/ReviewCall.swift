import HTTPServing
import KubeMachinery

/// A question about who somebody is and what he may. Sources: Kubernetes `authentication.k8s.io/v1`, `authorization.k8s.io/v1`.
struct ReviewCall: Sendable {
  let api: KubernetesAPI
  let requester: Requester
  let kind: Kind
  let namespace: String

  /// The question with its answer. Throws `StatusError` (400, 422, 501).
  func answer(_ body: JSONValue, _ options: WriteOptions, _ remoteAddress: String?) async throws -> WriteResult {
    var warnings: [String] = []
    var review = try kind.accept(body, options.fieldValidation, &warnings)
    let spec = review["spec"] ?? [:]
    switch kind.name.kind {
    case "SelfSubjectReview": review["status"] = ["userInfo": Self.document(of: requester)]
    case "TokenReview": review["status"] = try await token(spec, remoteAddress)
    case "SelfSubjectAccessReview": review["status"] = try decision(spec, requester)
    case "SubjectAccessReview": review["status"] = try decision(spec, try subject(spec))
    case "LocalSubjectAccessReview":
      try checkPlace(review)
      review["status"] = try decision(spec, try subject(spec))
    case "SelfSubjectRulesReview":
      let place = spec["namespace"]?.text ?? ""
      guard !place.isEmpty else {
        throw StatusError.badRequest("no namespace on request")
      }
      review["status"] = api.gate.access.policy.rulesReview(for: requester, namespace: place)
    default: throw StatusError.notImplemented(kind.plural)
    }
    review.meta.creationTimestamp = kind.name.kind == "SelfSubjectReview" ? api.now().text : ""
    return WriteResult(document: review.encoded(), warnings: warnings, isCreated: true)
  }

  // MARK: who

  static func document(of requester: Requester) -> JSONValue {
    var document: JSONValue = ["username": .string(requester.name)]
    if !requester.uid.isEmpty { document["uid"] = .string(requester.uid) }
    if !requester.groups.isEmpty { document["groups"] = .array(requester.groups.map { .string($0) }) }
    if !requester.extra.isEmpty {
      document["extra"] = .object(
        requester.extra.sorted { $0.key < $1.key }.map { ($0.key, .array($0.value.map { .string($0) })) })
    }
    return document
  }

  private func token(_ spec: JSONValue, _ remoteAddress: String?) async throws -> JSONValue {
    let token = spec["token"]?.text ?? ""
    guard !token.isEmpty else { throw invalid([.required("spec.token")]) }
    let audiences = spec["audiences"]?.items.compactMap(\.text) ?? []
    guard token.utf8.count <= Authentication.maxTokenBytes,
      let identity = try await api.gate.authentication.bearer(token, audiences, remoteAddress)
    else { return ["authenticated": false, "user": [:], "error": "invalid bearer token"] }
    return [
      "authenticated": true, "user": Self.document(of: identity.requester),
      "audiences": .array(identity.audiences.map { .string($0) }),
    ]
  }

  // MARK: what

  private func subject(_ spec: JSONValue) throws -> Requester {
    let user = spec["user"]?.text ?? ""
    let groups = spec["groups"]?.items.compactMap(\.text) ?? []
    guard !user.isEmpty || !groups.isEmpty else {
      throw invalid([.invalid("spec.user", "", "at least one of user or group must be specified")])
    }
    return Requester(name: user, groups: groups, uid: spec["uid"]?.text ?? "")
  }

  private func checkPlace(_ review: JSONValue) throws {
    let wanted = review.at("spec", "resourceAttributes", "namespace")?.text ?? ""
    var errors: [FieldError] = []
    if wanted != namespace {
      errors.append(.invalid("spec.resourceAttributes.namespace", .string(wanted), "must match metadata.namespace"))
    }
    if review.at("spec", "nonResourceAttributes") != nil {
      errors.append(
        .invalid("spec.nonResourceAttributes", "", "disallowed on this kind of request"))
    }
    guard errors.isEmpty else { throw invalid(errors) }
  }

  private func invalid(_ errors: [FieldError]) -> StatusError { .invalid(kind.name, "", errors) }

  private func decision(_ spec: JSONValue, _ subject: Requester) throws -> JSONValue {
    func text(_ part: String, _ name: String) -> String { spec.at(part, name)?.text ?? "" }
    let (resource, path) = ("resourceAttributes", "nonResourceAttributes")
    let (hasResource, hasPath) = (spec[resource]?.isObject ?? false, spec[path]?.isObject ?? false)
    guard hasResource != hasPath else {
      let rule = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
      throw invalid([
        .invalid(
          "spec.resourceAttributes", spec[resource] ?? .null,
          hasPath ? "cannot be specified in combination with nonResourceAttributes" : rule)
      ])
    }
    let target: AccessRequest.Target =
      hasPath
      ? .path(text(path, "path"))
      : .resource(
        AccessRequest.Resource(
          group: text(resource, "group"), resource: text(resource, "resource"),
          subresource: text(resource, "subresource"), namespace: text(resource, "namespace"),
          name: text(resource, "name")))
    let request = AccessRequest(subject, text(hasPath ? path : resource, "verb"), target)
    switch api.gate.decide(request) {
    case .allowed(let reason): return reason.isEmpty ? ["allowed": true] : ["allowed": true, "reason": .string(reason)]
    case .denied(let reason):
      return reason.isEmpty ? ["allowed": false] : ["allowed": false, "reason": .string(reason)]
    }
  }
}
