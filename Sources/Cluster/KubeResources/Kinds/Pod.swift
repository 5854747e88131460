import HTTPServing
import KubeMachinery

extension Kind {
  static let pod = Kind(
    KindName(group: "", version: "v1", kind: "Pod"), plural: "pods", shortNames: ["po"], categories: ["all"],
    subresources: PodRules.subresources, schema: .pod, table: PodTable.table,
    selectableFields: [
      SelectableField("spec.nodeName"), SelectableField("spec.restartPolicy"), SelectableField("spec.schedulerName"),
      SelectableField("spec.serviceAccountName"), SelectableField("spec.hostNetwork", default: "false"),
      SelectableField("status.phase"), SelectableField("status.podIP"), SelectableField("status.nominatedNodeName"),
    ],
    rules: KindRules(
      nameProblems: Naming.subdomain,
      defaults: { $0.change("spec", PodDefaults.applyToPod) },
      prepareCreate: { pod in
        pod.change("spec", PodDefaults.addTolerations)
        pod["status"] = [
          "phase": "Pending", "qosClass": .string(PodDefaults.qualityOfService(pod["spec"] ?? [:])),
        ]
      },
      prepareUpdate: { pod, old in
        pod.change("spec") { spec in
          PodDefaults.addTolerations(&spec)
          // What the pod was given when it was made; who sends his own document once more does not take it away.
          for field in ["priority", "preemptionPolicy"] {
            if let given = old.at("spec", field), !spec.has(field) { spec[field] = given }
          }
        }
      },
      validate: PodRules.errors,
      validateUpdate: PodRules.updateErrors,
      validateStatusUpdate: PodRules.statusErrors,
      validatesWholeOnUpdate: false,
      graceSeconds: { pod, wished in
        // What never got to a node, or has ended, goes at once.
        if pod.textAt("spec", "nodeName").isEmpty || ["Failed", "Succeeded"].contains(pod.textAt("status", "phase")) {
          return 0
        }
        let seconds = wished ?? pod.at("spec", "terminationGracePeriodSeconds")?.integer ?? 30
        return min(max(0, seconds), DeleteOptions.longestGraceSeconds)
      }))
}

enum PodRules {
  static let subresources: [Subresource] = [
    .status, Subresource("attach", kind: podOptions("PodAttachOptions"), verbs: ["create", "get"]),
    Subresource("binding", kind: podOptions("Binding"), verbs: ["create"]),
    Subresource("ephemeralcontainers", verbs: ["get", "patch", "update"]),
    Subresource(
      "eviction", kind: KindName(group: "policy", version: "v1", kind: "Eviction"), verbs: ["create"]),
    Subresource("exec", kind: podOptions("PodExecOptions"), verbs: ["create", "get"]),
    Subresource("log", verbs: ["get"]),
    Subresource("portforward", kind: podOptions("PodPortForwardOptions"), verbs: ["create", "get"]),
  ]

  private static func podOptions(_ kind: String) -> KindName { KindName(group: "", version: "v1", kind: kind) }

  @Sendable static func errors(_ pod: JSONValue) -> [FieldError] {
    var errors = PodSpecRules.errors(pod["spec"] ?? [:], at: "spec")
    if !pod.listAt("spec", "ephemeralContainers").isEmpty, pod.textAt("metadata", "uid").isEmpty {
      errors.append(.forbidden("spec.ephemeralContainers", "cannot be set on create"))
    }
    return errors
  }

  @Sendable static func bindingErrors(_ binding: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    let kind = binding.textAt("target", "kind")
    if !kind.isEmpty, kind != "Node" { errors.append(.notSupported("target.kind", kind, ["Node", "<empty>"])) }
    if binding.textAt("target", "name").isEmpty { errors.append(.required("target.name")) }
    return errors
  }

  /// The sentence that names what may change; clients know it by heart.
  private static let changeable =
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    + "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    + "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

