import HTTPServing
import KubeMachinery
import KubeResources

/// The changes of replica sets that a deployment wants now. Numbers that are decided on count at once, so that several
/// decisions fit together.
struct Rollout {
  private let plan: DeploymentPlan
  private let deployment: ClusterObject
  private(set) var groups: [[Change]] = []
  private(set) var announcements: [Announcement] = []
  /// Conditions on progress: type, reason, message.
  private(set) var progress: [(type: String, reason: String, message: String)] = []
  /// Another set has the name that the new one would get.
  private(set) var hasCollision = false
  /// Wanted pods of each set by uid.
  private var numbers: [String: Int64]

  init(_ plan: DeploymentPlan) {
    self.plan = plan
    deployment = plan.deployment
    numbers = Dictionary(plan.sets.map { ($0.uid, $0.wantedReplicas) }, uniquingKeysWith: { $1 })
  }

  private var newSet: ClusterObject? { plan.newSet }
  private var oldSets: [ClusterObject] { plan.sets.filter { $0.uid != newSet?.uid } }
  private func number(_ set: ClusterObject) -> Int64 { numbers[set.uid] ?? 0 }
  private var total: Int64 { plan.sets.reduce(0) { $0 + number($1) } }

  /// Available pods of a set that it is to keep: one that was told to have fewer may not have ended them yet.
  private func available(_ set: ClusterObject) -> Int64 { min(number(set), set.status.numberAt("availableReplicas")) }

  /// Whether every set knows its number. One that does not may have more pods than that, and then no other set may grow: their
  /// sum would be more than is allowed for a moment.
  private var areObserved: Bool {
    plan.sets.allSatisfy { $0.status.numberAt("observedGeneration") >= $0.generation }
  }

  // MARK: revisions

  /// Notes the revision at the new set and at the deployment; makes the new set where there is none and it may.
  /// - Returns: whether the new set is there as it is to be.
  @discardableResult
  mutating func revise(mayCreate: Bool) -> Bool {
    let last = oldSets.map(\.deploymentRevision).max() ?? 0
    if let newSet {
      let revision = max(newSet.deploymentRevision, last + (newSet.deploymentRevision > last ? 0 : 1))
      var changes: [Change] = []
      var annotations = annotations(over: newSet)
      if newSet.deploymentRevision != revision {
        annotations[DeploymentNames.revision] = .string(String(revision))
        if newSet.deploymentRevision > 0 {
          let history = (newSet.annotation(DeploymentNames.revisionHistory).map { "\($0)," } ?? "")
          annotations[DeploymentNames.revisionHistory] = .string("\(history)\(newSet.deploymentRevision)")
        }
      }
      var patch: JSONValue = [:]
      if !annotations.members.isEmpty { patch["metadata"] = ["annotations": annotations] }
      let minReady = deployment.spec.numberAt("minReadySeconds")
      if newSet.spec.numberAt("minReadySeconds") != minReady {
        patch["spec"] = ["minReadySeconds": .integer(minReady)]
      }
      if !patch.isEmpty { changes.append(.patch(newSet, patch)) }
      changes += noteRevision(revision)
      if !changes.isEmpty { groups.append(changes) }
      progress.append(("Progressing", "FoundNewReplicaSet", "Found new replica set \"\(newSet.name)\""))
      return changes.isEmpty
    }
    guard mayCreate else { return true }
    create(revision: last + 1)
    return false
  }

  private func noteRevision(_ revision: Int64) -> [Change] {
    guard deployment.deploymentRevision != revision else { return [] }
    return [
      .patch(deployment, ["metadata": ["annotations": [DeploymentNames.revision: .string(String(revision))]]])
    ]
  }

  /// The deployment's annotations that the set lacks or has otherwise.
  private func annotations(over set: ClusterObject?) -> JSONValue {
    var missing: JSONValue = [:]
    for (name, value) in deployment.meta.annotations.sorted(by: { $0.key < $1.key })
    where !DeploymentNames.own.contains(name) && set?.annotation(name) != value {
      missing[name] = .string(value)
    }
    return missing
  }

