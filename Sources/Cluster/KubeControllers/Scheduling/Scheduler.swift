import HTTPServing
import KubeMachinery
import KubeResources

/// Gives pods their nodes: the more important first, then the older, each to the node that has most left of what allows it.
/// Source: Kubernetes *Kubernetes Scheduler*.
public struct Scheduler: Controller {
  public let name: String
  public let follows: Set<ResourceName> = [.pods, .nodes]

  /// All pods that wait are looked at together, for they compete.
  private static let queue = ObjectKey(.pods, name: "")
  /// Pods bound in one go.
  static let batch = 256

  public init(name: String = "default-scheduler") {
    self.name = name
  }

  public var standingKeys: [ObjectKey] { [Self.queue] }

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    switch change.key.resource {
    case .nodes: [Self.queue]
    case .pods: concerns(change) ? [Self.queue] : []
    default: []
    }
  }

  /// A pod that waits, one that leaves room, and one that others may want to be near.
  private func concerns(_ change: ObservedChange) -> Bool {
    guard let pod = change.new else { return true }
    if let old = change.old, !pod.nodeName.isEmpty, old.nodeName.isEmpty || old.labels != pod.labels { return true }
    return pod.nodeName.isEmpty && !pod.isTerminating || pod.hasEnded && change.old?.hasEnded != true
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    let pods = observed.index.all(.pods)
    let waiting = pods.filter { pod in
      pod.nodeName.isEmpty && pod.isActive && pod.spec.textAt("schedulerName") == name
    }.sorted(by: Self.comesFirst)
    guard !waiting.isEmpty else { return Plan() }
    var board = NodeBoard(nodes: observed.index.all(.nodes), pods: pods)
    var plan = Plan()
    var binds: [Change] = []
    var conditions: [Change] = []
    for pod in waiting {
      guard binds.count + conditions.count < Self.batch else {
        plan.look(at: observed.now)
        break
      }
      if !pod.document.listAt("spec", "schedulingGates").isEmpty {
        conditions += note(
          pod, "SchedulingGated", "Scheduling is blocked due to non-empty scheduling gates", observed.now)
        continue
      }
      switch board.place(pod) {
      case .on(let node):
        binds.append(
          Change(
            .bind(Target(pod, isBound: false), node: node),
            success: Announcement(
              pod, .normal, "Scheduled", "Successfully assigned \(pod.namespace)/\(pod.name) to \(node)")))
      case .nowhere(let reason):
        let changes = note(pod, "Unschedulable", reason, observed.now)
        if !changes.isEmpty { plan.announcements.append(Announcement(pod, .warning, "FailedScheduling", reason)) }
        conditions += changes
      }
    }
    if !binds.isEmpty || !conditions.isEmpty { plan.groups = [binds + conditions] }
    return plan
  }

  private static func comesFirst(_ one: ClusterObject, _ other: ClusterObject) -> Bool {
    let (left, right) = (one.spec.numberAt("priority"), other.spec.numberAt("priority"))
    if left != right { return left > right }
    return one.createdAt == other.createdAt ? one.revision < other.revision : one.createdAt < other.createdAt
  }

  private func note(_ pod: ClusterObject, _ reason: String, _ message: String, _ now: Timestamp) -> [Change] {
    var status = pod.status
    guard status.setCondition("PodScheduled", "False", reason: reason, message: message, at: now) else { return [] }
    return [
      Change(
        .patchStatus(Target(pod), ["status": ["conditions": .array(status.listAt("conditions"))]]))
    ]
  }
}

/// What is taken of each node, also by pods that were placed a moment ago.
struct NodeBoard {
  enum Place: Equatable {
    case on(String)
    case nowhere(String)
  }

  private struct HostPort: Hashable {
    let address: String
    let port: Int64
    let transport: String

    func collides(with other: HostPort) -> Bool {
      port == other.port && transport == other.transport
        && (address == other.address || [address, other.address].contains("0.0.0.0"))
    }
  }

  private struct Row {
    let node: ClusterObject
    let allocatable: ResourceAmounts
    var used = ResourceAmounts()
    var pods: Int64 = 0
    var ports: Set<HostPort> = []
  }

  private var rows: [Row]
  private var placed: [(pod: ClusterObject, node: ClusterObject)] = []

