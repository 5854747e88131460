import HTTPServing
import KubeMachinery
import KubeResources

/// Tells by its lease whether a node's agent lives, and marks nodes whose agent does not, those that run short of something, and those
/// that are cordoned, so that no new pod comes to them.
///
/// Pods of such a node stay: it may run them well without its agent, and where it is the only one, no other could.
/// Source: Kubernetes *Nodes*, heartbeats and node controller; *Taints and Tolerations*, taint nodes by condition.
public struct NodeHealthController: Controller {
  public let name = "node-controller"
  public let follows: Set<ResourceName> = [.nodes, .leases, .pods]

  static let graceSeconds: Int64 = 50
  static let leaseNamespace = "kube-node-lease"
  static let unreachable = "node.kubernetes.io/unreachable"
  static let notReady = "node.kubernetes.io/not-ready"
  static let unschedulable = "node.kubernetes.io/unschedulable"
  /// Conditions that are a taint where they hold.
  private static let shortages: [(condition: String, taint: String)] = [
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"), ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    ("NetworkUnavailable", "node.kubernetes.io/network-unavailable"),
  ]
  /// Conditions that a silent agent knows no more about.
  private static let conditions = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"]

  public init() {}

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    switch change.key.resource {
    case .nodes: change.new == nil ? [] : [change.key]
    case .leases:
      // Renewals of a node that is well need no look: the next one is planned.
      change.key.namespace == Self.leaseNamespace && !isWell(change.key.name, index)
        ? [ObjectKey(.nodes, name: change.key.name)] : []
    default: []
    }
  }

  private func isWell(_ node: String, _ index: ObjectIndex) -> Bool {
    index.object(ObjectKey(.nodes, name: node))?.status.conditionHolds("Ready") ?? true
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    guard let node = observed.index.object(key), !node.isTerminating else { return Plan() }
    let now = observed.now
    let lease = observed.index.object(ObjectKey(.leases, namespace: Self.leaseNamespace, name: key.name))
    let beats = [
      Timestamp(lease?.document.textAt("spec", "renewTime") ?? ""),
      Timestamp(node.status.condition("Ready")?.textAt("lastHeartbeatTime") ?? ""), node.createdAt,
    ]
    guard let last = beats.compactMap({ $0 }).max() else { return Plan() }
    let deadline = last.adding(seconds: Self.graceSeconds)
    var plan = Plan()
    if deadline > now {
      plan.look(at: deadline)
      plan.add(taint(node, node.status))
      return plan
    }
    var status = node.status
    for type in Self.conditions where type == "Ready" || status.condition(type) != nil {
      let isNew = status.condition(type) == nil
      guard status.condition(type)?.textAt("status") != "Unknown" else { continue }
      let beat = status.condition(type)?["lastHeartbeatTime"]
      status.setCondition(
        type, "Unknown", reason: isNew ? "NodeStatusNeverUpdated" : "NodeStatusUnknown",
        message: isNew ? "Kubelet never posted node status." : "Kubelet stopped posting node status.", at: now)
      if let beat { status.changeCondition(type) { $0["lastHeartbeatTime"] = beat } }
    }
    if !status.means(node.status) {
      plan.add([Change(.patchStatus(Target(node), ["status": ["conditions": status["conditions"] ?? []]]))])
      plan.announcements.append(
        Announcement(node, .normal, "NodeNotReady", "Node \(node.name) status is now: NodeNotReady"))
      plan.add(unready(observed.index, on: node.name, now))
      // The taint comes with the next look, which the change of the status brings.
      return plan
    }
    plan.add(taint(node, status))
    return plan
  }

  /// Services send nothing to pods that nobody watches any more.
  private func unready(_ index: ObjectIndex, on node: String, _ now: Timestamp) -> [Change] {
    index.all(.pods).filter { $0.nodeName == node && $0.isReady }.map { pod in
      var status = pod.status
      status.setCondition("Ready", "False", reason: "NodeNotReady", message: "", at: now)
      return Change(.patchStatus(Target(pod), ["status": ["conditions": status["conditions"] ?? []]]))
    }
  }

  /// The taint that says what a node's readiness is; nil where it is ready.
  private static func effects(_ status: JSONValue) -> String? {
    switch status.condition("Ready")?.textAt("status") {
    case "True": nil
    case "False": notReady
    case nil: notReady
    default: unreachable
    }
  }

  private func taint(_ node: ClusterObject, _ status: JSONValue) -> [Change] {
    var wanted = Self.shortages.filter { status.conditionHolds($0.condition) }.map { $0.taint }
    if let readiness = Self.effects(status) { wanted.append(readiness) }
    if node.spec.flagAt("unschedulable") { wanted.append(Self.unschedulable) }
    let own = [Self.unreachable, Self.notReady, Self.unschedulable] + Self.shortages.map { $0.taint }
    func isOwn(_ taint: JSONValue) -> Bool {
      own.contains(taint.textAt("key")) && taint.textAt("effect") == "NoSchedule"
    }
    let taints = node.document.listAt("spec", "taints")
    if taints.filter(isOwn).map({ $0.textAt("key") }).sorted() == wanted.sorted() { return [] }
    let rest =
      taints.filter { !isOwn($0) } + wanted.map { ["key": .string($0), "effect": "NoSchedule"] as JSONValue }
    return [.patch(node, ["spec": ["taints": rest.isEmpty ? .null : .array(rest)]])]
  }
}
