import HTTPServing
import KubeMachinery
import KubeResources

/// What a deployment wants: from itself, the replica sets of its namespace and their pods, at a moment.
/// Source: Kubernetes *Deployments*.
struct DeploymentPlan {
  let deployment: ClusterObject
  let selector: LabelSelector
  /// The replica sets of the deployment, the oldest first.
  let sets: [ClusterObject]
  /// The set that makes pods of the deployment's template; the oldest where there are several.
  let newSet: ClusterObject?
  private let claims: Claims
  let numbers: RollingNumbers
  let pods: (ClusterObject) -> [ClusterObject]
  let now: Timestamp

  /// - Parameters:
  ///   - candidates: all replica sets of the namespace.
  ///   - pods: those of a replica set, whatever their state.
  init(
    deployment: ClusterObject, candidates: [ClusterObject], pods: @escaping (ClusterObject) -> [ClusterObject],
    now: Timestamp
  ) {
    self.deployment = deployment
    selector = LabelSelector(document: deployment.document.at("spec", "selector"))
    claims = Claims(owner: deployment, selector: selector, candidates: candidates)
    sets = claims.claimed.sorted { Self.isOlder($0, $1) }
    let bare = Self.withoutHash(deployment.spec["template"] ?? [:])
    newSet = sets.first { Self.withoutHash($0.spec["template"] ?? [:]).means(bare) }
    numbers = RollingNumbers(deployment)
    self.pods = pods
    self.now = now
    taken = Set(candidates.map(\.name))
  }

  /// Names of all replica sets that are there.
  private let taken: Set<String>

  private static func isOlder(_ one: ClusterObject, _ other: ClusterObject) -> Bool {
    one.createdAt == other.createdAt ? one.name < other.name : one.createdAt < other.createdAt
  }

  var wanted: Int64 { deployment.wantedReplicas }
  var isPaused: Bool { deployment.spec.flagAt("paused") }
  var isRecreated: Bool { deployment.spec.textAt("strategy", "type") == "Recreate" }
  var template: JSONValue { deployment.spec["template"] ?? [:] }

  func plan() -> Plan {
    if selector.isEverything {
      var plan = Plan()
      plan.announcements = [
        Announcement(
          deployment, .warning, "SelectingAll",
          "This deployment is selecting all pods. A non-empty selector is required.")
      ]
      return plan
    }
    if !claims.changes.isEmpty { return Plan(claims.changes) }
    var plan = Plan()
    var status = deployment.status
    status["observedGeneration"] = .integer(deployment.generation)
    if deployment.isTerminating {
      finish(&plan, status)
      return plan
    }
    notePause(&status)
    var rollout = Rollout(self)
    if isPaused || isScaling {
      // Which set is the new one does not change meanwhile, nor is one made.
      rollout.revise(mayCreate: false)
      rollout.scale()
      if isPaused { rollout.cleanUp() }
    } else if isRecreated {
      rollout.recreate(status)
    } else {
      rollout.roll(status)
    }
    plan.groups += rollout.groups
    plan.announcements += rollout.announcements
    for (type, reason, message) in rollout.progress where deadlineSeconds != nil {
      // That a set was found says nothing new where something was said already.
      if reason == "FoundNewReplicaSet", status.condition(type) != nil { continue }
      status.setCondition(type, "True", reason: reason, message: message, at: now, updates: true)
    }
    if rollout.hasCollision { status["collisionCount"] = .integer(status.numberAt("collisionCount") + 1) }
    finish(&plan, status)
    return plan
  }

  /// Whether the wanted number was changed since the sets were told it.
  private var isScaling: Bool {
    sets.contains { set in
      guard set.wantedReplicas > 0, let told = set.annotation(DeploymentNames.desired) else { return false }
      return Int64(told) != wanted
    }
  }

  // MARK: sets

  private static func withoutHash(_ template: JSONValue) -> JSONValue {
    var template = template
    var meta = ObjectMeta(template["metadata"] ?? [:])
    meta.labels[DeploymentNames.hash] = nil
    template["metadata"] = meta.document
    return template
  }

  /// The name that a new set would have, and whether another has it.
  var newName: (hash: String, name: String, isTaken: Bool) {
    let hash = TemplateHash.of(template, collisions: deployment.status.numberAt("collisionCount"))
    let name = "\(deployment.name)-\(hash)"
    return (hash, name, taken.contains(name))
  }

  // MARK: status

  private var deadlineSeconds: Int64? {
    deployment.spec["progressDeadlineSeconds"]?.integer.flatMap { $0 == Int64(Int32.max) ? nil : $0 }
  }

  private func notePause(_ status: inout JSONValue) {
    guard deadlineSeconds != nil else { return }
    let reason = status.condition("Progressing")?.textAt("reason")
    if isPaused, reason != "DeploymentPaused", reason != "ProgressDeadlineExceeded" {
      status.setCondition(
        "Progressing", "Unknown", reason: "DeploymentPaused", message: "Deployment is paused", at: now, updates: true)
    } else if !isPaused, reason == "DeploymentPaused" {
      status.setCondition(
        "Progressing", "Unknown", reason: "DeploymentResumed", message: "Deployment is resumed", at: now, updates: true)
    }
  }

