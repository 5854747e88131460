import HTTPServing
import KubeMachinery
import KubeResources

/// What a pod asks for, and whether a node has it. Source: Kubernetes *Resource Management for Pods and Containers*.
struct ResourceAmounts: Equatable {
  /// CPU in thousandths, all others in units.
  private(set) var amounts: [String: Int64] = [:]

  subscript(_ name: String) -> Int64 { amounts[name] ?? 0 }

  mutating func add(_ other: ResourceAmounts) {
    for (name, amount) in other.amounts {
      let (sum, overflow) = self[name].addingReportingOverflow(amount)
      amounts[name] = overflow ? .max : sum
    }
  }

  /// The greater one of each.
  mutating func raise(to other: ResourceAmounts) {
    for (name, amount) in other.amounts { amounts[name] = max(self[name], amount) }
  }

  init() {}

  init(_ document: JSONValue?) {
    for (name, value) in document?.members ?? [] {
      guard let text = value.text ?? value.integer.map({ String($0) }), let amount = try? Quantity(parsing: text) else {
        continue
      }
      amounts[name] = name == "cpu" ? amount.milliValue : amount.value
    }
  }

  /// All that a pod's containers ask for at the same time.
  init(pod: ClusterObject) {
    for container in pod.document.listAt("spec", "containers") {
      add(ResourceAmounts(container.at("resources", "requests")))
    }
    // Sidecars run beside all that come after them; other init containers run alone.
    var sidecars = ResourceAmounts()
    var start = ResourceAmounts()
    for container in pod.document.listAt("spec", "initContainers") {
      var now = ResourceAmounts(container.at("resources", "requests"))
      if container.textAt("restartPolicy") == "Always" {
        sidecars.add(now)
        start.raise(to: sidecars)
      } else {
        now.add(sidecars)
        start.raise(to: now)
      }
    }
    add(sidecars)
    raise(to: start)
    add(ResourceAmounts(pod.document.at("spec", "overhead")))
  }
}

/// Taints of nodes and what pods tolerate. Source: Kubernetes *Taints and Tolerations*.
enum Taints {
  static func tolerates(_ tolerations: [JSONValue], _ taint: JSONValue) -> Bool {
    tolerations.contains { toleration in
      let effect = toleration.textAt("effect")
      guard effect.isEmpty || effect == taint.textAt("effect") else { return false }
      let key = toleration.textAt("key")
      if toleration.textAt("operator") == "Exists" { return key.isEmpty || key == taint.textAt("key") }
      return key == taint.textAt("key") && toleration.textAt("value") == taint.textAt("value")
    }
  }

  /// The first taint with one of these effects that is not tolerated.
  static func untolerated(
    _ node: ClusterObject, _ tolerations: [JSONValue], effects: Set<String> = ["NoSchedule", "NoExecute"]
  ) -> JSONValue? {
    node.document.listAt("spec", "taints").first {
      effects.contains($0.textAt("effect")) && !tolerates(tolerations, $0)
    }
  }
}

/// Which nodes a pod may be on by their labels. Source: Kubernetes *Assigning Pods to Nodes*.
enum NodeSelection {
  static func allows(_ spec: JSONValue, _ node: ClusterObject) -> Bool {
    let wanted = spec["nodeSelector"]?.texts ?? [:]
    guard LabelSelector(matching: wanted).matches(node.labels) else { return false }
    let path = ["affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution"]
    guard let required = spec[path: path] else { return true }
    // Terms are alternatives, and an empty one matches nothing.
    return required.listAt("nodeSelectorTerms").contains { term in
      let (labels, fields) = (term.listAt("matchExpressions"), term.listAt("matchFields"))
      guard !labels.isEmpty || !fields.isEmpty else { return false }
      return labels.allSatisfy { holds($0, node.labels?.at($0.textAt("key"))?.text) }
        && fields.allSatisfy { $0.textAt("key") == "metadata.name" && holds($0, node.name) }
    }
  }

  private static let relations: [String: LabelSelector.Requirement.Relation] = [
    "In": .isIn, "NotIn": .isNotIn, "Exists": .exists, "DoesNotExist": .doesNotExist, "Gt": .greaterThan,
    "Lt": .lessThan,
  ]

  private static func holds(_ requirement: JSONValue, _ value: String?) -> Bool {
    guard let relation = relations[requirement.textAt("operator")] else { return false }
    return LabelSelector.Requirement(
      key: requirement.textAt("key"), relation: relation, values: requirement.listAt("values").compactMap(\.text)
    ).holds(for: value)
  }
}
