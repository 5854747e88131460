import FoundationEssentials
import HTTPServing
import KubeControllers
import KubeMachinery
import KubeResources
import LinuxSystem
import Logging
import Synchronization
import Testing

@testable import NodeAgent

/// A worker with a runtime and a server in memory. Nothing here waits for time: it passes when a test says so, and pauses are short.
@Suite(.timeLimit(.minutes(1)))
struct PodWorkerTests {
  /// Answers when it is told to, or never.
  private final class Held: ProbeRunner {
    let begun = Bell()
    let released = Bell()

    func run(
      _ target: ProbeTarget, in container: String, address: String, timeoutSeconds: Int64
    ) async -> ProbeAnswer {
      begun.ring()
      await released.wait(since: 0)
      return Task.isCancelled ? .unknown("cancelled") : .success
    }
  }

  /// Time as a test wants it.
  private final class Hand: Sendable {
    private let state = Mutex<(seconds: Int64, reads: Int)>((0, 0))

    func advance(_ more: Int64) { state.withLock { $0.seconds += more } }
    /// How often somebody has asked what time it is.
    var reads: Int { state.withLock { $0.reads } }
    var now: Timestamp {
      state.withLock { state in
        state.reads += 1
        return Timestamp(seconds: Sample.start.seconds + state.seconds)
      }
    }
  }

  private struct Stage: Sendable {
    let runtime: FakeRuntime
    let cluster: FakeCluster
    let hand = Hand()
    let context: AgentContext

    init(_ pod: PodDocument, runtime: FakeRuntime, probes: any ProbeRunner, root: String) {
      var node = Sample.node
      node.root = root
      self.runtime = runtime
      cluster = FakeCluster(pod)
      context = AgentContext(
        runtime: runtime, cluster: cluster, node: node, probes: probes, hostDNS: SandboxRequest.DNS(),
        services: { _ in [] }, tokens: TokenCache(), announce: { _, _ in }, now: { [hand] in hand.now },
        clock: QuickClock(), executor: nil, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    }

    /// Until the worker has looked at all there is, and has begun what came of it.
    func looked(_ worker: PodWorker) async {
      let before = hand.reads
      await worker.look()
      while hand.reads == before { await Task.yield() }
      // What it does in one go is over when it answers.
      _ = await worker.document
    }
  }

  private static func living(
    _ pod: PodDocument, runtime: FakeRuntime = FakeRuntime(), probes: any ProbeRunner = Alive(),
    ending: PodMemory.Ending? = nil,
    _ body: (PodWorker, Stage) async throws -> Void
  ) async throws {
    let root = FileManager.default.temporaryDirectory.path + "/agent-\(UUID().uuidString)"
    defer { try? FileSystem.removeTree(root) }
    let stage = Stage(pod, runtime: runtime, probes: probes, root: root)
    let worker = PodWorker(pod, isOrphaned: false, ending: ending, stage.context)
    let running = Task { await worker.run() }
    try await body(worker, stage)
    running.cancel()
    await running.value
  }

  @Sendable private static func isReady(_ pod: JSONValue?) -> Bool {
    pod?.listAt("status", "conditions").contains {
      $0.textAt("type") == "Ready" && $0.textAt("status") == "True"
    } ?? false
  }

  private static func delete(within seconds: Int64, at now: Timestamp = Sample.start) -> (inout JSONValue) -> Void {
    { pod in
      pod["metadata"]?["deletionTimestamp"] = .string(Timestamp(seconds: now.seconds + seconds).text)
      pod["metadata"]?["deletionGracePeriodSeconds"] = .integer(seconds)
    }
  }

