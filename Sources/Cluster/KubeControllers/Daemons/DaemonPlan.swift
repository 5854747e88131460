import HTTPServing
import KubeMachinery
import KubeResources

/// What a daemon set wants at a moment.
struct DaemonPlan {
  static let hashLabel = "controller-revision-hash"
  static let burst = 250
  /// How old a pod is at least that has ended and is replaced.
  static let deadSeconds: Int64 = 10

  let set: ClusterObject
  let revisions: [ClusterObject]
  let nodes: [ClusterObject]
  let now: Timestamp
  let claims: Claims

  init(
    set: ClusterObject, candidates: [ClusterObject], revisions: [ClusterObject], nodes: [ClusterObject], now: Timestamp
  ) {
    self.set = set
    self.revisions = revisions.sorted { Self.revision($0) < Self.revision($1) }
    self.nodes = nodes.sorted { $0.name < $1.name }
    self.now = now
    claims = Claims(owner: set, selector: DaemonSetController.selector(of: set), candidates: candidates)
  }

  /// One that no controller has counted up to counts as none.
  private static func revision(_ revision: ClusterObject) -> Int64 {
    let number = revision.document.numberAt("revision")
    return (0...Int64(Int32.max)).contains(number) ? number : 0
  }

  var minReady: Int64 { self.set.spec.numberAt("minReadySeconds") }
  private var template: JSONValue { self.set.spec["template"] ?? [:] }

  func plan() -> Plan {
    var plan = Plan(claims.changes)
    guard !set.isTerminating else { return plan }
    let (hash, changes) = reviseHistory()
    plan.add(changes)
    // A hash that is not on record yet makes no pods: the revision would not be found for them.
    guard let hash else { return plan }
    var board = Board(pods: claims.claimed)
    let numbers = manage(&board, hash, &plan)
    updateStatus(numbers, &plan)
    if minReady > 0 {
      for pod in claims.claimed {
        if let moment = pod.availableFrom(minReadySeconds: minReady), moment > now { plan.look(at: moment) }
      }
    }
    return plan
  }

  // MARK: history

  private var data: JSONValue {
    var template = template
    template["$patch"] = "replace"
    return ["spec": ["template": template]]
  }

  /// The hash of the template's revision, nil where that has to be made first, and what to do for it. Old revisions that no pod has go
  /// beyond those that history keeps.
  private func reviseHistory() -> (String?, [Change]) {
    let data = data
    let last = revisions.last.map(Self.revision) ?? 0
    if let current = revisions.last(where: { $0.document["data"]?.means(data) == true }) {
      let hash = current.labels?.textAt(Self.hashLabel) ?? ""
      if Self.revision(current) != last { return (hash, [.patch(current, ["revision": .integer(last + 1)])]) }
      return (hash, surplus(hash).map { .delete($0) })
    }
    let hash = TemplateHash.of(template, collisions: set.status.numberAt("collisionCount"))
    let name = "\(set.name)-\(hash)"
    if revisions.contains(where: { $0.name == name }) {
      var status = set.status
      status["collisionCount"] = .integer(status.numberAt("collisionCount") + 1)
      return (nil, [.replaceStatus(set, status)])
    }
    var meta = ObjectMeta()
    meta.name = name
    meta.namespace = set.namespace
    meta.labels = ObjectMeta(template["metadata"] ?? [:]).labels
    meta.labels[Self.hashLabel] = hash
    meta.annotations = set.meta.annotations.filter { $0.key != "kubectl.kubernetes.io/last-applied-configuration" }
    meta.ownerReferences = [set.owning()]
    return (
      nil,
      [
        .create(
          .controllerRevisions,
          [
            "apiVersion": "apps/v1", "kind": "ControllerRevision", "metadata": meta.document, "data": data,
            "revision": .integer(last + 1),
          ])
      ]
    )
  }

  private func surplus(_ hash: String) -> [ClusterObject] {
    let live = Set(claims.claimed.map { $0.labels?.textAt(Self.hashLabel) ?? "" } + [hash])
    let old = revisions.filter { !live.contains($0.labels?.textAt(Self.hashLabel) ?? "") && !$0.isTerminating }
    let limit = Int(set.document.at("spec", "revisionHistoryLimit")?.integer ?? 10)
    return Array(old.prefix(max(0, old.count - limit)))
  }

  // MARK: nodes

  /// Pods by the node that they are on or are made for.
  private struct Board {
    var byNode: [String: [ClusterObject]] = [:]

    init(pods: [ClusterObject]) {
      for pod in pods {
        let node = DaemonPlan.target(of: pod)
        if !node.isEmpty { byNode[node, default: []].append(pod) }
      }
    }
  }

  private static let affinityPath = [
    "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution",
  ]

  static func target(of pod: ClusterObject) -> String {
    if !pod.nodeName.isEmpty { return pod.nodeName }
    let terms = pod.spec[path: affinityPath]?.listAt("nodeSelectorTerms") ?? []
    let fields = terms.flatMap { $0.listAt("matchFields") }
    return fields.first { $0.textAt("key") == "metadata.name" }?.listAt("values").first?.text ?? ""
  }

  /// What daemons tolerate without saying so. Source: Kubernetes *DaemonSet*, taints and tolerations.
  private var tolerations: [JSONValue] {
    var keys: [(String, String)] = [
      ("node.kubernetes.io/not-ready", "NoExecute"), ("node.kubernetes.io/unreachable", "NoExecute"),
      ("node.kubernetes.io/disk-pressure", "NoSchedule"), ("node.kubernetes.io/memory-pressure", "NoSchedule"),
      ("node.kubernetes.io/pid-pressure", "NoSchedule"), ("node.kubernetes.io/unschedulable", "NoSchedule"),
    ]
    if template.flagAt("spec", "hostNetwork") { keys.append(("node.kubernetes.io/network-unavailable", "NoSchedule")) }
    return template.listAt("spec", "tolerations")
      + keys.map { ["key": .string($0), "operator": "Exists", "effect": .string($1)] }
  }

