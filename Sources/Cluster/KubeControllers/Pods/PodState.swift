import HTTPServing
import KubeMachinery
import KubeResources

/// What controllers ask about a pod.
extension ClusterObject {
  var phase: String { document.textAt("status", "phase") }
  var nodeName: String { document.textAt("spec", "nodeName") }
  /// Has ended and will not start again.
  var hasEnded: Bool { phase == "Succeeded" || phase == "Failed" }
  /// Counts as a replica.
  var isActive: Bool { !isTerminating && !hasEnded }
  var isReady: Bool { status.conditionHolds("Ready") }

  var readySince: Timestamp? {
    guard let ready = status.condition("Ready"), ready.textAt("status") == "True" else { return nil }
    return Timestamp(ready.textAt("lastTransitionTime")) ?? createdAt
  }

  /// When a ready pod counts as available; nil where it is not ready.
  func availableFrom(minReadySeconds: Int64) -> Timestamp? { readySince?.adding(seconds: minReadySeconds) }

  func isAvailable(minReadySeconds: Int64, at now: Timestamp) -> Bool {
    guard let moment = availableFrom(minReadySeconds: minReadySeconds) else { return false }
    return minReadySeconds == 0 || moment <= now
  }

  var restarts: Int64 {
    document.listAt("status", "containerStatuses").map { $0.numberAt("restartCount") }.max() ?? 0
  }

  /// What a user says a pod's end costs, compared with others. Source: Kubernetes *Pod deletion cost*.
  var deletionCost: Int64 { annotation("controller.kubernetes.io/pod-deletion-cost").flatMap { Int64($0) } ?? 0 }
}

/// Which of several pods is ended first: what is less far in its life, what is cheaper, what is younger.
/// Source: Kubernetes *ReplicaSet*, scaling down.
struct EndingOrder {
  let now: Timestamp
  /// How many related pods the pod's node runs.
  let related: [String: Int]

  func sorted(_ pods: [ClusterObject]) -> [ClusterObject] {
    pods.map { (rank: rank($0), pod: $0) }.sorted { one, other in
      for (mine, theirs) in zip(one.rank, other.rank) where mine != theirs { return mine < theirs }
      return one.pod.uid < other.pod.uid
    }.map(\.pod)
  }

  private func rank(_ pod: ClusterObject) -> [Int64] {
    let phases: [String: Int64] = ["Pending": 0, "Unknown": 1, "Running": 2]
    return [
      pod.nodeName.isEmpty ? 0 : 1, phases[pod.phase] ?? 0, pod.isReady ? 1 : 0, pod.deletionCost,
      -Int64(related[pod.nodeName] ?? 0), pod.isReady ? magnitude(pod.readySince) : 0, -pod.restarts,
      magnitude(pod.createdAt),
    ]
  }

  /// Moments count by the magnitude of their age, so that not always the youngest of many goes.
  private func magnitude(_ moment: Timestamp?) -> Int64 {
    guard let moment else { return 0 }
    let age = max(0, now.seconds - moment.seconds)
    return age == 0 ? 0 : Int64(Int64.bitWidth - age.leadingZeroBitCount)
  }
}

/// Makes pods from templates.
enum PodFactory {
  /// A pod of the object's template. Its name is made from the owner's.
  static func pod(from template: JSONValue, owner: ClusterObject) -> JSONValue {
    var meta = ObjectMeta()
    let prefix = "\(owner.name)-"
    meta.generateName = NameRule.subdomain.problems(prefix, isPrefix: true).isEmpty ? prefix : owner.name
    meta.namespace = owner.namespace
    let wanted = ObjectMeta(template["metadata"] ?? [:])
    meta.labels = wanted.labels
    meta.annotations = wanted.annotations
    meta.finalizers = wanted.finalizers
    meta.ownerReferences = [owner.owning()]
    return [
      "apiVersion": "v1", "kind": "Pod", "metadata": meta.document, "spec": template["spec"] ?? [:],
    ]
  }
}
