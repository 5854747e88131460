import HTTPServing
import KubeMachinery
import KubeResources
import Model
import Synchronization
import Testing

@testable import NodeAgent

/// A runtime in memory: containers run until somebody says that they end.
final class FakeRuntime: PodRuntime {
  struct State {
    var sandboxes: [String: SandboxRecord] = [:]
    var containers: [String: ContainerRecord] = [:]
    var images: Set<String> = ["i:1"]
    var calls: [String] = []
    var serial = 0
    var exitCodes: [String: Int64] = [:]
    /// What is seen at one look after the other; the last one is seen from then on.
    var usages: [[ContainerUsage]] = []
    /// Instead of what is seen.
    var failure: RuntimeFailure?
    /// Containers that do not end within more than this grace, in seconds: whoever stops them waits, and others wait for him.
    var stubborn: [String: Int64] = [:]
    var stopping: Set<String> = []
    /// Why a start of these fails.
    var failures: [String: RuntimeFailure] = [:]
    /// So many calls that make something go unanswered.
    var outages = 0
  }

  let state = Mutex(State())

  var calls: [String] { state.withLock { $0.calls } }

  /// A container ends by itself.
  func end(_ name: String, code: Int64) {
    state.withLock { state in
      for id in state.containers.keys where state.containers[id]?.name == name {
        guard state.containers[id]?.state == .running else { continue }
        state.containers[id]?.state = .exited
        state.containers[id]?.exitCode = code
        state.containers[id]?.finishedAt = Sample.start
      }
    }
  }

  func version() async throws -> RuntimeVersion { RuntimeVersion(name: "fake", version: "1") }

  func sandboxes(pod uid: String?) async throws -> [SandboxRecord] {
    state.withLock { $0.sandboxes.values.filter { uid == nil || $0.pod.uid == uid } }
  }

  func containers(pod uid: String?) async throws -> [ContainerRecord] {
    state.withLock { $0.containers.values.filter { uid == nil || $0.pod.uid == uid } }
  }

  func runSandbox(_ request: SandboxRequest) async throws -> String {
    state.withLock { state in
      state.serial += 1
      let id = "s\(state.serial)"
      state.calls.append("sandbox")
      state.sandboxes[id] = SandboxRecord(
        id: id, pod: request.pod, attempt: request.attempt, isReady: true, createdAt: Sample.start,
        addresses: ["10.244.0.5"])
      return id
    }
  }

  func stopSandbox(_ id: String) async throws {
    state.withLock { state in
      state.calls.append("stop sandbox")
      state.sandboxes[id]?.isReady = false
    }
  }

  func removeSandbox(_ id: String) async throws {
    state.withLock { state in
      state.calls.append("remove sandbox")
      state.sandboxes[id] = nil
      state.containers = state.containers.filter { $0.value.sandbox != id }
    }
  }

  func createContainer(
    _ request: ContainerRequest, in sandbox: String, of pod: SandboxRequest
  ) async throws -> String {
    try state.withLock { state in
      if state.outages > 0 {
        state.outages -= 1
        throw RuntimeFailure(.unavailable, "no answer")
      }
      state.serial += 1
      let id = "k\(state.serial)"
      state.calls.append("create \(request.name) \(request.attempt)")
      state.containers[id] = ContainerRecord(
        id: id, sandbox: sandbox, pod: pod.pod, name: request.name, attempt: request.attempt, state: .created,
        createdAt: Sample.start, image: request.image, annotations: request.annotations)
      return id
    }
  }

  func startContainer(_ id: String) async throws {
    try state.withLock { state in
      let name = state.containers[id]?.name ?? ""
      state.calls.append("start \(name)")
      if let failure = state.failures[name] {
        state.containers[id]?.state = .exited
        state.containers[id]?.exitCode = 128
        throw failure
      }
      if let code = state.exitCodes[name] {
        state.containers[id]?.state = .exited
        state.containers[id]?.exitCode = code
        state.containers[id]?.finishedAt = Sample.start
      } else {
        state.containers[id]?.state = .running
      }
      state.containers[id]?.startedAt = Sample.start
    }
  }

  func stopContainer(_ id: String, graceSeconds: Int64) async throws {
    let waits = state.withLock { state -> Bool in
      let name = state.containers[id]?.name ?? ""
      state.calls.append("stop \(name) \(graceSeconds)")
      return state.stopping.contains(id) || graceSeconds > state.stubborn[name] ?? .max
    }
    if waits {
      state.withLock { _ = $0.stopping.insert(id) }
      try await withTaskCancellationHandler {
        try await Task.sleep(for: .seconds(3_600))
      } onCancel: {
        state.withLock { _ = $0.stopping.remove(id) }
      }
    }
    state.withLock { state in
      state.containers[id]?.state = .exited
      state.containers[id]?.exitCode = 143
      state.containers[id]?.finishedAt = Sample.start
    }
  }

  func removeContainer(_ id: String) async throws {
    state.withLock { state in
      state.calls.append("remove \(state.containers[id]?.name ?? "")")
      state.containers[id] = nil
    }
  }

