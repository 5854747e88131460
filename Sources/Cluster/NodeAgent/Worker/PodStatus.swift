import HTTPServing
import KubeMachinery
import KubeResources

/// The status of a pod as the server is told: a pure function of a view and of what is about to be done.
/// Source: Kubernetes *Pod Lifecycle*.
struct PodStatus {
  let view: PodView
  let plan: PodPlan

  init(view: PodView, plan: PodPlan) {
    self.view = view.withRemains
    self.plan = plan
  }

  private var pod: PodDocument { view.pod }

  /// The whole `status` document. What others write there (conditions of theirs, `qosClass`) is kept.
  func document() -> JSONValue {
    var status = pod.status
    let states = ContainerStates(view: view, plan: plan)
    let initial = pod.initContainers.map { states.status($0) }
    let main = pod.containers.map { states.status($0) }
    let ephemeral = pod.ephemeralContainers.map { states.status($0) }
    let phase = phase(initial, main)
    status["phase"] = .string(phase)
    func list(_ name: String, _ items: [JSONValue]) { status[name] = items.isEmpty ? nil : .array(items) }
    list("initContainerStatuses", initial)
    list("containerStatuses", main)
    list("ephemeralContainerStatuses", ephemeral)
    status["hostIP"] = .string(view.node.address)
    status["hostIPs"] = [["ip": .string(view.node.address)]]
    let addresses = pod.isOnHostNetwork && view.sandbox != nil ? [view.node.address] : view.sandbox?.addresses ?? []
    if !addresses.isEmpty {
      status["podIP"] = .string(addresses[0])
      status["podIPs"] = .array(addresses.map { ["ip": .string($0)] })
    }
    if let start = view.startTime { status["startTime"] = .string(start.text) }
    if let ending = view.memory.ending {
      status["reason"] = .string(ending.reason)
      status["message"] = .string(ending.message)
    }
    status["conditions"] = .array(conditions(phase))
    return status
  }

  // MARK: phase

  private func phase(_ initial: [JSONValue], _ main: [JSONValue]) -> String {
    if pod.hasEnded { return pod.phase }
    switch view.outcome {
    // What has not ended yet in truth is not told as ended.
    case .some where view.containers.contains(where: \.isAlive): return pod.phase == "Pending" ? "Pending" : "Running"
    case .succeeded: return "Succeeded"
    case .failed: return "Failed"
    case nil: break
    }
    guard view.isInitialized else { return "Pending" }
    let hasWaiting = main.contains { status in
      status.at("state", "waiting") != nil && status.at("lastState", "terminated") == nil
    }
    return hasWaiting || main.isEmpty ? "Pending" : "Running"
  }

  // MARK: conditions

  private func conditions(_ phase: String) -> [JSONValue] {
    var own: [JSONValue] = []
    func add(_ type: String, _ holds: Bool, _ reason: String = "", _ message: String = "") {
      own.append(condition(type, holds ? "True" : "False", reason, message))
    }
    add("PodReadyToStartContainers", view.sandbox != nil)
    let waiting = pod.initContainers.filter { !view.isDone($0) }.map(\.name)
    if phase == "Succeeded" {
      add("Initialized", true, "PodCompleted")
    } else if view.isInitialized {
      add("Initialized", true)
    } else {
      add(
        "Initialized", false, "ContainersNotInitialized",
        "containers with incomplete status: [\(waiting.joined(separator: " "))]")
    }
    let serving = pod.initContainers.filter { $0.kind == .sidecar } + pod.containers
    let unready = serving.filter { !view.isReady($0) }.map(\.name)
    let ended = ["Succeeded": "PodCompleted", "Failed": "PodFailed"][phase]
    let message = "containers with unready status: [\(unready.joined(separator: " "))]"
    let areReady = ended == nil && unready.isEmpty
    let reason = ended ?? "ContainersNotReady"
    let text = ended == nil ? message : ""
    let gate = closedGate
    if !areReady {
      add("Ready", false, reason, text)
    } else if let gate {
      add("Ready", false, "ReadinessGatesNotReady", gate)
    } else {
      add("Ready", true)
    }
    areReady ? add("ContainersReady", true) : add("ContainersReady", false, reason, text)
    add("PodScheduled", true)
    let types = Set(own.map { $0.textAt("type") })
    return own + pod.status.listAt("conditions").filter { !types.contains($0.textAt("type")) }
  }

  /// Why a readiness gate keeps the pod unready; nil where none does. Source: Kubernetes *Pod readiness*.
  private var closedGate: String? {
    for gate in pod.spec.listAt("readinessGates") {
      let type = gate.textAt("conditionType")
      let condition = pod.status.listAt("conditions").first { $0.textAt("type") == type }
      guard let condition else { return "corresponding condition of pod readiness gate \"\(type)\" does not exist." }
      let status = condition.textAt("status")
      if status != "True" {
        return "the status of pod readiness gate \"\(type)\" is not \"True\", but \(status)"
      }
    }
    return nil
  }

  /// The moment of the last transition stays where the status does.
  private func condition(_ type: String, _ status: String, _ reason: String, _ message: String) -> JSONValue {
    let old = pod.status.listAt("conditions").first { $0.textAt("type") == type }
    let isSame = old?.textAt("status") == status
    let moment = isSame ? old?["lastTransitionTime"] : nil
    var condition: JSONValue = [
      "type": .string(type), "status": .string(status), "lastTransitionTime": moment ?? .string(view.now.text),
    ]
    if !reason.isEmpty { condition["reason"] = .string(reason) }
    if !message.isEmpty { condition["message"] = .string(message) }
    return condition
  }
}