  private mutating func create(revision: Int64) {
    let (hash, name, isTaken) = plan.newName
    guard !isTaken else {
      hasCollision = true
      return
    }
    let replicas = newNumber()
    var template = plan.template
    var inner = ObjectMeta(template["metadata"] ?? [:])
    inner.labels[DeploymentNames.hash] = hash
    template["metadata"] = inner.document
    var meta = ObjectMeta()
    meta.name = name
    meta.namespace = deployment.namespace
    meta.labels = inner.labels
    var annotations = annotations(over: nil).texts
    annotations[DeploymentNames.revision] = String(revision)
    annotations[DeploymentNames.desired] = String(plan.wanted)
    annotations[DeploymentNames.maximum] = String(plan.wanted + plan.numbers.surge)
    meta.annotations = annotations
    meta.ownerReferences = [deployment.owning()]
    var selector = deployment.spec["selector"] ?? [:]
    if selector["matchLabels"] == nil { selector["matchLabels"] = [:] }
    selector["matchLabels"]?[DeploymentNames.hash] = .string(hash)
    var spec: JSONValue = ["replicas": .integer(replicas), "selector": selector, "template": template]
    spec.setCount("minReadySeconds", deployment.spec.numberAt("minReadySeconds"))
    let set: JSONValue = [
      "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta.document, "spec": spec,
    ]
    groups.append([
      .create(
        .replicaSets, set,
        success: replicas > 0
          ? Announcement(
            deployment, .normal, "ScalingReplicaSet", "Scaled up replica set \(name) from 0 to \(replicas)") : nil,
        failure: Announcement(
          deployment, .warning, "ReplicaSetCreateError", "Failed to create new replica set \"\(name)\": ",
          addsOutcome: true))
    ])
    let noted = noteRevision(revision)
    if !noted.isEmpty { groups.append(noted) }
    progress.append(("Progressing", "NewReplicaSetCreated", "Created new replica set \"\(name)\""))
  }

  // MARK: numbers

  /// How many pods the new set may have now: up to the surge, and never more than wanted.
  private func newNumber() -> Int64 {
    let current = newSet.map(number) ?? 0
    guard !plan.isRecreated else { return plan.wanted }
    let room = plan.wanted + plan.numbers.surge - total
    guard room > 0, areObserved else { return current }
    return current + min(room, max(0, plan.wanted - current))
  }

  /// - Returns: whether the number changes.
  @discardableResult
  private mutating func set(_ set: ClusterObject, to replicas: Int64) -> Bool {
    let before = number(set)
    if replicas > before, !areObserved { return false }
    let maximum = String(plan.wanted + plan.numbers.surge)
    let desired = String(plan.wanted)
    let isNoted =
      set.annotation(DeploymentNames.desired) == desired && set.annotation(DeploymentNames.maximum) == maximum
    guard before != replicas || !isNoted else { return false }
    numbers[set.uid] = replicas
    let annotations: JSONValue = [
      DeploymentNames.desired: .string(desired), DeploymentNames.maximum: .string(maximum),
    ]
    let patch: JSONValue = ["metadata": ["annotations": annotations], "spec": ["replicas": .integer(replicas)]]
    replacePatch(of: set, patch)
    guard before != replicas else { return false }
    let direction = before < replicas ? "up" : "down"
    announcements.append(
      Announcement(
        deployment, .normal, "ScalingReplicaSet",
        "Scaled \(direction) replica set \(set.name) from \(before) to \(replicas)"))
    return true
  }

  /// A set that is decided on twice is patched once, for the second patch would find another revision.
  private mutating func replacePatch(of set: ClusterObject, _ patch: JSONValue) {
    let change = Change.patch(set, patch)
    for group in groups.indices {
      for place in groups[group].indices {
        guard case .patch(let target, let before) = groups[group][place].action, target.uid == set.uid else { continue }
        groups[group][place] = .patch(set, MergePatchUnion.of(before, patch))
        return
      }
    }
    groups.append([change])
  }

  // MARK: strategies

  /// Makes the sets' numbers follow a changed number of the deployment, also while it is paused.
  mutating func scale() {
    let active = plan.sets.filter { $0.wantedReplicas > 0 }
    if active.count <= 1 {
      // Only one set has pods, or none: that one, else the newest.
      guard let only = active.first ?? newSet ?? plan.sets.last else { return }
      set(only, to: plan.wanted)
      return
    }
    if let newSet, newSet.wantedReplicas == plan.wanted,
      newSet.annotation(DeploymentNames.desired) == String(plan.wanted),
      newSet.status.numberAt("availableReplicas") == plan.wanted
    {
      for old in oldSets where old.wantedReplicas > 0 { set(old, to: 0) }
      return
    }
    if !plan.isRecreated { scaleInProportion(active) }
  }