  @Sendable static func updateErrors(_ pod: JSONValue, _ old: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    var spec = pod["spec"] ?? [:]
    let former = old["spec"] ?? [:]
    for list in ["containers", "initContainers"] {
      let (new, before) = (spec.listAt(list), former.listAt(list))
      guard new.count == before.count else {
        return [.forbidden("spec.\(list)", "pod updates may not add or remove containers")]
      }
      for (index, container) in new.enumerated() where container.textAt("image").isEmpty {
        errors.append(.required("spec.\(list)[\(index)].image"))
      }
      var place = before.startIndex
      spec.changeItems(list) { container in
        container["image"] = before[place]["image"]
        place += 1
      }
    }
    errors += deadlineErrors(spec, former)
    let grace = former.numberAt("terminationGracePeriodSeconds")
    if grace < 0, spec.numberAt("terminationGracePeriodSeconds") == 1 {
      spec["terminationGracePeriodSeconds"] = .integer(grace)
    }
    errors += PlacementRules.tolerationErrors(spec.listAt("tolerations"), at: "spec.tolerations")
    func withoutTime(_ toleration: JSONValue) -> JSONValue {
      var toleration = toleration
      toleration["tolerationSeconds"] = nil
      return toleration
    }
    let tolerations = spec.listAt("tolerations").map(withoutTime)
    for toleration in former.listAt("tolerations").map(withoutTime)
    where !tolerations.contains(where: { $0.means(toleration) }) {
      errors.append(
        .forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds"))
    }
    errors += gateErrors(spec, former)
    for field in ["activeDeadlineSeconds", "tolerations", "schedulingGates"] { spec[field] = former[field] }
    let names = changedFields(spec, former)
    if !names.isEmpty { errors.append(.forbidden("spec", "\(changeable)\n\(difference(spec, former, names))")) }
    return errors
  }

  private static func deadlineErrors(_ spec: JSONValue, _ former: JSONValue) -> [FieldError] {
    let path = "spec.activeDeadlineSeconds"
    switch (spec["activeDeadlineSeconds"]?.integer, former["activeDeadlineSeconds"]?.integer) {
    case (let new?, let old):
      let errors = Checks.range(path, new, 1...Int64(Int32.max))
      guard let old, new > old else { return errors }
      return errors + [.invalid(path, .integer(new), "must be less than or equal to previous value")]
    case (nil, .some): return [.invalid(path, .null, "must not update from a positive integer to nil value")]
    case (nil, nil): return []
    }
  }

  /// Gates may go, none may come.
  private static func gateErrors(_ spec: JSONValue, _ former: JSONValue) -> [FieldError] {
    let known = Set(former.listAt("schedulingGates").map { $0.textAt("name") })
    let added = spec.listAt("schedulingGates").map { $0.textAt("name") }.filter { !known.contains($0) }
    guard !added.isEmpty else { return [] }
    return [.forbidden("spec.schedulingGates", "only deletion is allowed, but found new scheduling gate '\(added[0])'")]
  }

  private static func changedFields(_ one: JSONValue, _ other: JSONValue) -> [String] {
    let names = (one.members + other.members).map(\.name)
    return Set(names).sorted().filter { name in
      switch (one[name], other[name]) {
      case (let left?, let right?): !left.means(right)
      case (let value?, nil), (nil, let value?): !value.isEmpty
      case (nil, nil): false
      }
    }
  }

  /// What changed, one line for each field that went and came. At most a few hundred bytes of each.
  private static func difference(_ new: JSONValue, _ old: JSONValue, _ names: [String]) -> String {
    names.flatMap { name in
      [("-", old[name]), ("+", new[name])].compactMap { sign, value in
        value.map { "\(sign) \(name): \($0.encodedText.prefix(500))\n" }
      }
    }.joined()
  }

  @Sendable static func statusErrors(_ pod: JSONValue, _ old: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    if pod.textAt("spec", "nodeName") != old.textAt("spec", "nodeName") {
      errors.append(.invalid("status.nodeName", pod.textAt("spec", "nodeName"), "cannot be changed directly"))
    }
    for (index, address) in pod.listAt("status", "podIPs").enumerated() {
      errors += Checks.address("status.podIPs[\(index)]", address.textAt("ip"))
    }
    return errors
  }
}
