import HTTPServing
import KubeMachinery

/// What `kubectl get pods` shows.
enum PodTable {
  static let table = PrinterTable(
    columns: [
      PrinterTable.nameColumn, Cells.column("Ready", "Ready containers of all."),
      Cells.column("Status", "State of the pod as a whole."),
      Cells.column("Restarts", "How often containers were started anew, and when last."), PrinterTable.ageColumn,
      Cells.column("IP", "Address of the pod.", wide: true), Cells.column("Node", "Node that it runs on.", wide: true),
      Cells.column("Nominated Node", "Node that room is made on.", wide: true),
      Cells.column("Readiness Gates", "Further conditions that hold, of all.", wide: true),
    ], cells: cells)

  /// Restarts of a group of containers, and when the last of them ended.
  private struct Restarts {
    var count: Int64 = 0
    var last: Timestamp?

    mutating func add(_ status: JSONValue) {
      count += status.numberAt("restartCount")
      guard let text = status.at("lastState", "terminated", "finishedAt")?.text, let ended = Timestamp(text) else {
        return
      }
      if last.map({ $0 < ended }) ?? true { last = ended }
    }

    func text(_ now: Timestamp) -> String {
      guard count > 0, let last else { return String(count) }
      return "\(count) (\(Timestamp.span(now.seconds - last.seconds)) ago)"
    }
  }

  private static func isSidecar(_ pod: JSONValue, _ name: String) -> Bool {
    pod.listAt("spec", "initContainers").contains {
      $0.textAt("name") == name && $0.textAt("restartPolicy") == "Always"
    }
  }

  @Sendable private static func cells(_ pod: JSONValue, _ now: Timestamp) -> [JSONValue] {
    var total = pod.listAt("spec", "containers").count
    total += pod.listAt("spec", "initContainers").count { $0.textAt("restartPolicy") == "Always" }
    let (status, ready, restarts) = state(pod)
    let address = pod.listAt("status", "podIPs").first?.textAt("ip") ?? pod.textAt("status", "podIP")
    return [
      Cells.name(pod), .string("\(ready)/\(total)"), .string(status), .string(restarts.text(now)), Cells.age(pod, now),
      Cells.text(address), Cells.text(pod.textAt("spec", "nodeName")),
      Cells.text(pod.textAt("status", "nominatedNodeName")), gates(pod),
    ]
  }

  private static func gates(_ pod: JSONValue) -> JSONValue {
    let gates = pod.listAt("spec", "readinessGates")
    guard !gates.isEmpty else { return .string(Cells.none) }
    let holding = gates.count { gate in
      pod.listAt("status", "conditions").contains {
        $0.textAt("type") == gate.textAt("conditionType") && $0.textAt("status") == "True"
      }
    }
    return .string("\(holding)/\(gates.count)")
  }

  private static func state(_ pod: JSONValue) -> (status: String, ready: Int, restarts: Restarts) {
    var status = pod.textAt("status", "phase")
    if !pod.textAt("status", "reason").isEmpty { status = pod.textAt("status", "reason") }
    let scheduled = pod.listAt("status", "conditions").first { $0.textAt("type") == "PodScheduled" }
    if scheduled?.textAt("reason") == "SchedulingGated" { status = "SchedulingGated" }
    var ready = 0
    var initRestarts = Restarts()
    var sidecarRestarts = Restarts()
    let initial = initState(pod, &ready, &initRestarts, &sidecarRestarts)
    var restarts = initRestarts
    let isInitialized = pod.listAt("status", "conditions").contains {
      $0.textAt("type") == "Initialized" && $0.textAt("status") == "True"
    }
    if let initial { status = initial }
    if initial == nil || isInitialized {
      restarts = sidecarRestarts
      var hasRunning = false
      for container in pod.listAt("status", "containerStatuses").reversed() {
        restarts.add(container)
        if let reason = reason(of: container) {
          status = reason
        } else if container.flagAt("ready"), container.at("state", "running") != nil {
          hasRunning = true
          ready += 1
        }
      }
      if status == "Completed", hasRunning {
        let isReady = pod.listAt("status", "conditions").contains {
          $0.textAt("type") == "Ready" && $0.textAt("status") == "True"
        }
        status = isReady ? "Running" : "NotReady"
      }
    }
    if pod.at("metadata", "deletionTimestamp") != nil {
      if pod.textAt("status", "reason") == "NodeLost" {
        status = "Unknown"
      } else if !["Failed", "Succeeded"].contains(pod.textAt("status", "phase")) {
        status = "Terminating"
      }
    }
    return (status, ready, restarts)
  }

  /// Why a container does not run.
  private static func reason(of container: JSONValue) -> String? {
    let waiting = container.textAt("state", "waiting", "reason")
    if !waiting.isEmpty { return waiting }
    guard let ended = container.at("state", "terminated") else { return nil }
    if !ended.textAt("reason").isEmpty { return ended.textAt("reason") }
    return ended.numberAt("signal") != 0
      ? "Signal:\(ended.numberAt("signal"))" : "ExitCode:\(ended.numberAt("exitCode"))"
  }

  /// The state while init containers are at work; nil when all are done.
  private static func initState(
    _ pod: JSONValue, _ ready: inout Int, _ restarts: inout Restarts, _ sidecars: inout Restarts
  ) -> String? {
    let total = pod.listAt("spec", "initContainers").count
    for (index, container) in pod.listAt("status", "initContainerStatuses").enumerated() {
      restarts.add(container)
      let isSidecar = isSidecar(pod, container.textAt("name"))
      if isSidecar { sidecars.add(container) }
      if let ended = container.at("state", "terminated"), ended.numberAt("exitCode") == 0 { continue }
      if isSidecar, container.flagAt("started") {
        if container.flagAt("ready") { ready += 1 }
        continue
      }
      let waiting = container.textAt("state", "waiting", "reason")
      if container.at("state", "terminated") != nil, let reason = reason(of: container) { return "Init:\(reason)" }
      if !waiting.isEmpty, waiting != "PodInitializing" { return "Init:\(waiting)" }
      return "Init:\(index)/\(total)"
    }
    return nil
  }
}