  /// - Parameter pods: all of the cluster.
  init(nodes: [ClusterObject], pods: [ClusterObject]) {
    rows = nodes.sorted { $0.name < $1.name }.map { node in
      Row(
        node: node,
        allocatable: ResourceAmounts(
          node.document.at("status", "allocatable") ?? node.document.at("status", "capacity")))
    }
    let places = Dictionary(rows.enumerated().map { ($1.node.name, $0) }, uniquingKeysWith: { $1 })
    for pod in pods where !pod.hasEnded {
      if let place = places[pod.nodeName] { take(pod, ResourceAmounts(pod: pod), place) }
    }
  }

  private mutating func take(_ pod: ClusterObject, _ amounts: ResourceAmounts, _ place: Int) {
    rows[place].used.add(amounts)
    rows[place].pods += 1
    rows[place].ports.formUnion(Self.ports(pod))
    placed.append((pod, rows[place].node))
  }

  private static func ports(_ pod: ClusterObject) -> [HostPort] {
    pod.document.listAt("spec", "containers").flatMap { container in
      container.listAt("ports").compactMap { port in
        let number = port.numberAt("hostPort")
        guard number > 0 else { return nil }
        let address = port.textAt("hostIP")
        return HostPort(
          address: address.isEmpty ? "0.0.0.0" : address, port: number,
          transport: port.textAt("protocol").isEmpty ? "TCP" : port.textAt("protocol"))
      }
    }
  }

  /// Finds a node for a pod and takes the room there.
  mutating func place(_ pod: ClusterObject) -> Place {
    guard !rows.isEmpty else { return .nowhere("no nodes available to schedule pods") }
    let amounts = ResourceAmounts(pod: pod)
    let affinity = PodAffinity(pod)
    var reasons: [String: Int] = [:]
    var best: (place: Int, rest: Double)?
    for place in rows.indices {
      let problems = problems(pod, amounts, affinity, rows[place])
      guard problems.isEmpty else {
        for problem in problems { reasons[problem, default: 0] += 1 }
        continue
      }
      let rest = rest(amounts, rows[place])
      if best.map({ rest > $0.rest }) ?? true { best = (place, rest) }
    }
    guard let best else {
      let list = reasons.map { "\($0.value) \($0.key)" }.sorted().joined(separator: ", ")
      return .nowhere("0/\(rows.count) nodes are available: \(list).")
    }
    take(pod, amounts, best.place)
    return .on(rows[best.place].node.name)
  }

  /// The share of CPU and memory that would be left.
  private func rest(_ amounts: ResourceAmounts, _ row: Row) -> Double {
    ["cpu", "memory"].reduce(0) { sum, name in
      let all = Double(max(1, row.allocatable[name]))
      return sum + (all - Double(row.used[name]) - Double(amounts[name])) / all
    } - Double(row.pods) / 1_000_000
  }

  private func problems(
    _ pod: ClusterObject, _ amounts: ResourceAmounts, _ affinity: PodAffinity, _ row: Row
  ) -> [String] {
    let tolerations = pod.document.listAt("spec", "tolerations")
    let cordon: JSONValue = ["key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"]
    if row.node.spec.flagAt("unschedulable"), !Taints.tolerates(tolerations, cordon) {
      return ["node(s) were unschedulable"]
    }
    if let taint = Taints.untolerated(row.node, tolerations) {
      return ["node(s) had untolerated taint {\(taint.textAt("key")): \(taint.textAt("value"))}"]
    }
    guard NodeSelection.allows(pod.spec, row.node) else {
      return ["node(s) didn't match Pod's node affinity/selector"]
    }
    if Self.ports(pod).contains(where: { port in row.ports.contains { $0.collides(with: port) } }) {
      return ["node(s) didn't have free ports for the requested pod ports"]
    }
    var problems: [String] = []
    let most = row.allocatable["pods"]
    if most > 0, row.pods + 1 > most { problems.append("Too many pods") }
    for (name, amount) in amounts.amounts.sorted(by: { $0.key < $1.key }) where amount > 0 {
      if amount > row.allocatable[name] - min(row.used[name], row.allocatable[name]) {
        problems.append("Insufficient \(name)")
      }
    }
    if problems.isEmpty, let problem = affinity.problem(on: row.node, placed) { problems.append(problem) }
    return problems
  }
}
