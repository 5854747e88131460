import FoundationEssentials
import HTTPServing
import KubeMachinery
import KubeResources
import LinuxSystem
import Logging
import Testing

@testable import NodeAgent

/// A worker with a runtime and a server in memory. Nothing here waits for time: only for what the worker does.
@Suite(.timeLimit(.minutes(1)))
struct PodWorkerTests {
  private struct Alive: ProbeRunner {
    func run(
      _ target: ProbeTarget, in container: String, address: String, timeoutSeconds: Int64
    ) async -> ProbeAnswer { .success }
  }

  private static func living(
    _ pod: PodDocument, runtime: FakeRuntime = FakeRuntime(),
    _ body: (PodWorker, FakeRuntime, FakeCluster) async throws -> Void
  ) async throws {
    let root = FileManager.default.temporaryDirectory.path + "/agent-\(UUID().uuidString)"
    defer { try? FileSystem.removeTree(root) }
    var node = Sample.node
    node.root = root
    let cluster = FakeCluster(pod)
    let context = AgentContext(
      runtime: runtime, cluster: cluster, node: node, probes: Alive(), hostDNS: SandboxRequest.DNS(),
      services: { _ in [] }, tokens: TokenCache(), announce: { _, _ in }, now: { Sample.start },
      clock: ContinuousClock(), executor: nil, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    let worker = PodWorker(pod, isOrphaned: false, context)
    let running = Task { await worker.run() }
    try await body(worker, runtime, cluster)
    running.cancel()
    await running.value
  }

  @Sendable private static func isReady(_ pod: JSONValue?) -> Bool {
    pod?.listAt("status", "conditions").contains {
      $0.textAt("type") == "Ready" && $0.textAt("status") == "True"
    } ?? false
  }

  private static let delete: @Sendable (inout JSONValue) -> Void = { pod in
    pod["metadata"]?["deletionTimestamp"] = .string(Timestamp(seconds: Sample.start.seconds + 30).text)
    pod["metadata"]?["deletionGracePeriodSeconds"] = 30
  }

  @Test("A pod is made, is told ready, and is taken away")
  func life() async throws {
    let pod = Sample.pod(
      #"{"initContainers":[{"name":"a","image":"i:1"}],"containers":[{"name":"c","image":"i:1","readinessProbe":{"exec":{"command":["x"]}}}]}"#
    )
    let runtime = FakeRuntime()
    runtime.state.withLock { $0.exitCodes["a"] = 0 }
    try await Self.living(pod, runtime: runtime) { worker, runtime, cluster in
      await cluster.wait(Self.isReady)
      #expect(cluster.pod?.textAt("status", "phase") == "Running")
      #expect(runtime.calls == ["sandbox", "create a 0", "start a", "create c 0", "start c"])
      await worker.take(cluster.change(Self.delete))
      await cluster.wait { $0 == nil }
      #expect(
        runtime.calls.dropFirst(5).sorted()
          == ["remove a", "remove c", "remove sandbox", "stop c 30", "stop sandbox"])
    }
  }

  @Test("A new worker takes over what runs, and restarts nothing")
  func takeover() async throws {
    let runtime = FakeRuntime()
    let probe = #"{"containers":[{"name":"c","image":"i:1","readinessProbe":{"exec":{"command":["x"]}}}]}"#
    var known: JSONValue = [:]
    try await Self.living(Sample.pod(probe), runtime: runtime) { _, _, cluster in
      await cluster.wait(Self.isReady)
      known = cluster.pod ?? [:]
    }
    let calls = runtime.calls
    try await Self.living(PodDocument(known), runtime: runtime) { worker, _, cluster in
      // A pod that is deleted has been looked at; it was ready until then.
      await worker.take(cluster.change { $0["metadata"]?["labels"] = ["x": "y"] })
      #expect(Self.isReady(cluster.pod))
      await worker.take(cluster.change(Self.delete))
      await cluster.wait { $0 == nil }
    }
    #expect(runtime.calls.dropFirst(calls.count).first == "stop c 30")
  }

  @Test("An image that is not there is told")
  func missingImage() async throws {
    let pod = Sample.pod(#"{"containers":[{"name":"c","image":"none:1","imagePullPolicy":"IfNotPresent"}]}"#)
    try await Self.living(pod) { _, runtime, cluster in
      await cluster.wait { pod in
        let reason = pod?.listAt("status", "containerStatuses").first?.textAt("state", "waiting", "reason")
        return reason == "ErrImagePull" || reason == "ImagePullBackOff"
      }
      #expect(runtime.calls == ["sandbox", "pull none:1"])
    }
  }

  @Test("A job's pod ends and stays")
  func completion() async throws {
    let runtime = FakeRuntime()
    runtime.state.withLock { $0.exitCodes["c"] = 0 }
    try await Self.living(Sample.pod(#"{"restartPolicy":"Never"}"#), runtime: runtime) { _, runtime, cluster in
      await cluster.wait { $0?.textAt("status", "phase") == "Succeeded" }
      #expect(runtime.calls.filter { $0.hasPrefix("remove") } == [])
    }
  }

  @Test("What the server has forgotten is ended with what the runtime knows")
  func orphans() {
    var record = Sample.record(.running)
    record.annotations[RuntimeLabel.graceSeconds] = "7"
    let pod = PodRegistry.pod([], [record])
    #expect(pod?.identity == Sample.identity)
    #expect(pod?.graceSeconds == 7)
    #expect(pod?.containers.map(\.name) == ["c"])
  }
}
