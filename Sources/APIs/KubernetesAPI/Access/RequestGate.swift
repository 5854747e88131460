import HTTPServing
import KubeMachinery

/// Lets a request in or not: who asks, as whom, and whether he may.
struct RequestGate: Sendable {
  /// Headers of impersonation that are looked at.
  static let maxImpersonations = 64

  let authentication: Authentication
  let access: LiveAccess
  /// What decides about agents of nodes; nil where there are none.
  let nodePods: LiveNodePods?

  /// Who asks, once it is sure that he may. Throws `StatusError`: 400, 401, 403.
  func admit(_ request: HTTPRequest, _ address: ResourceAddress?) async throws -> Requester {
    var requester = try await authentication.requester(of: request)
    let policy = access.policy
    if let impersonation = try Self.impersonation(request.headers) {
      for wish in impersonation.requests(by: requester) { try Self.check(wish, policy) }
      requester = impersonation.requester
    }
    let wish = AccessRequest(requester, of: request, address)
    if let nodePods, let node = NodeAccess(requester) {
      try await Self.check(wish, policy, node, nodePods, request)
    } else {
      try Self.check(wish, policy)
    }
    return requester
  }

  /// An agent may what depends on its pods, and what roles allow.
  private static func check(
    _ wish: AccessRequest, _ policy: AccessPolicy, _ node: NodeAccess, _ pods: LiveNodePods, _ request: HTTPRequest
  ) async throws {
    let selected = selection(request.query["fieldSelector"])
    func decide() -> AccessPolicy.Decision {
      node.decide(
        wish, pods, selectsOwnPods: selected["spec.nodeName"] == node.node,
        selectsOneName: selected["metadata.name"] != nil)
    }
    if case .allowed = decide() { return }
    if case .allowed = policy.decide(wish) { return }
    // What allows it may be written and not be followed yet.
    try await pods.reload()
    guard case .denied(let reason) = decide() else { return }
    try deny(wish, reason)
  }

  /// What is decided about somebody from what is followed by now.
  func decide(_ wish: AccessRequest) -> AccessPolicy.Decision {
    let decision = access.policy.decide(wish)
    guard !decision.isAllowed, let nodePods, let node = NodeAccess(wish.requester) else { return decision }
    return node.decide(wish, nodePods)
  }

  static func check(_ request: AccessRequest, _ policy: AccessPolicy) throws {
    if case .denied(let reason) = policy.decide(request) { try deny(request, reason) }
  }

  static func deny(_ request: AccessRequest, _ reason: String) throws {
    var details = StatusError.Details()
    if case .resource(let target) = request.target {
      details = StatusError.Details(name: target.name, group: target.group, kind: target.resource)
    }
    throw StatusError(403, "Forbidden", request.denial(reason: reason), details: details)
  }

  /// What a field selector wants to be equal. It is read as those read it who select by it: in `a!=\,b=c` no b is wanted.
  static func selection(_ selector: String?) -> [String: String] {
    // What cannot be read selects nothing; the request is refused for it later.
    guard let terms = try? FieldSelector(parsing: selector ?? "", fields: nil).terms else { return [:] }
    return Dictionary(terms.filter { !$0.isNegated }.map { ($0.field, $0.value) }) { first, _ in first }
  }

  /// Source: Kubernetes *User impersonation*.
  private static func impersonation(_ headers: HTTPHeaders) throws -> Impersonation? {
    let prefix = "impersonate-"
    let extraPrefix = "impersonate-extra-"
    var user = ""
    var groups: [String] = []
    var uid = ""
    var extra: [String: [String]] = [:]
    var count = 0
    for (name, value) in headers {
      let name = name.lowercased()
      guard name.hasPrefix(prefix) else { continue }
      count += 1
      guard count <= maxImpersonations else {
        throw StatusError.badRequest("the request has more than \(maxImpersonations) headers of impersonation")
      }
      switch name {
      case "impersonate-user": user = value
      case "impersonate-group": groups.append(value)
      case "impersonate-uid": uid = value
      case let name where name.hasPrefix(extraPrefix):
        let key = String(name.dropFirst(extraPrefix.count))
        guard let decoded = PercentCoding.decode(key.utf8, plusIsSpace: false) else {
          throw StatusError.badRequest("the header \(GoText.quoted(name)) has an invalid percent escape")
        }
        extra[decoded, default: []].append(value)
      default: throw StatusError.badRequest("unknown header of impersonation \(GoText.quoted(name))")
      }
    }
    if count == 0 { return nil }
    guard !user.isEmpty else {
      throw StatusError.badRequest("requested groups, a uid or extras without impersonating a user")
    }
    return Impersonation(user: user, groups: groups, uid: uid, extra: extra)
  }
}

extension AccessRequest {
  /// What a request wants, as roles name it. Source: Kubernetes *Authorization*, *Request attributes*.
  init(_ requester: Requester, of request: HTTPRequest, _ address: ResourceAddress?) {
    guard let address else {
      let path = "/" + request.path.joined(separator: "/")
      self.init(requester, request.method.rawValue.lowercased(), .path(path))
      return
    }
    let verb = ResourceVerb(request, address)
    var name = address.name ?? ""
    if name.isEmpty, verb != .create, let one = RequestGate.selection(request.query["fieldSelector"])["metadata.name"] {
      name = one
    }
    var namespace = address.namespace ?? ""
    // A namespace is in itself: a role in it may allow to look at it.
    if address.group.isEmpty, address.resource == "namespaces", let name = address.name { namespace = name }
    self.init(
      requester, verb.rawValue,
      .resource(
        Resource(
          group: address.group, resource: address.resource, subresource: address.subresource ?? "",
          namespace: namespace, name: name)))
  }
}

/// What is done to objects, as roles name it.
enum ResourceVerb: String {
  case get, list, watch, create, update, patch, delete, deletecollection

  init(_ request: HTTPRequest, _ address: ResourceAddress) {
    let hasName = address.name != nil
    // Who may look at a pod's streams may not for that reason open some: a WebSocket can only be asked for by GET.
    if let subresource = address.subresource, PodStreamCall.actions.contains(subresource) {
      self = .create
      return
    }
    switch request.method {
    case .POST: self = .create
    case .PUT: self = .update
    case .PATCH: self = .patch
    case .DELETE: self = hasName ? .delete : .deletecollection
    default:
      let isWatch = request.query["watch"].map { $0 != "false" && $0 != "0" } ?? false
      self = hasName ? .get : isWatch ? .watch : .list
    }
  }
}
