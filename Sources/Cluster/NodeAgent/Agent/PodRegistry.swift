import HTTPServing
import KubeMachinery
import KubeResources
import LinuxSystem

/// The pods of this node, a worker for each.
actor PodRegistry {
  private let context: AgentContext
  private var workers: [String: PodWorker] = [:]
  private var tasks: [String: Task<Void, Never>] = [:]
  /// The server's list has been seen once: what is not on it is nobody's.
  private var knowsAll = false
  private var isStopped = false
  /// Pods that count against the node's capacity.
  private var admitted: Set<String> = []

  init(_ context: AgentContext) {
    self.context = context
  }

  func take(_ news: ObjectFeed.News) async {
    switch news {
    case .all(let documents):
      let pods = documents.map(PodDocument.init)
      let wanted = Set(pods.map(\.identity.uid))
      for (uid, worker) in workers where !wanted.contains(uid) { await worker.orphan() }
      for pod in pods.sorted(by: PodAdmission.comesFirst) { await take(pod) }
      let isFirst = !knowsAll
      knowsAll = true
      if isFirst { sweep() }
    case .changed(let document): await take(PodDocument(document))
    case .gone(let document): await workers[PodDocument(document).identity.uid]?.orphan()
    }
  }

  private func take(_ pod: PodDocument) async {
    if let problem = PodAdmission.problem(pod) {
      return context.logger.error("a pod of the server's is passed over: \(problem)")
    }
    let uid = pod.identity.uid
    if let worker = workers[uid] {
      if pod.hasEnded { admitted.remove(uid) }
      return await worker.take(pod)
    }
    let refusal = PodAdmission.refusal(pod, used: admitted.count, capacity: context.node.capacity.pods)
    if let refusal {
      context.announce(
        pod, PodAnnouncement(isWarning: true, reason: refusal.reason, message: refusal.message, container: nil))
    } else if !pod.hasEnded {
      admitted.insert(uid)
    }
    let ending = refusal.map {
      PodMemory.Ending(reason: $0.reason, message: "Pod was rejected: \($0.message)", since: context.now())
    }
    begin(PodWorker(pod, isOrphaned: false, ending: ending, context))
  }

  private func begin(_ worker: PodWorker) {
    guard !isStopped else { return }
    let uid = worker.identity.uid
    workers[uid] = worker
    // Owned by this registry; ends with the pod.
    tasks[uid] = Task(executorPreference: context.executor) { [weak self] in
      await worker.run()
      await self?.ended(uid)
    }
  }

  private func ended(_ uid: String) async {
    workers[uid] = nil
    tasks[uid] = nil
    admitted.remove(uid)
    await context.tokens.forget(pod: uid)
  }

  /// Something of a pod changed in the runtime.
  func look(pod uid: String) async { await workers[uid]?.look() }

  /// Looks at the whole runtime: what changed without a word, and what belongs to nobody. Throws `RuntimeFailure`.
  func compare() async throws {
    let sandboxes = Dictionary(grouping: try await context.runtime.sandboxes(pod: nil), by: \.pod.uid)
    let containers = Dictionary(grouping: try await context.runtime.containers(pod: nil), by: \.pod.uid)
    for (uid, worker) in workers { await worker.compare(sandboxes[uid] ?? [], containers[uid] ?? []) }
    guard knowsAll else { return }
    for uid in Set(sandboxes.keys).union(containers.keys)
    where workers[uid] == nil && PodAdmission.isName(uid) {
      guard let pod = Self.pod(sandboxes[uid] ?? [], containers[uid] ?? []) else { continue }
      context.logger.notice("pod \(pod.shown) is not the server's any more and ends")
      begin(PodWorker(pod, isOrphaned: true, context))
    }
  }

  /// Moves logs away that have grown too long.
  func keepLogs() async {
    for worker in workers.values { await worker.keepLogs() }
  }

  /// What the runtime knows of a pod that the server has forgotten.
  static func pod(_ sandboxes: [SandboxRecord], _ containers: [ContainerRecord]) -> PodDocument? {
    guard let identity = sandboxes.first?.pod ?? containers.first?.pod else { return nil }
    let names = Set(containers.map(\.name)).sorted()
    let grace = containers.compactMap { Int64($0.annotations[RuntimeLabel.graceSeconds] ?? "") }.max() ?? 30
    return PodDocument([
      "metadata": [
        "name": .string(identity.name), "namespace": .string(identity.namespace), "uid": .string(identity.uid),
      ],
      "spec": [
        "containers": .array(names.map { ["name": .string($0)] }), "terminationGracePeriodSeconds": .integer(grace),
      ],
    ])
  }

  /// Folders of pods that are gone. Those that the runtime still has something of are looked at later.
  private func sweep() {
    let folder = "\(context.node.root)/pods"
    guard let names = try? FileSystem.list(folder) else { return }
    for uid in names where workers[uid] == nil {
      context.logger.notice("the folder of pod \(uid), which is gone, is taken away once nothing of it runs")
      begin(PodWorker(PodDocument(["metadata": ["uid": .string(uid)]]), isOrphaned: true, context))
    }
  }

  /// Pods that are cared for.
  var count: Int { workers.count }

  /// Of that very pod, also where the server has it no more; never of another one that has its name.
  func worker(of pod: PodIdentity) -> PodWorker? {
    workers[pod.uid].flatMap { $0.identity == pod ? $0 : nil }
  }

  /// Workers end; what runs goes on.
  func stop() async {
    isStopped = true
    for task in tasks.values { task.cancel() }
    for task in Array(tasks.values) { await task.value }
  }
}
