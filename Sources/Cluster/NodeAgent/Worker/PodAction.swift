/// One thing to do for a pod.
enum PodAction: Sendable, Equatable {
  case prepareVolumes
  case createSandbox(attempt: Int64)
  case stopSandbox(String)
  /// With the containers that were made in it.
  case removeSandbox(String)
  /// Has the image pulled where that is needed, makes the container and starts it.
  case start(container: String, attempt: Int64)
  case stop(Stop)
  case removeContainer(String)
  /// Takes the pod's files away.
  case removeFiles
  /// Tells the server that nothing of the pod is left.
  case deletePod

  struct Stop: Sendable, Equatable {
    let id: String
    let container: String
    let graceSeconds: Int64
    let kill: PodMemory.Kill
    let message: String
    let runsHook: Bool
  }

  /// Whether the runtime has something else afterwards.
  var changesRuntime: Bool {
    switch self {
    case .prepareVolumes, .removeFiles, .deletePod: false
    default: true
    }
  }

  var isStart: Bool { if case .start = self { true } else { false } }

  /// What it is done to: one action at a time for each.
  var subject: String {
    switch self {
    case .prepareVolumes: "volumes"
    case .createSandbox: "sandbox"
    case .stopSandbox(let id): "stop sandbox \(id)"
    case .removeSandbox(let id): "remove sandbox \(id)"
    case .start(let container, _): "start \(container)"
    case .stop(let stop): Self.stops(of: stop.id) + String(stop.graceSeconds)
    case .removeContainer(let id): "remove \(id)"
    case .removeFiles: "files"
    case .deletePod: "pod"
    }
  }

  /// How the subjects of a container's stops begin.
  static func stops(of id: String) -> String { "stop \(id) " }
}

/// What an event at a pod says.
struct PodAnnouncement: Sendable, Equatable {
  var isWarning = false
  let reason: String
  let message: String
  /// Of a container.
  var container: String?
}
