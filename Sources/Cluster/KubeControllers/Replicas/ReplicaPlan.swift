import HTTPServing
import KubeMachinery
import KubeResources

/// What a replica set, or a replication controller, wants: from itself and the pods of its namespace at a moment.
/// Source: Kubernetes *ReplicaSet*, *ReplicationController*.
struct ReplicaPlan {
  /// Pods made or ended in one go.
  static let burst = 500

  let set: ClusterObject
  let selector: LabelSelector
  let pods: [ClusterObject]
  let refusal: Refusal?
  let now: Timestamp

  func plan() -> Plan {
    let mine = pods.filter { !$0.hasEnded && !$0.isTerminating }
    let claims = Claims(owner: set, selector: selector, candidates: mine)
    var plan = Plan(claims.changes)
    if !set.isTerminating { plan.add(changesOfNumber(claims.claimed)) }
    let minReady = set.spec.numberAt("minReadySeconds")
    let status = status(claims.claimed, minReady)
    if !status.means(set.status) { plan.add([.replaceStatus(set, status)]) }
    if minReady > 0 {
      for pod in claims.claimed {
        if let moment = pod.availableFrom(minReadySeconds: minReady), moment > now { plan.look(at: moment) }
      }
    }
    return plan
  }

  private var wanted: Int { Int(clamping: self.set.document.at("spec", "replicas")?.integer ?? 1) }

  private func changesOfNumber(_ active: [ClusterObject]) -> [Change] {
    let missing = wanted - active.count
    if missing > 0 {
      let pod = PodFactory.pod(from: set.spec["template"] ?? [:], owner: set)
      let change = Change.create(
        .pods, pod, success: Announcement(set, .normal, "SuccessfulCreate", "Created pod: ", addsOutcome: true),
        failure: Announcement(set, .warning, "FailedCreate", "Error creating: ", addsOutcome: true))
      return Array(repeating: change, count: min(missing, Self.burst))
    }
    guard missing < 0 else { return [] }
    return ending(active).prefix(min(-missing, Self.burst)).map { pod in
      .delete(
        pod, success: Announcement(set, .normal, "SuccessfulDelete", "Deleted pod: ", addsOutcome: true),
        failure: Announcement(set, .warning, "FailedDelete", "Error deleting: ", addsOutcome: true))
    }
  }

  /// In the order in which they go. Related are the pods of all sets of the same owner, so that sets that shrink while another grows
  /// leave pods spread over nodes.
  private func ending(_ active: [ClusterObject]) -> [ClusterObject] {
    var related: [String: Int] = [:]
    for pod in active where !pod.nodeName.isEmpty { related[pod.nodeName, default: 0] += 1 }
    return EndingOrder(now: now, related: related).sorted(active)
  }

  private func status(_ active: [ClusterObject], _ minReady: Int64) -> JSONValue {
    var status = set.status
    let template = LabelSelector(matching: set.document.at("spec", "template", "metadata", "labels")?.texts ?? [:])
    let ready = active.filter(\.isReady)
    status["replicas"] = .integer(Int64(active.count))
    status.setCount("fullyLabeledReplicas", Int64(active.count { template.matches($0.labels) }))
    status.setCount("readyReplicas", Int64(ready.count))
    status.setCount(
      "availableReplicas", Int64(ready.count { $0.isAvailable(minReadySeconds: minReady, at: now) }))
    status["observedGeneration"] = .integer(set.generation)
    if let refusal, refusal.verb != .change, !set.isTerminating {
      status.setCondition(
        "ReplicaFailure", "True", reason: refusal.verb == .create ? "FailedCreate" : "FailedDelete",
        message: refusal.message, at: now)
    } else {
      status.removeCondition("ReplicaFailure")
    }
    return status
  }
}