  private mutating func scaleInProportion(_ active: [ClusterObject]) {
    let allowed = plan.wanted > 0 ? plan.wanted + plan.numbers.surge : 0
    let toAdd = allowed - active.reduce(0) { $0 + $1.wantedReplicas }
    // The largest first; of equals the newer grows and the older shrinks first.
    let sorted = active.sorted { one, other in
      if one.wantedReplicas != other.wantedReplicas { return one.wantedReplicas > other.wantedReplicas }
      return toAdd > 0 ? one.createdAt > other.createdAt : one.createdAt < other.createdAt
    }
    var added: Int64 = 0
    var sizes: [(ClusterObject, Int64)] = []
    for set in sorted {
      var size = set.wantedReplicas
      if toAdd != 0 {
        let share = share(of: set, toAdd, added)
        size += share
        added += share
      }
      sizes.append((set, size))
    }
    for (place, (set, size)) in sizes.enumerated() {
      let rest = place == 0 && toAdd != 0 ? toAdd - added : 0
      self.set(set, to: max(0, size + rest))
    }
  }

  /// What a set gets of the pods to add, which is less than none where pods are to go.
  private func share(of set: ClusterObject, _ toAdd: Int64, _ added: Int64) -> Int64 {
    let replicas = set.wantedReplicas
    guard replicas != 0, toAdd != added else { return 0 }
    let left = toAdd - added
    guard plan.wanted > 0 else { return max(-replicas, left) }
    let before = max(
      1,
      set.annotation(DeploymentNames.maximum).flatMap { Int64($0) } ?? deployment.status.numberAt("replicas"))
    let size = Double(replicas) * Double(plan.wanted + plan.numbers.surge) / Double(before)
    let fraction = Int64(min(size.rounded(), Double(RollingNumbers.most))) - replicas
    return toAdd > 0 ? min(fraction, left) : max(fraction, left)
  }

  /// One step of replacing pods a few at a time.
  mutating func roll(_ status: JSONValue) {
    guard revise(mayCreate: true), let newSet else { return }
    let current = number(newSet)
    let target = current > plan.wanted ? plan.wanted : newNumber()
    if set(newSet, to: target) { return }
    if shrinkOldSets(newSet) { return }
    if plan.isComplete(plan.counted(status)) { cleanUp() }
  }

  /// - Returns: whether any shrinks.
  private mutating func shrinkOldSets(_ newSet: ClusterObject) -> Bool {
    let old = oldSets
    guard old.contains(where: { number($0) > 0 }) else { return false }
    let leastAvailable = plan.wanted - plan.numbers.unavailable
    let notYet = number(newSet) - available(newSet)
    let most = total - leastAvailable - notYet
    guard most > 0 else { return false }
    var changed = false
    // First what does not run anyway: it costs nobody anything.
    var rest = most
    for set in old where rest > 0 {
      let broken = number(set) - available(set)
      guard number(set) > 0, broken > 0 else { continue }
      let less = min(rest, broken)
      rest -= less
      changed = self.set(set, to: number(set) - less) || changed
    }
    var spare = plan.sets.reduce(0) { $0 + available($1) } - leastAvailable
    for set in old where spare > 0 && number(set) > 0 {
      let less = min(number(set), spare)
      spare -= less
      changed = self.set(set, to: number(set) - less) || changed
    }
    return changed
  }

  /// All old pods go before the first new one comes.
  mutating func recreate(_ status: JSONValue) {
    guard revise(mayCreate: false) else { return }
    var isShrinking = false
    for old in oldSets where number(old) > 0 { isShrinking = set(old, to: 0) || isShrinking }
    if isShrinking { return }
    let runs = oldSets.contains { set in plan.pods(set).contains { !$0.hasEnded } }
    if runs { return }
    guard let newSet else {
      revise(mayCreate: true)
      return
    }
    if set(newSet, to: plan.wanted) { return }
    if plan.isComplete(plan.counted(status)) { cleanUp() }
  }

  /// Deletes the oldest sets beyond those that history keeps.
  mutating func cleanUp() {
    guard let limit = deployment.spec["revisionHistoryLimit"]?.integer, limit < Int64(Int32.max) else { return }
    let old = oldSets.filter { !$0.isTerminating }.sorted { one, other in
      one.deploymentRevision == other.deploymentRevision
        ? one.createdAt < other.createdAt : one.deploymentRevision < other.deploymentRevision
    }
    let surplus = old.count - Int(limit)
    guard surplus > 0 else { return }
    let empty = old.prefix(surplus).filter { set in
      number(set) == 0 && set.status.numberAt("replicas") == 0
        && set.status.numberAt("observedGeneration") >= set.generation
    }
    if !empty.isEmpty { groups.append(empty.map { .delete($0) }) }
  }
}

/// Two merge patches in one.
enum MergePatchUnion {
  static func of(_ one: JSONValue, _ other: JSONValue) -> JSONValue {
    guard one.isObject, other.isObject else { return other }
    var union = one
    for (name, value) in other.members { union[name] = union[name].map { of($0, value) } ?? value }
    return union
  }
}