  /// Whether all pods are of the newest template and available.
  func isComplete(_ status: JSONValue) -> Bool {
    ["updatedReplicas", "replicas", "availableReplicas"].allSatisfy { status.numberAt($0) == wanted }
      && status.numberAt("observedGeneration") >= deployment.generation
  }

  /// The numbers as the sets' own statuses say them.
  func counted(_ status: JSONValue) -> JSONValue {
    var status = status
    func sum(_ field: String) -> Int64 { sets.reduce(0) { $0 + $1.status.numberAt(field) } }
    let available = sum("availableReplicas")
    status.setCount("replicas", sum("replicas"))
    status.setCount("updatedReplicas", newSet?.status.numberAt("replicas") ?? 0)
    status.setCount("readyReplicas", sum("readyReplicas"))
    status.setCount("availableReplicas", available)
    status.setCount("unavailableReplicas", max(0, sets.reduce(0) { $0 + $1.wantedReplicas } - available))
    return status
  }

  private func finish(_ plan: inout Plan, _ before: JSONValue) {
    var status = counted(before)
    if status.numberAt("availableReplicas") >= wanted - numbers.unavailable {
      status.setCondition(
        "Available", "True", reason: "MinimumReplicasAvailable", message: "Deployment has minimum availability.",
        at: now, updates: true)
    } else {
      status.setCondition(
        "Available", "False", reason: "MinimumReplicasUnavailable",
        message: "Deployment does not have minimum availability.", at: now, updates: true)
    }
    if !isPaused, !deployment.isTerminating { noteProgress(&status) }
    let failing = ([newSet].compactMap { $0 } + sets).lazy.compactMap { $0.status.condition("ReplicaFailure") }.first
    if let failing {
      status.setCondition(
        "ReplicaFailure", failing.textAt("status"), reason: failing.textAt("reason"),
        message: failing.textAt("message"), at: now, updates: true)
    } else {
      status.removeCondition("ReplicaFailure")
    }
    if !status.means(deployment.status) { plan.add([.replaceStatus(deployment, status)]) }
    plan.look(at: deadline(status))
  }

  private func noteProgress(_ status: inout JSONValue) {
    guard let deadlineSeconds else {
      status.removeCondition("Progressing")
      return
    }
    let old = deployment.status
    let current = status.condition("Progressing")
    let isSettled =
      status.numberAt("replicas") == status.numberAt("updatedReplicas")
      && current?.textAt("reason") == "NewReplicaSetAvailable"
    guard !isSettled else { return }
    let subject = newSet.map { "ReplicaSet \"\($0.name)\"" } ?? "Deployment \"\(deployment.name)\""
    func left(_ status: JSONValue) -> Int64 { status.numberAt("replicas") - status.numberAt("updatedReplicas") }
    let isProgress =
      ["updatedReplicas", "readyReplicas", "availableReplicas"].contains { status.numberAt($0) > old.numberAt($0) }
      || left(status) < left(old)
    if isComplete(status) {
      status.setCondition(
        "Progressing", "True", reason: "NewReplicaSetAvailable", message: "\(subject) has successfully progressed.",
        at: now, updates: true)
    } else if isProgress {
      // Every step moves the deadline, though the words stay the same.
      let since = current?.textAt("status") == "True" ? current?["lastTransitionTime"] : nil
      status.removeCondition("Progressing")
      status.setCondition(
        "Progressing", "True", reason: "ReplicaSetUpdated", message: "\(subject) is progressing.", at: now,
        updates: true)
      if let since { status.changeCondition("Progressing") { $0["lastTransitionTime"] = since } }
    } else if isLate(current, deadlineSeconds) {
      status.setCondition(
        "Progressing", "False", reason: "ProgressDeadlineExceeded", message: "\(subject) has timed out progressing.",
        at: now, updates: true)
    }
  }

  private func isLate(_ condition: JSONValue?, _ deadlineSeconds: Int64) -> Bool {
    guard let condition, let since = Timestamp(condition.textAt("lastUpdateTime")) else { return false }
    switch condition.textAt("reason") {
    case "NewReplicaSetAvailable", "DeploymentPaused": return false
    case "ProgressDeadlineExceeded": return true
    default: return since.adding(seconds: deadlineSeconds) < now
    }
  }

  /// When the deployment is late though nothing happens.
  private func deadline(_ status: JSONValue) -> Timestamp? {
    guard let deadlineSeconds, !isPaused, !isComplete(status), let condition = status.condition("Progressing"),
      !["ProgressDeadlineExceeded", "NewReplicaSetAvailable"].contains(condition.textAt("reason")),
      let since = Timestamp(condition.textAt("lastUpdateTime"))
    else { return nil }
    return since.adding(seconds: deadlineSeconds + 1)
  }
}

extension JSONValue {
  mutating func changeCondition(_ type: String, _ change: (inout JSONValue) -> Void) {
    changeItems("conditions") { if $0.textAt("type") == type { change(&$0) } }
  }
}
