import HTTPServing
import KubeMachinery

/// Defaults of pods' specifications that depend on other fields. Source: Kubernetes API reference, PodSpec and Container.
enum PodDefaults {
  /// For every specification, also within templates.
  static func apply(to spec: inout JSONValue) {
    for list in ["containers", "initContainers", "ephemeralContainers"] { spec.changeItems(list, container) }
    spec.changeItems("volumes") { volume in
      if volume.members.allSatisfy({ $0.name == "name" }) { volume["emptyDir"] = [:] }
      volume.change("image") { $0.setDefault("pullPolicy", pullPolicy($0.textAt("reference"))) }
    }
    let (name, alias) = (spec.textAt("serviceAccountName"), spec.textAt("serviceAccount"))
    let account = name.isEmpty ? alias : name
    if !account.isEmpty {
      spec["serviceAccountName"] = .string(account)
      spec["serviceAccount"] = .string(account)
    }
  }

  /// For a template within an object at `spec.template`.
  static func applyToTemplate(of object: inout JSONValue) {
    object.change("spec") { $0.change("template") { $0.change("spec", apply) } }
  }

  /// For pods only.
  static func applyToPod(_ spec: inout JSONValue) {
    apply(to: &spec)
    spec.setDefault("enableServiceLinks", true)
    let isOnHost = spec.flagAt("hostNetwork")
    for list in ["containers", "initContainers"] {
      spec.changeItems(list) { container in
        container.change("resources", requestLimits)
        guard isOnHost else { return }
        container.changeItems("ports") { port in
          if port.numberAt("hostPort") == 0, let number = port["containerPort"] { port["hostPort"] = number }
        }
      }
    }
  }

  /// What a pod tolerates where it does not say so itself: for a while that its node is not ready or cannot be reached, and, unless its
  /// quality of service is the lowest, that its node runs short of memory.
  /// Source: Kubernetes *DefaultTolerationSeconds*; *Taints and Tolerations*, taint nodes by condition.
  static func addTolerations(_ spec: inout JSONValue) {
    for key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] {
      add(
        ["key": .string(key), "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300],
        toTolerationsOf: &spec)
    }
    guard qualityOfService(spec) != "BestEffort" else { return }
    add(
      ["key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"],
      toTolerationsOf: &spec)
  }

  private static func add(_ toleration: JSONValue, toTolerationsOf spec: inout JSONValue) {
    let own = spec.listAt("tolerations")
    let isKnown = own.contains {
      ["", toleration.textAt("key")].contains($0.textAt("key"))
        && ["", toleration.textAt("effect")].contains($0.textAt("effect"))
    }
    if !isKnown { spec["tolerations"] = .array(own + [toleration]) }
  }

  /// What is limited and not asked for is asked for up to the limit.
  private static func requestLimits(_ resources: inout JSONValue) {
    guard let limits = resources["limits"] else { return }
    for (name, limit) in limits.members where resources.at("requests", name) == nil {
      if resources["requests"] == nil { resources["requests"] = .object([]) }
      resources["requests"]?[name] = limit
    }
  }

  private static func container(_ container: inout JSONValue) {
    container.setDefault("imagePullPolicy", pullPolicy(container.textAt("image")))
    for field in ["livenessProbe", "readinessProbe", "startupProbe"] {
      container.change(field) { probe in
        // Go knows no difference between 0 and nothing said.
        let defaults: [(String, Int64)] = [
          ("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3),
        ]
        for (name, value) in defaults where probe.numberAt(name) == 0 { probe[name] = .integer(value) }
      }
    }
    if container.at("securityContext", "procMount") == .string("") {
      container["securityContext"]?["procMount"] = "Default"
    }
  }

  /// `latest`, and what has no tag, is pulled each time.
  static func pullPolicy(_ image: String) -> JSONValue {
    guard !image.contains("@") else { return "IfNotPresent" }
    let name = image.split(separator: "/", omittingEmptySubsequences: false).last ?? ""
    let tag = name.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).dropFirst().first
    return tag == nil || tag == "latest" || tag == "" ? "Always" : "IfNotPresent"
  }

  /// Source: Kubernetes *Pod Quality of Service Classes*.
  static func qualityOfService(_ spec: JSONValue) -> String {
    let containers = spec.listAt("containers") + spec.listAt("initContainers")
    var isGuaranteed = true
    var saysAnything = false
    for container in containers {
      for name in ["cpu", "memory"] {
        let limit = amount(container.at("resources", "limits", name))
        let request = amount(container.at("resources", "requests", name))
        if limit != nil || request != nil { saysAnything = true }
        if limit == nil || request != limit { isGuaranteed = false }
      }
    }
    return saysAnything ? (isGuaranteed ? "Guaranteed" : "Burstable") : "BestEffort"
  }

  /// Nothing counts as none.
  private static func amount(_ value: JSONValue?) -> Quantity? {
    guard let text = value?.text, let amount = try? Quantity(parsing: text), amount > .zero else { return nil }
    return amount
  }
}
