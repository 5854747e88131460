import HTTPServing
import KubeMachinery
import KubeResources

extension DaemonPlan {
  /// - Parameter nodes: the pods of each node whose pods are not all of the newest template; none where a node has no active pod.
  func replace(
    _ nodes: [[ClusterObject]], _ hash: String, _ made: inout [Change], _ ended: inout [Change]
  ) {
    guard set.spec.textAt("updateStrategy", "type") == "RollingUpdate" else { return }
    let rolling = set.spec.at("updateStrategy", "rollingUpdate") ?? [:]
    let total = Int64(self.nodes.count { allows($0).runs })
    let surge = RollingNumbers.resolve(rolling["maxSurge"], of: total, roundsUp: true)
    if surge > 0 {
      surgeUp(nodes, hash, surge, &made, &ended)
      return
    }
    let most = max(1, RollingNumbers.resolve(rolling["maxUnavailable"], of: total, roundsUp: true))
    let all = claims.claimed.filter { !$0.isTerminating && !$0.hasEnded }
    let available = Int64(all.count { $0.isAvailable(minReadySeconds: minReady, at: now) })
    var room = most - (total - min(total, available))
    let stale = nodes.compactMap { pods in pods.first { !isUpdated($0, hash) } }
    // What does not work anyway is replaced whatever the bound.
    for pod in stale where !pod.isAvailable(minReadySeconds: minReady, at: now) { ended.append(end(pod)) }
    for pod in stale where pod.isAvailable(minReadySeconds: minReady, at: now) && room > 0 {
      ended.append(end(pod))
      room -= 1
    }
  }

  /// New pods come beside the old ones, which go once the new are available.
  private func surgeUp(
    _ nodes: [[ClusterObject]], _ hash: String, _ surge: Int64, _ made: inout [Change], _ ended: inout [Change]
  ) {
    var room = surge
    for pods in nodes {
      guard let stale = pods.first(where: { !isUpdated($0, hash) }) else { continue }
      if let fresh = pods.first(where: { isUpdated($0, hash) }) {
        if fresh.isAvailable(minReadySeconds: minReady, at: now) { ended.append(end(stale)) } else { room -= 1 }
      } else if !stale.isAvailable(minReadySeconds: minReady, at: now) {
        ended.append(end(stale))
      } else if room > 0 {
        made.append(create(on: Self.target(of: stale), hash))
        room -= 1
      }
    }
  }

  func create(on node: String, _ hash: String) -> Change {
    .create(
      .pods, pod(on: node, hash),
      success: Announcement(set, .normal, "SuccessfulCreate", "Created pod: ", addsOutcome: true),
      failure: Announcement(set, .warning, "FailedCreate", "Error creating: ", addsOutcome: true))
  }

  func end(_ pod: ClusterObject) -> Change {
    .delete(
      pod, success: Announcement(set, .normal, "SuccessfulDelete", "Deleted pod: ", addsOutcome: true),
      failure: Announcement(set, .warning, "FailedDelete", "Error deleting: ", addsOutcome: true))
  }
}
