import HTTPServing
import KubeMachinery
import KubeResources

@testable import NodeAgent

/// Pods and what a runtime has of them.
enum Sample {
  static let start = Timestamp(seconds: 1_800_000_000)
  static let identity = PodIdentity(namespace: "ns", name: "p", uid: "u1")
  static let node = NodeSettings(
    name: "n1", address: "192.0.2.7",
    capacity: NodeCapacity(processors: 4, memoryBytes: 8 << 30, storageBytes: 100 << 30, pods: 110), root: "/r/agent",
    clusterDNS: "10.96.0.10")

  static func json(_ text: String) -> JSONValue {
    do { return try JSONParser.parse(Array(text.utf8)) } catch { fatalError("a test's JSON: \(error) in \(text)") }
  }

  /// - Parameters:
  ///   - spec: members of the spec; `containers` is one named `c` where it names none.
  static func pod(_ spec: String = "{}", status: String = "{}", meta: String = "{}") -> PodDocument {
    var spec = json(spec)
    if spec["containers"] == nil { spec["containers"] = [["name": "c", "image": "i:1"]] }
    if spec["restartPolicy"] == nil { spec["restartPolicy"] = "Always" }
    var metadata: JSONValue = ["name": "p", "namespace": "ns", "uid": "u1", "resourceVersion": "5"]
    for (name, value) in json(meta).members { metadata[name] = value }
    return PodDocument(["metadata": metadata, "spec": spec, "status": json(status)])
  }

  static func sandbox(_ id: String = "s0", attempt: Int64 = 0, ready: Bool = true) -> SandboxRecord {
    SandboxRecord(
      id: id, pod: identity, attempt: attempt, isReady: ready, createdAt: start, addresses: ["10.244.0.5"])
  }

  static func record(
    _ name: String, _ state: ContainerRecord.State, attempt: Int64 = 0, code: Int64 = 0, sandbox: String = "s0",
    finished seconds: Int64 = 0, image: String = "i:1"
  ) -> ContainerRecord {
    ContainerRecord(
      id: "\(name)\(attempt)", sandbox: sandbox, pod: identity, name: name, attempt: attempt, state: state,
      createdAt: start, startedAt: start,
      finishedAt: state == .exited ? Timestamp(seconds: start.seconds + seconds) : nil, exitCode: code, image: image,
      imageID: "sha256:1", annotations: [RuntimeLabel.image: image])
  }

  /// Of the container `c`.
  static func record(
    _ state: ContainerRecord.State, attempt: Int64 = 0, code: Int64 = 0, sandbox: String = "s0",
    finished seconds: Int64 = 0
  ) -> ContainerRecord {
    record("c", state, attempt: attempt, code: code, sandbox: sandbox, finished: seconds)
  }

  static var ready: PodMemory {
    var memory = PodMemory()
    memory.areVolumesReady = true
    return memory
  }

  static func view(
    _ pod: PodDocument, _ containers: [ContainerRecord] = [], sandboxes: [SandboxRecord] = [sandbox()],
    memory: PodMemory = ready, isOrphaned: Bool = false, after seconds: Int64 = 0
  ) -> PodView {
    PodView(
      pod: pod, isOrphaned: isOrphaned, sandboxes: sandboxes, containers: containers, memory: memory, node: node,
      now: Timestamp(seconds: start.seconds + seconds))
  }
}

extension PodPlan {
  /// Actions in few words.
  var words: [String] {
    actions.map { action in
      switch action {
      case .prepareVolumes: "volumes"
      case .createSandbox(let attempt): "sandbox \(attempt)"
      case .stopSandbox(let id): "stop sandbox \(id)"
      case .removeSandbox(let id): "remove sandbox \(id)"
      case .start(let name, let attempt): "start \(name) \(attempt)"
      case .stop(let stop): "stop \(stop.id) \(stop.graceSeconds)"
      case .removeContainer(let id): "remove \(id)"
      case .removeFiles: "files"
      case .deletePod: "delete"
      }
    }
  }
}

/// A thousand times as fast as others.
struct QuickClock: Swift.Clock {
  var now: ContinuousClock.Instant { .now }
  var minimumResolution: Duration { .zero }

  func sleep(until deadline: ContinuousClock.Instant, tolerance: Duration?) async throws {
    try await ContinuousClock().sleep(for: now.duration(to: deadline) / 1_000)
  }
}