  func reopenLog(_ id: String) async throws {
    try state.withLock { state in
      state.calls.append("reopen \(id)")
      if let failure = state.failures["reopen"] { throw failure }
    }
  }

  func execute(_ command: [String], in container: String, timeoutSeconds: Int64) async throws -> ExecutionResult {
    state.withLock { $0.calls.append("execute \(command.joined(separator: " "))") }
    return ExecutionResult(exitCode: 0, output: "")
  }

  func streams(_ wish: StreamWish) async throws -> String { throw RuntimeFailure(.notFound, "no streams of \(wish)") }

  func image(_ name: String) async throws -> ImageRecord? {
    state.withLock { $0.images.contains(name) ? ImageRecord(id: name, reference: name) : nil }
  }

  func pullImage(_ name: String, credentials: RegistryCredentials?, pod: SandboxRequest) async throws -> String {
    state.withLock { $0.calls.append("pull \(name)") }
    throw RuntimeFailure(.notFound, "no such image")
  }

  func usages() async throws -> [ContainerUsage] {
    try state.withLock { state in
      state.calls.append("look")
      if let failure = state.failure { throw failure }
      return state.usages.count > 1 ? state.usages.removeFirst() : state.usages.first ?? []
    }
  }

  func watch(_ seen: @escaping @Sendable (_ pod: String) async -> Void) async throws {}
}

/// Whatever is asked is well.
struct Alive: ProbeRunner {
  func run(
    _ target: ProbeTarget, in container: String, address: String, timeoutSeconds: Int64
  ) async -> ProbeAnswer { .success }
}

/// A server in memory that knows one pod, and lets others wait for what it is told.
final class FakeCluster: ClusterAccess {
  private struct State {
    var pod: JSONValue
    var revision: Int64
    var isDeleted = false
    /// What the pod was told to be, one status after the other.
    var told: [JSONValue] = []
    /// The server is away.
    var isAway = false
    /// Config maps, secrets and the like, by name.
    var objects: [String: JSONValue] = [:]
    var waiters: [(@Sendable (JSONValue?) -> Bool, CheckedContinuation<Void, Never>)] = []
  }

  private let state: Mutex<State>

  init(_ pod: PodDocument) {
    state = Mutex(State(pod: pod.document, revision: Int64(pod.meta.resourceVersion) ?? 0))
  }

  var told: [JSONValue] { state.withLock { $0.told } }

  func put(_ object: JSONValue, _ name: String) { state.withLock { $0.objects[name] = object } }

  func goAway(_ isAway: Bool) { state.withLock { $0.isAway = isAway } }

  var pod: JSONValue? { state.withLock { $0.isDeleted ? nil : $0.pod } }

  /// Until the pod is as wanted; nil stands for one that is gone.
  func wait(_ isWanted: @escaping @Sendable (JSONValue?) -> Bool) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { state -> Bool in
        if isWanted(state.isDeleted ? nil : state.pod) { return true }
        state.waiters.append((isWanted, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  /// Changes the pod as a user would.
  func change(_ change: (inout JSONValue) -> Void) -> PodDocument {
    state.withLock { state in
      change(&state.pod)
      Self.advance(&state)
      return PodDocument(state.pod)
    }
  }

  private static func advance(_ state: inout State) {
    state.revision += 1
    state.pod["metadata"]?["resourceVersion"] = .string(String(state.revision))
  }

  func send(_ request: ClusterRequest) async throws -> JSONValue {
    let (answer, ready) = try state.withLock { state -> (JSONValue, [CheckedContinuation<Void, Never>]) in
      if state.isAway { throw PlatformError(.unavailable, "away") }
      switch (request.method, request.path.last) {
      case (.patch, "status"):
        // As the server does it.
        let schema = try #require(KindCatalog.all.kind(called: "pod")).schema
        state.pod = try StrategicMergePatch(schema).apply(request.body ?? [:], to: state.pod)
        state.told.append(state.pod["status"] ?? [:])
        Self.advance(&state)
      case (.delete, _):
        // Who has a finalizer on it lets it go later.
        if state.pod.listAt("metadata", "finalizers").isEmpty { state.isDeleted = true }
        state.pod["metadata"]?["deletionGracePeriodSeconds"] = 0
        Self.advance(&state)
      case (.get, let name):
        guard let object = state.objects[name ?? ""] else { throw StatusError(404, "NotFound", "not here") }
        return (object, [])
      default: throw StatusError(404, "NotFound", "not here")
      }
      let pod = state.isDeleted ? nil : state.pod
      let ready = state.waiters.filter { $0.0(pod) }.map(\.1)
      state.waiters.removeAll { $0.0(pod) }
      return (state.pod, ready)
    }
    for waiter in ready { waiter.resume() }
    return answer
  }

  func watch(_ request: ClusterRequest, _ seen: @escaping @Sendable (JSONValue) async throws -> Void) async throws {}
}