  @Test("A pod is made, is told ready, is told ended, and is taken away")
  func life() async throws {
    let pod = Sample.pod(
      #"{"initContainers":[{"name":"a","image":"i:1"}],"containers":[{"name":"c","image":"i:1","readinessProbe":{"exec":{"command":["x"]}}}]}"#
    )
    let runtime = FakeRuntime()
    runtime.state.withLock { $0.exitCodes["a"] = 0 }
    try await Self.living(pod, runtime: runtime) { worker, stage in
      let cluster = stage.cluster
      await cluster.wait(Self.isReady)
      #expect(cluster.pod?.textAt("status", "phase") == "Running")
      #expect(runtime.calls == ["sandbox", "create a 0", "start a", "create c 0", "start c"])
      await worker.take(cluster.change(Self.delete(within: 30)))
      await cluster.wait { $0 == nil }
      #expect(runtime.calls.dropFirst(5) == ["stop c 30", "stop sandbox", "remove sandbox"])
      #expect(cluster.told.last?.textAt("phase") == "Failed")
      #expect(Self.exitCode(cluster.told.last) == 143)
    }
  }

  private static func exitCode(_ status: JSONValue?) -> Int64? {
    status?.listAt("containerStatuses").first?.at("state", "terminated", "exitCode")?.integer
  }

  @Test("A pod that the node has no room for is told to have failed, and nothing of it is made")
  func refused() async throws {
    let ending = PodMemory.Ending(reason: "OutOfpods", message: "Pod was rejected: no room", since: Sample.start)
    try await Self.living(Sample.pod(), ending: ending) { worker, stage in
      let (runtime, cluster) = (stage.runtime, stage.cluster)
      await cluster.wait { $0?.textAt("status", "phase") == "Failed" }
      #expect(cluster.pod?.textAt("status", "reason") == "OutOfpods")
      #expect(cluster.pod?.textAt("status", "message") == "Pod was rejected: no room")
      await worker.take(cluster.change(Self.delete(within: 30)))
      await cluster.wait { $0 == nil }
      #expect(runtime.calls.isEmpty)
    }
  }

  @Test("A container whose host path is not what its volume says is not started")
  func hostPathType() async throws {
    let pod = Sample.pod(
      #"{"volumes":[{"name":"h","hostPath":{"path":"/etc/passwd","type":"Directory"}}],"containers":[{"name":"c","image":"i:1","volumeMounts":[{"name":"h","mountPath":"/h"}]}]}"#
    )
    try await Self.living(pod) { _, stage in
      let (runtime, cluster) = (stage.runtime, stage.cluster)
      await cluster.wait { pod in
        pod?.listAt("status", "containerStatuses").first?.textAt("state", "waiting", "message")
          == "MountVolume.SetUp failed for volume \"h\" : hostPath type check failed: /etc/passwd is not a directory"
      }
      #expect(runtime.calls == ["sandbox", "create c 0", "remove c"])
    }
  }

  @Test("A new worker takes over what runs as it was told, and restarts nothing")
  func takeover() async throws {
    let runtime = FakeRuntime()
    let probe = #"{"containers":[{"name":"c","image":"i:1","readinessProbe":{"exec":{"command":["x"]}}}]}"#
    var known: JSONValue = [:]
    try await Self.living(Sample.pod(probe), runtime: runtime) { _, stage in
      await stage.cluster.wait(Self.isReady)
      known = stage.cluster.pod ?? [:]
    }
    let calls = runtime.calls
    // Something that it has to tell, while its probes have not answered.
    known["status"]?["hostIP"] = nil
    try await Self.living(PodDocument(known), runtime: runtime, probes: Held()) { worker, stage in
      let cluster = stage.cluster
      await cluster.wait { $0?.textAt("status", "hostIP") != "" }
      #expect(cluster.told.count == 1)
      #expect(Self.isReady(cluster.told.first.map { ["status": $0] }))
      #expect(runtime.calls == calls)
      await worker.take(cluster.change(Self.delete(within: 30)))
      await cluster.wait { $0 == nil }
    }
    #expect(runtime.calls.dropFirst(calls.count).first == "stop c 30")
  }

  private static let hooked =
    #"{"containers":[{"name":"c","image":"i:1","lifecycle":{"preStop":{"exec":{"command":["x"]}}}}]}"#

