import HTTPServing

/// What the agent of a node may do: less than any role can say, as it depends on which pods its node has.
///
/// Sources: Kubernetes *Using Node Authorization*, *NodeRestriction*.
public struct NodeAccess: Sendable {
  public static let group = "system:nodes"
  public static let userPrefix = "system:node:"
  static let leaseNamespace = "kube-node-lease"

  /// What the server knows about the pods of a node.
  public protocol Pods: Sendable {
    func isBound(pod name: String, in namespace: String, to node: String) -> Bool
    /// Whether a pod bound to the node names the Secret, ConfigMap, PersistentVolumeClaim or ServiceAccount (`resource`: in
    /// the plural).
    func isReferenced(_ resource: String, _ name: String, in namespace: String, by node: String) -> Bool
  }

  public let node: String

  /// Nil where the requester is no agent.
  public init?(_ requester: Requester) {
    guard AccessRule.has(requester.groups, Self.group), requester.name.hasPrefix(Self.userPrefix) else { return nil }
    node = String(requester.name.dropFirst(Self.userPrefix.count))
    if node.isEmpty { return nil }
  }

  /// `selectsOwnPods`: the request is a list or a watch with the field selector `spec.nodeName` of this node;
  /// `selectsOneName`: with `metadata.name`, and `target.name` is that name.
  public func decide(
    _ request: AccessRequest, _ pods: some Pods, selectsOwnPods: Bool = false, selectsOneName: Bool = false
  ) -> AccessPolicy.Decision {
    guard case .resource(let target) = request.target else { return .denied(reason: "") }
    let reads = request.verb == "get" || (["list", "watch"].contains(request.verb) && selectsOneName)
    switch (target.group, target.combined) {
    case ("", "secrets"), ("", "configmaps"):
      guard reads, !target.name.isEmpty, !target.namespace.isEmpty else {
        return .denied(reason: "can only read namespaced object of this type")
      }
      return related(target, target.resource, pods)
    case ("", "persistentvolumeclaims"):
      return reads ? related(target, target.resource, pods) : .denied(reason: "can only read resources of this type")
    case ("", "serviceaccounts/token"):
      guard request.verb == "create" else {
        return .denied(reason: "can only create tokens for individual service accounts")
      }
      return related(target, "serviceaccounts", pods)
    case ("", "nodes"), ("", "nodes/status"): return ownNode(request.verb, target)
    case ("", "pods"), ("", "pods/status"), ("", "pods/eviction"):
      return ownPod(request.verb, target, pods, selectsOwnPods: selectsOwnPods)
    case ("coordination.k8s.io", "leases"): return ownLease(request.verb, target)
    default:
      let isAllowed = Self.rules.contains { $0.allows(request) }
      return isAllowed ? .allowed(reason: "") : .denied(reason: "")
    }
  }

  private func related(
    _ target: AccessRequest.Resource, _ resource: String, _ pods: some Pods
  ) -> AccessPolicy.Decision {
    pods.isReferenced(resource, target.name, in: target.namespace, by: node)
      ? .allowed(reason: "")
      : .denied(reason: "no relationship found between node \(GoText.quoted(node)) and this object")
  }

  private func isOwn(_ name: String) -> Bool { AccessRule.same(name, node) }

  private func ownNode(_ verb: String, _ target: AccessRequest.Resource) -> AccessPolicy.Decision {
    switch verb {
    // The name of a new node stands in its document: `refusal(creatingNode:)`.
    case "create": return target.subresource.isEmpty ? .allowed(reason: "") : .denied(reason: "")
    case "get", "list", "watch", "update", "patch":
      return isOwn(target.name)
        ? .allowed(reason: "") : .denied(reason: "node \(GoText.quoted(node)) cannot \(verb) other nodes")
    default: return .denied(reason: "")
    }
  }

  private func ownPod(
    _ verb: String, _ target: AccessRequest.Resource, _ pods: some Pods, selectsOwnPods: Bool
  ) -> AccessPolicy.Decision {
    switch (verb, target.subresource) {
    case ("list", ""), ("watch", ""):
      return selectsOwnPods
        ? .allowed(reason: "") : .denied(reason: "can only list/watch pods with spec.nodeName field selector")
    case ("get", ""), ("delete", ""), ("update", "status"), ("patch", "status"), ("create", "eviction"):
      return pods.isBound(pod: target.name, in: target.namespace, to: node)
        ? .allowed(reason: "") : .denied(reason: "node \(GoText.quoted(node)) can only touch pods bound to itself")
    default: return .denied(reason: "")
    }
  }