  func pod(on node: String, _ hash: String) -> JSONValue {
    var pod = PodFactory.pod(from: template, owner: set)
    var meta = pod.meta
    meta.labels[Self.hashLabel] = hash
    pod.meta = meta
    var spec = pod["spec"] ?? [:]
    spec["tolerations"] = .array(tolerations)
    let field: JSONValue = [
      "matchFields": [["key": "metadata.name", "operator": "In", "values": [.string(node)]]]
    ]
    var terms = spec[path: Self.affinityPath]?.listAt("nodeSelectorTerms") ?? []
    terms =
      terms.isEmpty
      ? [field]
      : terms.map { term in
        var term = term
        term["matchFields"] = field["matchFields"]
        return term
      }
    spec[path: Self.affinityPath] = ["nodeSelectorTerms": .array(terms)]
    pod["spec"] = spec
    return pod
  }

  struct Numbers {
    var desired: Int64 = 0
    var current: Int64 = 0
    var misscheduled: Int64 = 0
    var ready: Int64 = 0
    var available: Int64 = 0
    var updated: Int64 = 0
  }

  private func manage(_ board: inout Board, _ hash: String, _ plan: inout Plan) -> Numbers {
    var numbers = Numbers()
    var made: [Change] = []
    var ended: [Change] = []
    var old: [[ClusterObject]] = []
    for node in nodes {
      let pods = (board.byNode[node.name] ?? []).sorted {
        $0.createdAt == $1.createdAt ? $0.name < $1.name : $0.createdAt < $1.createdAt
      }
      let (runs, stays) = allows(node)
      let living = pods.filter { !$0.isTerminating }
      guard runs || stays else {
        ended += living.map(end)
        if !living.isEmpty { numbers.misscheduled += 1 }
        continue
      }
      guard runs else {
        if !living.isEmpty { numbers.misscheduled += 1 }
        continue
      }
      count(living, hash, &numbers)
      let dead = living.filter(\.hasEnded)
      for pod in dead {
        // What a node refuses again and again is not made again at once each time.
        let moment = pod.createdAt.adding(seconds: Self.deadSeconds)
        guard moment <= now else {
          plan.look(at: moment)
          continue
        }
        ended.append(end(pod))
        plan.announcements.append(
          Announcement(
            set, pod.phase == "Failed" ? .warning : .normal, "\(pod.phase)DaemonPod",
            "Found \(pod.phase.lowercased()) daemon pod \(pod.namespace)/\(pod.name) on node \(node.name), will try to \(pod.phase == "Failed" ? "kill" : "delete") it"
          ))
      }
      let active = living.filter { !$0.hasEnded }
      // What ends is awaited, so that two pods never share a node's ports and folders.
      if pods.isEmpty { made.append(create(on: node.name, hash)) }
      let (fresh, stale) = (active.filter { isUpdated($0, hash) }, active.filter { !isUpdated($0, hash) })
      ended += fresh.dropFirst().map(end)
      if fresh.isEmpty { ended += stale.dropFirst().map(end) }
      if !stale.isEmpty { old.append(stale + fresh.prefix(1)) }
      if active.isEmpty { old.append([]) }
    }
    for (node, pods) in board.byNode where !nodes.contains(where: { $0.name == node }) {
      ended += pods.filter { !$0.isTerminating }.map(end)
    }
    replace(old, hash, &made, &ended)
    let both = Array((ended + made).prefix(Self.burst))
    if !both.isEmpty { plan.groups.append(both) }
    if ended.count + made.count > Self.burst { plan.look(at: now) }
    return numbers
  }

  /// Whether a pod of the set should come to a node, and whether one that is there may stay.
  func allows(_ node: ClusterObject) -> (runs: Bool, stays: Bool) {
    guard NodeSelection.allows(template["spec"] ?? [:], node) else { return (false, false) }
    let tolerations = tolerations
    return (
      Taints.untolerated(node, tolerations) == nil,
      Taints.untolerated(node, tolerations, effects: ["NoExecute"]) == nil
    )
  }

  func isUpdated(_ pod: ClusterObject, _ hash: String) -> Bool { pod.labels?.textAt(Self.hashLabel) == hash }

  private func count(_ pods: [ClusterObject], _ hash: String, _ numbers: inout Numbers) {
    numbers.desired += 1
    guard let pod = pods.first else { return }
    numbers.current += 1
    if pod.isReady {
      numbers.ready += 1
      if pod.isAvailable(minReadySeconds: minReady, at: now) { numbers.available += 1 }
    }
    if pods.contains(where: { isUpdated($0, hash) }) { numbers.updated += 1 }
  }

  private func updateStatus(_ numbers: Numbers, _ plan: inout Plan) {
    var status = set.status
    status["desiredNumberScheduled"] = .integer(numbers.desired)
    status["currentNumberScheduled"] = .integer(numbers.current)
    status["numberMisscheduled"] = .integer(numbers.misscheduled)
    status["numberReady"] = .integer(numbers.ready)
    status.setCount("updatedNumberScheduled", numbers.updated)
    status.setCount("numberAvailable", numbers.available)
    status.setCount("numberUnavailable", numbers.desired - numbers.available)
    status["observedGeneration"] = .integer(set.generation)
    if !status.means(set.status) { plan.add([.replaceStatus(set, status)]) }
  }
}
