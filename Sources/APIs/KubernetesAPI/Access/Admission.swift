import HTTPServing
import KubeMachinery

/// What depends on who asks, or on more than one object, and is looked at before a change is written.
struct Admission: Sendable {
  typealias Check = @Sendable (_ object: JSONValue, _ old: JSONValue?) throws -> Void

  let requester: Requester
  let gate: RequestGate
  let kind: Kind

  /// The same for server-side apply, which makes what is not there: who may patch may not for that reason create.
  func checkOfApply(in namespace: String) -> Check {
    { object, old in
      if old == nil {
        let wish = AccessRequest(
          requester, "create",
          .resource(
            AccessRequest.Resource(
              group: kind.name.group, resource: kind.plural, namespace: namespace, name: object.meta.name)))
        if case .denied(let reason) = gate.decide(wish) { try RequestGate.deny(wish, reason) }
      }
      try check?(object, old)
    }
  }

  /// What the write options ask; nil where there is nothing to look at.
  var check: Check? {
    if kind.name.group == AccessPolicy.group { return { object, old in try noRightsAreHandedOut(object, old) } }
    guard let node = NodeAccess(requester) else { return nil }
    return { object, old in
      let reason = old.map { node.refusal(changing: $0, to: object) } ?? node.refusal(creating: object)
      if let reason { throw StatusError.forbidden(kind.resource, object.meta.name, reason) }
    }
  }

  /// Nobody gives others, or himself, what he does not have. Source: Kubernetes *Privilege escalation prevention*.
  private func noRightsAreHandedOut(_ object: JSONValue, _ old: JSONValue?) throws {
    let check = EscalationCheck(gate.access.policy, requester)
    do {
      switch kind.name.kind {
      case "Role", "ClusterRole": try check.role(object, old: old)
      default: try check.binding(object, old: old)
      }
    } catch let refusal as EscalationCheck.Refusal {
      switch refusal {
      case .forbidden(let reason): throw StatusError.forbidden(kind.resource, object.meta.name, reason)
      case .roleNotFound(let message): throw StatusError(404, "NotFound", message)
      case .tooMany(let error): throw StatusError.invalid(kind.name, object.meta.name, [error])
      }
    }
  }

  /// Namespaces that a cluster does not go without. Source: Kubernetes *NamespaceLifecycle*.
  static let lastingNamespaces: Set<String> = ["default", "kube-system", "kube-public"]

  /// Throws `StatusError` (403).
  func checkDeletion(of name: String) throws {
    guard kind.resource == ResourceName(group: "", resource: "namespaces"), Self.lastingNamespaces.contains(name) else {
      return
    }
    throw StatusError.forbidden(kind.resource, name, "this namespace may not be deleted")
  }
}