  private func ownLease(_ verb: String, _ target: AccessRequest.Resource) -> AccessPolicy.Decision {
    guard AccessRule.same(target.namespace, Self.leaseNamespace) else {
      return .denied(reason: "can only access leases in the \(GoText.quoted(Self.leaseNamespace)) system namespace")
    }
    switch verb {
    case "create": return .allowed(reason: "")
    case "get", "update", "patch", "delete":
      return isOwn(target.name)
        ? .allowed(reason: "") : .denied(reason: "can only access node lease with the same name as the requesting node")
    default: return .denied(reason: "can only get, create, update, patch, or delete a node lease")
    }
  }

  /// What needs no look at pods.
  private static let rules = [
    AccessRule(verbs: ["create"], apiGroups: ["authentication.k8s.io"], resources: ["tokenreviews"]),
    AccessRule(
      verbs: ["create"], apiGroups: ["authorization.k8s.io"],
      resources: ["localsubjectaccessreviews", "subjectaccessreviews"]),
    AccessRule(verbs: ["get", "list", "watch"], apiGroups: [""], resources: ["services"]),
    AccessRule(verbs: ["create", "patch", "update"], apiGroups: ["", "events.k8s.io"], resources: ["events"]),
    AccessRule(verbs: ["get"], apiGroups: [""], resources: ["endpoints"]),
    // The agent is its node's service proxy, too.
    AccessRule(verbs: ["get", "list", "watch"], apiGroups: ["discovery.k8s.io"], resources: ["endpointslices"]),
    AccessRule(verbs: ["get", "list", "watch"], apiGroups: ["node.k8s.io"], resources: ["runtimeclasses"]),
  ]
}

/// What the agent's own documents must not say, once its request is allowed.
extension NodeAccess {
  private static let restrictedPrefix = "node-restriction.kubernetes.io"

  /// Why the agent may not make this node or lease; nil where it may.
  public func refusal(creating object: JSONValue) -> String? {
    let name = object.meta.name
    switch object.kind {
    case "Node":
      if !isOwn(name) { return "node \(GoText.quoted(node)) is not allowed to modify node \(GoText.quoted(name))" }
      return restrictedLabels(object.meta.labels, [:])
    case "Lease":
      return isOwn(name) ? nil : "can only access node lease with the same name as the requesting node"
    default: return nil
    }
  }

  /// Why the agent may not change its node like this; nil where it may.
  public func refusal(changing old: JSONValue, to new: JSONValue) -> String? {
    guard new.kind == "Node" else { return nil }
    if !(old.at("spec", "taints") ?? .array([])).means(new.at("spec", "taints") ?? .array([])) {
      return "node \(GoText.quoted(node)) is not allowed to modify taints"
    }
    return restrictedLabels(new.meta.labels, old.meta.labels)
  }

  /// Why the agent may not have a token of a service account; nil where it may: those of its pods alone, which end with them.
  /// - Parameters:
  ///   - reference: the request's `spec.boundObjectRef`.
  ///   - pod: what that names.
  public func refusal(tokenBoundTo reference: JSONValue, _ pod: JSONValue?) -> String? {
    guard let pod, reference["kind"]?.text == "Pod" else { return "node requested token not bound to a pod" }
    if (reference["uid"]?.text ?? "").isEmpty { return "node requested token with a pod binding without a uid" }
    guard let place = pod.at("spec", "nodeName")?.text, isOwn(place) else {
      return "node requested token bound to a pod scheduled on a different node"
    }
    return nil
  }

  /// Labels of this domain are the administrator's: pods are kept apart by them.
  private func restrictedLabels(_ new: [String: String], _ old: [String: String]) -> String? {
    let touched = Set(new.keys).union(old.keys).filter { key in
      guard new[key] != old[key], let slash = key.firstIndex(of: "/") else { return false }
      let domain = key[..<slash]
      return domain == Self.restrictedPrefix || domain.hasSuffix("." + Self.restrictedPrefix)
    }
    guard !touched.isEmpty else { return nil }
    return "is not allowed to modify labels: \(touched.sorted().joined(separator: ", "))"
  }
}