  @Test("A hook before the end has its time, whatever else the worker wakes up for")
  func hook() async throws {
    let held = Held()
    try await Self.living(Sample.pod(Self.hooked), probes: held) { worker, stage in
      await stage.cluster.wait(Self.isReady)
      let before = stage.runtime.calls.count
      await worker.take(stage.cluster.change(Self.delete(within: 30)))
      await held.begun.wait(since: 0)
      for _ in 0..<3 {
        stage.hand.advance(3)
        await stage.looked(worker)
      }
      #expect(stage.runtime.calls.count == before)
      held.released.ring()
      await stage.cluster.wait { $0 == nil }
      #expect(stage.runtime.calls.dropFirst(before) == ["stop c 21", "stop sandbox", "remove sandbox"])
    }
  }

  @Test("A second deletion with less time ends the first one's wait")
  func sooner() async throws {
    let runtime = FakeRuntime()
    runtime.state.withLock { $0.stubborn["c"] = 5 }
    try await Self.living(Sample.pod(), runtime: runtime) { worker, stage in
      await stage.cluster.wait(Self.isReady)
      let before = runtime.calls.count
      await worker.take(stage.cluster.change(Self.delete(within: 30)))
      while !runtime.state.withLock({ $0.stopping.contains("k2") }) { await Task.yield() }
      await worker.take(stage.cluster.change(Self.delete(within: 1)))
      await stage.cluster.wait { $0 == nil }
      #expect(runtime.calls.dropFirst(before) == ["stop c 30", "stop c 1", "stop sandbox", "remove sandbox"])
    }
  }

  @Test("Objects that a pod's volumes show are bounded in all")
  func largeVolumes() async throws {
    let root = FileManager.default.temporaryDirectory.path + "/agent-\(UUID().uuidString)"
    defer { try? FileSystem.removeTree(root) }
    let pod = Sample.pod(
      #"{"volumes":[{"name":"v","configMap":{"name":"a"}},{"name":"w","secret":{"secretName":"b"}}]}"#)
    let stage = Stage(pod, runtime: FakeRuntime(), probes: Alive(), root: root)
    let operations = PodOperations(context: stage.context, view: Sample.view(pod))
    func object(_ bytes: Int) -> JSONValue { ["data": ["k": .string(String(repeating: "A", count: bytes))]] }
    stage.cluster.put(object(1_000), "a")
    stage.cluster.put(object(1_000), "b")
    #expect(await operations.perform(.prepareVolumes) == .done)
    stage.cluster.put(object(PodObjects.maxBytes - 1_001), "b")
    let message = "config maps and secrets of a pod have more than 64 MiB in all"
    #expect(
      await operations.perform(.prepareVolumes) == .failed(PodMemory.Failure(reason: "FailedMount", message: message)))
  }

  @Test("Folders of the host are made by the runtime, files by nobody")
  func hostFolders() throws {
    let pod = Sample.pod(
      #"{"volumes":[{"name":"a","hostPath":{"path":"/a","type":"DirectoryOrCreate"}},{"name":"b","hostPath":{"path":"/b"}},{"name":"f","hostPath":{"path":"/f","type":"FileOrCreate"}}],"containers":[{"name":"c","volumeMounts":[{"name":"a"},{"name":"b"}]},{"name":"d","volumeMounts":[{"name":"f"}]}]}"#
    )
    #expect(try HostFolders.wanted(by: pod.containers[0], of: pod) == ["/a"])
    #expect(throws: VolumeFiles.Failure.self) { try HostFolders.wanted(by: pod.containers[1], of: pod) }
  }

  @Test("An agent that ends during a hook stops nothing")
  func cancelledHook() async throws {
    let held = Held()
    let pod = Sample.pod(Self.hooked)
    let stage = Stage(pod, runtime: FakeRuntime(), probes: held, root: "/nonexistent")
    let operations = PodOperations(context: stage.context, view: Sample.view(pod, [Sample.record(.running)]))
    let stop = PodAction.Stop(
      id: "c0", container: "c", graceSeconds: 30, kill: PodMemory.Kill(deadline: 0, periodSeconds: 30), message: "",
      runsHook: true)
    let task = Task { await operations.perform(.stop(stop)) }
    await held.begun.wait(since: 0)
    task.cancel()
    guard case .failed = await task.value else { Issue.record("it was stopped"); return }
    #expect(stage.runtime.calls == [])
  }

