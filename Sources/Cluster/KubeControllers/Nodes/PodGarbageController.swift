import HTTPServing
import KubeMachinery
import KubeResources

/// Deletes pods that nobody will end otherwise: those of a node that is gone, those that were to go before they had a node, and the
/// oldest of too many that have ended. Source: Kubernetes *Pod Lifecycle*, garbage collection of pods.
public struct PodGarbageController: Controller {
  public let name = "pod-garbage-collector-controller"
  public let follows: Set<ResourceName> = [.pods, .nodes]

  private static let everything = ObjectKey(.pods, name: "")
  /// After a node went: its agent may only register anew.
  static let quarantineSeconds: Int64 = 40
  static let intervalSeconds: Int64 = 20

  /// Ended pods that may stay.
  let threshold: Int

  public init(threshold: Int = 12_500) {
    self.threshold = threshold
  }

  public var standingKeys: [ObjectKey] { [Self.everything] }

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] { [] }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    let nodes = Set(observed.index.keys(.nodes).map(\.name))
    let pods = observed.index.all(.pods)
    let now = observed.now
    let ended = pods.filter { $0.hasEnded && !$0.isTerminating }
    let surplus = ended.sorted { $0.createdAt < $1.createdAt }.prefix(max(0, ended.count - threshold))
    let stray = pods.filter { pod in
      if pod.nodeName.isEmpty { return pod.isTerminating }
      return !nodes.contains(pod.nodeName) && pod.createdAt.adding(seconds: Self.quarantineSeconds) <= now
    }
    var plan = Plan()
    let failing = stray.filter { !$0.hasEnded && !$0.nodeName.isEmpty }.map { pod -> Change in
      var status = pod.status
      status.setCondition(
        "DisruptionTarget", "True", reason: "DeletionByPodGC", message: "PodGC: node no longer exists", at: now)
      return Change(
        .patchStatus(Target(pod), ["status": ["phase": "Failed", "conditions": status["conditions"] ?? []]]))
    }
    plan.add(failing)
    plan.add((surplus + stray).prefix(ChangeWriter.maxAnswers).map { .delete($0, nil, graceSeconds: 0) })
    plan.look(at: now.adding(seconds: Self.intervalSeconds))
    return plan
  }
}
