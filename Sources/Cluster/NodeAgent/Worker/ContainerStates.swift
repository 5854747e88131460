import HTTPServing
import KubeMachinery
import KubeResources

/// Statuses of a pod's containers, as `kubectl get pods` and `describe` show them.
struct ContainerStates {
  let view: PodView
  let plan: PodPlan

  func status(_ container: ContainerDocument) -> JSONValue {
    let record = view.latest(container.name)
    let known = known(container)
    if record == nil, let known, view.isEnding, view.isSettled { return lost(known) }
    var status: JSONValue = ["name": .string(container.name)]
    var last: JSONValue?
    let state: JSONValue
    if let waiting = waiting(container, record) {
      state = ["waiting": waiting]
      // What ended is the last state while the next attempt waits.
      if let record, record.state == .exited {
        last = terminated(record)
      } else {
        last = view.previous(container.name).flatMap(terminated) ?? lastKnown(known)
      }
    } else if let record {
      state = self.state(record)
      last = view.previous(container.name).flatMap(terminated)
      if last == nil, known?.numberAt("restartCount") == record.attempt { last = known?.at("lastState", "terminated") }
    } else {
      state = ["waiting": ["reason": .string(firstReason)]]
      last = lastKnown(known)
    }
    status["state"] = state
    status["lastState"] = last.map { ["terminated": $0] } ?? [:]
    status["ready"] = .bool(view.isReady(container))
    status["restartCount"] = .integer(record?.attempt ?? known?.numberAt("restartCount") ?? 0)
    status["image"] = .string(record.map { $0.image.isEmpty ? container.image : $0.image } ?? container.image)
    status["imageID"] = .string(record?.imageID ?? "")
    if let record { status["containerID"] = .string(Self.id(record)) }
    status["started"] = .bool(container.kind == .initial ? false : view.hasStarted(container))
    return status
  }

  /// As the server knows it.
  private func known(_ container: ContainerDocument) -> JSONValue? {
    let list = [
      ContainerDocument.Kind.initial: "initContainerStatuses", .sidecar: "initContainerStatuses",
      .main: "containerStatuses", .ephemeral: "ephemeralContainerStatuses",
    ]
    return view.pod.status.listAt(list[container.kind] ?? "").first { $0.textAt("name") == container.name }
  }

  /// As the server knows one that the runtime does not know any more.
  private func lost(_ known: JSONValue) -> JSONValue {
    var status = known
    status["ready"] = false
    status["started"] = false
    guard known.at("state", "running") != nil else { return status }
    // Source: Kubernetes *Pod Lifecycle*, container states.
    status["state"] = [
      "terminated": [
        "exitCode": 137, "reason": "ContainerStatusUnknown",
        "message": "The container could not be located when the pod was terminated",
        "containerID": .string(known.textAt("containerID")),
      ]
    ]
    return status
  }

  private func lastKnown(_ known: JSONValue?) -> JSONValue? {
    known?.at("state", "terminated") ?? known?.at("lastState", "terminated")
  }

  private var firstReason: String { view.isInitialized ? "ContainerCreating" : "PodInitializing" }

  /// Why a container does not run though it should; nil where its record says what it does.
  private func waiting(_ container: ContainerDocument, _ record: ContainerRecord?) -> JSONValue? {
    let memory = view.memory[container.name]
    guard !view.isEnding else { return nil }
    let isStarting = view.memory.busy.contains("start \(container.name)")
    if let failure = memory.failure, record?.isAlive != true, !isStarting || record == nil {
      if case .pull = plan.waits[container.name], failure.reason == "ErrImagePull" {
        return [
          "reason": "ImagePullBackOff",
          "message": .string(
            "Back-off pulling image \(GoText.quoted(container.image)): \(failure.reason): \(failure.message)"),
        ]
      }
      return ["reason": .string(failure.reason), "message": .string(failure.message)]
    }
    if case .restart(let backOff) = plan.waits[container.name] {
      return [
        "reason": "CrashLoopBackOff",
        "message": .string(
          "back-off \(backOff.text) restarting failed container=\(container.name) pod=\(view.pod.shown)"),
      ]
    }
    guard let record else { return nil }
    switch record.state {
    case .created: return ["reason": .string(firstReason)]
    // The hook after the start has to end first.
    case .running:
      let waitsForHook = container.hook("postStart") != nil && isStarting
      return waitsForHook ? ["reason": "ContainerCreating"] : nil
    case .unknown: return nil
    case .exited:
      let isOfOldSandbox = view.sandbox.map { $0.id != record.sandbox } ?? false
      return isStarting || isOfOldSandbox && view.restarts(container, record)
        ? ["reason": .string(firstReason)] : nil
    }
  }

  private func state(_ record: ContainerRecord) -> JSONValue {
    switch record.state {
    case .running, .unknown: ["running": ["startedAt": .string((record.startedAt ?? record.createdAt).text)]]
    case .exited: ["terminated": terminated(record) ?? [:]]
    case .created: ["waiting": ["reason": .string(firstReason)]]
    }
  }

  private func terminated(_ record: ContainerRecord) -> JSONValue? {
    guard record.state == .exited else { return nil }
    var state: JSONValue = ["exitCode": .integer(record.exitCode)]
    let reason = record.reason.isEmpty ? record.exitCode == 0 ? "Completed" : "Error" : record.reason
    state["reason"] = .string(reason)
    if !record.message.isEmpty { state["message"] = .string(record.message) }
    if let moment = record.startedAt { state["startedAt"] = .string(moment.text) }
    if let moment = record.finishedAt { state["finishedAt"] = .string(moment.text) }
    state["containerID"] = .string(Self.id(record))
    return state
  }

  static func id(_ record: ContainerRecord) -> String { "bulkhead://\(record.id)" }
}