  @Test("How a pod ended is told by and by where the server is away, and does not hold what it had")
  func away() async throws {
    try await Self.living(Sample.pod()) { worker, stage in
      let cluster = stage.cluster
      await cluster.wait(Self.isReady)
      cluster.goAway(true)
      await worker.take(cluster.change(Self.delete(within: 30)))
      while stage.runtime.calls.last != "stop sandbox" { await Task.yield() }
      await stage.looked(worker)
      #expect(stage.runtime.calls.last == "stop sandbox")
      stage.hand.advance(PodPlan.tellSeconds + 1)
      await worker.look()
      while stage.runtime.calls.last != "remove sandbox" { await Task.yield() }
      cluster.goAway(false)
      await cluster.wait { $0 == nil }
      #expect(Self.exitCode(cluster.told.last) == 143)
      #expect(cluster.told.last?.textAt("phase") == "Failed")
    }
  }

  @Test("A pod that somebody holds by a finalizer has ended for him")
  func finalizer() async throws {
    let pod = Sample.pod(meta: #"{"finalizers":["batch.kubernetes.io/job-tracking"]}"#)
    try await Self.living(pod) { worker, stage in
      let cluster = stage.cluster
      await cluster.wait(Self.isReady)
      await worker.take(cluster.change(Self.delete(within: 30)))
      await cluster.wait { $0?["metadata"]?["deletionGracePeriodSeconds"] == 0 }
      #expect(cluster.pod?.textAt("status", "phase") == "Failed")
      #expect(stage.runtime.calls.last == "remove sandbox")
    }
  }

  @Test("A start that fails after the container was made counts once")
  func failedStart() async throws {
    let runtime = FakeRuntime()
    runtime.state.withLock { $0.failures["c"] = RuntimeFailure(.other, "no such program") }
    try await Self.living(Sample.pod(), runtime: runtime) { worker, stage in
      func count(_ wanted: Int64) async {
        await stage.cluster.wait { pod in
          let status = pod?.listAt("status", "containerStatuses").first
          return status?.numberAt("restartCount") == wanted
            && status?.textAt("state", "waiting", "reason") == "RunContainerError"
        }
      }
      await count(0)
      #expect(await worker.memory["c"].restarts.seconds == 0)
      stage.hand.advance(PodPlan.retrySeconds)
      await worker.look()
      await count(1)
      #expect(await worker.memory["c"].restarts.seconds == 10)
    }
  }

  @Test("An image that is not there is told")
  func missingImage() async throws {
    let pod = Sample.pod(#"{"containers":[{"name":"c","image":"none:1","imagePullPolicy":"IfNotPresent"}]}"#)
    try await Self.living(pod) { _, stage in
      await stage.cluster.wait { pod in
        let reason = pod?.listAt("status", "containerStatuses").first?.textAt("state", "waiting", "reason")
        return reason == "ErrImagePull" || reason == "ImagePullBackOff"
      }
      #expect(stage.runtime.calls == ["sandbox", "pull none:1"])
    }
  }

  @Test("A runtime that was away is asked again, and the container waits no longer for it")
  func outage() async throws {
    let runtime = FakeRuntime()
    runtime.state.withLock { $0.outages = 3 }
    // Moments stand still: a wait that counts them would never end.
    try await Self.living(Sample.pod(#"{"containers":[{"name":"c","image":"i:1"}]}"#), runtime: runtime) { _, stage in
      await stage.cluster.wait(Self.isReady)
      #expect(runtime.calls == ["sandbox", "create c 0", "start c"])
      #expect(stage.cluster.pod?.listAt("status", "containerStatuses").first?.numberAt("restartCount") == 0)
    }
  }

  @Test("A job's pod ends and stays")
  func completion() async throws {
    let runtime = FakeRuntime()
    runtime.state.withLock { $0.exitCodes["c"] = 0 }
    try await Self.living(Sample.pod(#"{"restartPolicy":"Never"}"#), runtime: runtime) { _, stage in
      await stage.cluster.wait { $0?.textAt("status", "phase") == "Succeeded" }
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
