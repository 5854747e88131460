import HTTPServing
import KubeControllers
import KubeMachinery
import KubeResources

/// One pod's life on this node: looks at it, has done what a plan says, tells the server.
actor PodWorker {
  private static let retrySeconds: Int64 = 1
  private static let maxRetrySeconds: Int64 = 30
  private static let longestSleepSeconds: Int64 = 60

  nonisolated let identity: PodIdentity
  private let context: AgentContext
  private var pod: PodDocument
  private(set) var isOrphaned: Bool
  private(set) var memory = PodMemory()
  private var sandboxes: [SandboxRecord] = []
  private var containers: [ContainerRecord] = []
  /// Last words of containers that ended, by their ids.
  private var messages: [String: String] = [:]
  private var tasks: [String: Task<Void, Never>] = [:]
  private var probes: [ProbeKey: Task<Void, Never>] = [:]
  private let turns = ProbeTurns()
  private var announcedWaits: [String: Int64] = [:]
  private var failures = 0
  private var isStale = true
  private var isTelling = false
  private let bell = Bell()

  private struct ProbeKey: Hashable {
    let container: String
    let kind: ContainerDocument.ProbeKind
  }

  /// - Parameter ending: why the pod ends before it has begun; nil: it does not.
  init(_ pod: PodDocument, isOrphaned: Bool, ending: PodMemory.Ending? = nil, _ context: AgentContext) {
    identity = pod.identity
    self.pod = pod
    self.isOrphaned = isOrphaned
    self.context = context
    memory = Self.recall(pod)
    memory.ending = ending
  }

  /// What the server was told last is true until something else is seen: an agent that starts anew finds pods as they were.
  private static func recall(_ pod: PodDocument) -> PodMemory {
    var memory = PodMemory()
    for status in pod.status.listAt("containerStatuses") + pod.status.listAt("initContainerStatuses") {
      let id = status.textAt("containerID").split(separator: "/").last.map(String.init) ?? ""
      guard !id.isEmpty else { continue }
      var container = ContainerMemory()
      container.probed = id
      container.isReady = status.flagAt("ready")
      container.hasStarted = status.flagAt("started")
      memory[status.textAt("name")] = container
    }
    return memory
  }

  // MARK: what comes in

  /// The server's document. Older ones than the one that is known are passed over.
  func take(_ pod: PodDocument) {
    let (known, new) = (Int64(self.pod.meta.resourceVersion), Int64(pod.meta.resourceVersion))
    guard let new, new > known ?? 0 else { return }
    self.pod = pod
    bell.ring()
  }

  /// The server has it no more.
  func orphan() {
    isOrphaned = true
    bell.ring()
  }

  /// Something of it changed in the runtime.
  func look() {
    isStale = true
    bell.ring()
  }

  /// What a look at the whole runtime has found of it.
  func compare(_ sandboxes: [SandboxRecord], _ containers: [ContainerRecord]) {
    func states(_ containers: [ContainerRecord]) -> [String: ContainerRecord.State] {
      Dictionary(containers.map { ($0.id, $0.state) }, uniquingKeysWith: { $1 })
    }
    func ready(_ sandboxes: [SandboxRecord]) -> [String: Bool] {
      Dictionary(sandboxes.map { ($0.id, $0.isReady) }, uniquingKeysWith: { $1 })
    }
    if states(containers) != states(self.containers) || ready(sandboxes) != ready(self.sandboxes) { look() }
  }

  func keepLogs() async {
    let rotation = LogRotation(runtime: context.runtime)
    for record in containers where record.state == .running {
      let path = LogFiles.path(context.node, identity, record.name, record.attempt)
      do { try await rotation.keep(path, of: record.id, at: context.now()) } catch {
        context.logger.warning(
          "pod \(pod.shown): the log of \(record.name) could not be moved away: \(PodOperations.message(of: error))")
      }
    }
  }

  var document: PodDocument { pod }
  var records: [ContainerRecord] { containers }
  var sandboxID: String? { view.sandbox?.id }

  // MARK: the loop

  /// Until the pod is gone, or cancelled: what runs of it goes on then.
  func run() async {
    while !Task.isCancelled, !isOver {
      let heard = bell.count
      if isStale {
        isStale = false
        do {
          try await refresh()
          // Something ended while the runtime was asked: its answer may be older, and what is there already would be made once more.
          if isStale { continue }
        } catch {
          isStale = true
          if Task.isCancelled { break }
          context.logger.warning("pod \(pod.shown) cannot be looked at: \(error)")
          try? await context.clock.sleep(for: .seconds(Self.retrySeconds))
          continue
        }
      }
      let moment = step()
      await sleep(until: moment, heard)
    }
    for task in Array(tasks.values) + Array(probes.values) { task.cancel() }
  }

  private var isOver: Bool {
    isOrphaned && !isStale && sandboxes.isEmpty && containers.isEmpty && memory.isCleanedUp && memory.busy.isEmpty
  }

  private func refresh() async throws {
    let sandboxes = try await context.runtime.sandboxes(pod: identity.uid)
    var containers = try await context.runtime.containers(pod: identity.uid)
    for index in containers.indices where containers[index].state == .exited && containers[index].message.isEmpty {
      containers[index].message = message(of: containers[index])
    }
    let known = Set(containers.map(\.id))
    messages = messages.filter { known.contains($0.key) }
    memory.kills = memory.kills.filter { known.contains($0.key) }
    memory.condemned = memory.condemned.filter { known.contains($0.key) }
    self.sandboxes = sandboxes
    self.containers = containers
  }

  /// Source: Kubernetes *Determine the Reason for Pod Failure*.
  private func message(of record: ContainerRecord) -> String {
    if let known = messages[record.id] { return known }
    var text = PodFolder.message(at: record.annotations[RuntimeLabel.messageFile] ?? "")
    if text.isEmpty, record.exitCode != 0, record.annotations[RuntimeLabel.messagePolicy] == "FallbackToLogsOnError" {
      let path = LogFiles.path(context.node, identity, record.name, record.attempt)
      text = LogFiles.lastWords(path)
    }
    messages[record.id] = text
    return text
  }

  private var view: PodView {
    PodView(
      pod: pod, isOrphaned: isOrphaned, sandboxes: sandboxes, containers: containers, memory: memory,
      node: context.node, now: context.now())
  }

  /// - Returns: when to look again.
  private func step() -> Timestamp? {
    if memory.startTime == nil { memory.startTime = context.now() }
    let now = context.now()
    if let deadline = view.deadline, deadline <= now, !view.isEnding {
      memory.ending = PodMemory.Ending(
        reason: "DeadlineExceeded", message: "Pod was active on the node longer than the specified deadline",
        since: now)
    }
    if view.isEnding { for (subject, task) in tasks where PodMemory.isStart(subject) { task.cancel() } }
    let plan = PodPlan(view)
    for action in plan.actions { begin(action) }
    announceWaits(plan)
    keepProbes()
    tell(plan)
    return plan.lookAgain
  }

  private func sleep(until moment: Timestamp?, _ heard: UInt64) async {
    let longest = Self.longestSleepSeconds * 1_000
    let wait = moment.map { min(max($0.millisecondsSince(context.now()), 0) + 1, longest) } ?? longest
    await withTaskGroup(of: Void.self) { group in
      group.addTask { [bell] in await bell.wait(since: heard) }
      group.addTask { [clock = context.clock] in try? await clock.sleep(for: .milliseconds(wait)) }
      await group.next()
      group.cancelAll()
    }
  }

  private func announceWaits(_ plan: PodPlan) {
    for (name, wait) in plan.waits {
      let (backOff, isPull) =
        switch wait {
        case .pull(let backOff): (backOff, true)
        case .restart(let backOff): (backOff, false)
        }
      guard announcedWaits[name] != backOff.seconds else { continue }
      announcedWaits[name] = backOff.seconds
      let text =
        isPull
        ? "Back-off pulling image \(GoText.quoted(pod.container(name)?.image ?? ""))"
        : "Back-off restarting failed container \(name) in pod \(pod.shown)"
      context.announce(pod, PodAnnouncement(isWarning: !isPull, reason: "BackOff", message: text, container: name))
    }
  }

  // MARK: work

  private func begin(_ action: PodAction) {
    let subject = action.subject
    memory.busy.insert(subject)
    switch action {
    case .stop(let stop):
      // The one before would end it later, and the runtime does one thing after the other.
      for (other, task) in tasks where other.hasPrefix(PodAction.stops(of: stop.id)) { task.cancel() }
      memory.kills[stop.id] = stop.kill
    case .removeContainer(let id): keepRemains { $0.id == id }
    case .removeSandbox(let id): keepRemains { $0.sandbox == id }
    default: break
    }
    let operations = PodOperations(context: context, view: view)
    // Owned by this worker; ends with it.
    tasks[subject] = Task(executorPreference: context.executor) { [weak self, clock = context.clock] in
      let result = await operations.perform(action)
      if case .failed(let failure) = result, !PodMemory.isStart(subject) || action.isStart && failure.isOutage {
        try? await clock.sleep(for: .seconds(Self.retrySeconds))
      }
      await self?.finish(action, result)
    }
  }

  /// What is removed of a pod that goes is told of still.
  private func keepRemains(_ isRemoved: (ContainerRecord) -> Bool) {
    guard view.isEnding, !isOrphaned else { return }
    let known = Set(memory.remains.map(\.id))
    memory.remains += containers.filter { isRemoved($0) && !known.contains($0.id) }
  }

  private func finish(_ action: PodAction, _ result: PodOperations.Result) {
    memory.busy.remove(action.subject)
    tasks[action.subject] = nil
    if action.changesRuntime { isStale = true }
    let now = context.now()
    switch (action, result) {
    case (.prepareVolumes, .done):
      memory.areVolumesReady = true
      memory.volumesAt = now
      succeed()
    case (.createSandbox, .done): succeed()
    case (.prepareVolumes, .failed(let failure)), (.createSandbox, .failed(let failure)):
      // Volumes that were there stay as they are where they cannot be renewed.
      if memory.areVolumesReady, action == .prepareVolumes { memory.volumesAt = now }
      let wait = min(Self.retrySeconds << Int64(min(failures, 5)), Self.maxRetrySeconds)
      if !failure.isOutage { failures += 1 }
      memory.retryAt = Timestamp(seconds: now.seconds + wait, nanoseconds: now.nanoseconds)
    case (.start(let name, let attempt), .started):
      memory[name].failure = nil
      memory[name].failedAt = nil
      memory[name].pulls = BackOff()
      noteRestart(name, attempt, now)
    case (.start(let name, let attempt), .failed(let failure)):
      memory[name].failure = failure
      memory[name].failedAt = failure.isOutage ? nil : now
      if failure.isOutage { break }
      switch failure.step {
      case .image: memory[name].pulls.advance(at: now)
      case .running, .hook: noteRestart(name, attempt, now)
      case .making: break
      }
    // The next order is a new one, whenever it ends; its hook has had its time.
    case (.stop(let stop), .failed) where memory.kills[stop.id] == stop.kill: memory.kills[stop.id]?.deadline = .max
    case (.removeFiles, .done): memory.isCleanedUp = true
    case (.deletePod, .done): memory.isDeleted = true
    default: break
    }
    bell.ring()
  }

  private func succeed() {
    memory.retryAt = nil
    failures = 0
  }

  /// A container was made in the place of one that had ended: the next wait is longer.
  private func noteRestart(_ name: String, _ attempt: Int64, _ now: Timestamp) {
    guard attempt > 0 else { return }
    let last = containers.first { $0.name == name && $0.attempt == attempt - 1 }
    memory[name].restarts.advance(at: now, after: last?.finishedAt)
  }

  // MARK: probes

  private func keepProbes() {
    let view = view
    var wanted: Set<ProbeKey> = []
    for container in pod.initContainers.filter({ $0.kind == .sidecar }) + pod.containers {
      guard let record = view.latest(container.name), record.state == .running else { continue }
      for kind in ContainerDocument.ProbeKind.allCases {
        guard let probe = container.probe(kind), kind == .startup || view.hasStarted(container),
          !view.isEnding || kind == .readiness
        else { continue }
        let key = ProbeKey(container: record.id, kind: kind)
        wanted.insert(key)
        if probes[key] == nil { probes[key] = beginProbe(kind, probe, container, record) }
      }
    }
    for (key, task) in probes where !wanted.contains(key) {
      task.cancel()
      probes[key] = nil
    }
  }

  private func beginProbe(
    _ kind: ContainerDocument.ProbeKind, _ probe: JSONValue, _ container: ContainerDocument, _ record: ContainerRecord
  ) -> Task<Void, Never> {
    let schedule = ProbeSchedule(kind, probe)
    let known = memory[container.name]
    let isKnown = known.probed == record.id
    let verdict: Bool? =
      switch kind {
      case .startup: isKnown && known.hasStarted ? true : nil
      case .readiness: isKnown && known.isReady ? true : nil
      case .liveness: nil
      }
    let start = record.startedAt ?? record.createdAt
    let delay = start.adding(seconds: schedule.initialDelay).millisecondsSince(context.now())
    let address = view.sandbox?.addresses.first ?? context.node.address
    let target = ProbeTarget(probe, of: container, address: address)
    // Owned by this worker; cancelled with its container.
    return Task(executorPreference: context.executor) { [weak self, context, pod, turns] in
      var counter = ProbeCounter(schedule, verdict: verdict)
      if kind == .startup, verdict == true { return }
      if delay > 0 { try? await context.clock.sleep(for: .milliseconds(delay)) }
      while !Task.isCancelled {
        let answer = await turns.run(target) {
          await context.probes.run(target, in: record.id, address: address, timeoutSeconds: schedule.timeout)
        }
        if Task.isCancelled { return }
        if case .failure(let reason) = answer {
          context.announce(
            pod,
            PodAnnouncement(
              isWarning: true, reason: "Unhealthy", message: "\(kind.title) probe failed: \(reason)",
              container: container.name))
        }
        if let verdict = counter.take(answer) {
          let grace = probe["terminationGracePeriodSeconds"]?.integer.map(PodDocument.bounded)
          await self?.probed(kind, container, record.id, verdict, grace)
          if kind == .startup, verdict { return }
        }
        try? await context.clock.sleep(for: .milliseconds(counter.waitMilliseconds))
      }
    }
  }

  private func probed(
    _ kind: ContainerDocument.ProbeKind, _ container: ContainerDocument, _ id: String, _ verdict: Bool,
    _ graceSeconds: Int64?
  ) {
    let name = container.name
    guard view.latest(name)?.id == id else { return }
    if memory[name].probed != id {
      memory[name].probed = id
      memory[name].isReady = false
      memory[name].hasStarted = false
    }
    switch (kind, verdict) {
    case (.readiness, _): memory[name].isReady = verdict
    case (.startup, true): memory[name].hasStarted = true
    case (.liveness, true): return
    case (.startup, false), (.liveness, false):
      memory.condemned[id] = PodMemory.Sentence(
        message: "Container \(name) failed \(kind.rawValue) probe, will be restarted", graceSeconds: graceSeconds)
    }
    bell.ring()
  }

  // MARK: the server

  private func tell(_ plan: PodPlan) {
    guard !isOrphaned, !isTelling else { return }
    let status = PodStatus(view: view, plan: plan).document()
    guard !status.means(pod.status) else { return }
    isTelling = true
    let request = ClusterRequest.strategicPatch(
      ClusterRequest.pod(identity, "status"), StatusPatch.patch(from: pod, to: status))
    let (subject, version) = ("status", pod.meta.resourceVersion)
    // Owned by this worker.
    tasks[subject] = Task(executorPreference: context.executor) { [weak self, context] in
      do {
        let answer = try await context.cluster.send(request)
        // Where the server makes something else of it, it is not told again at once.
        if answer.meta.resourceVersion == version { try? await context.clock.sleep(for: .seconds(Self.retrySeconds)) }
        await self?.told(PodDocument(answer))
      } catch {
        let code = (error as? StatusError)?.code ?? 0
        // Pods that are gone are no business of the node's any more.
        if ![403, 404].contains(code) {
          context.logger.warning("the status of a pod could not be told: \(error)")
        }
        try? await context.clock.sleep(for: .seconds(Self.retrySeconds))
        await self?.told(nil, isRefused: (400..<500).contains(code) && ![409, 429].contains(code))
      }
    }
  }

  private func told(_ answer: PodDocument?, isRefused: Bool = false) {
    isTelling = false
    memory.isRefused = isRefused
    tasks["status"] = nil
    if let answer, answer.identity == identity { take(answer) }
    bell.ring()
  }
}

/// A change of a pod's status as it is sent.
enum StatusPatch {
  /// What differs, members that went as null. Lists that the server would merge are replaced as a whole, but for conditions, of which
  /// others write some.
  static func patch(from pod: PodDocument, to status: JSONValue) -> JSONValue {
    let old = pod.status
    var changed: JSONValue = [:]
    for (name, value) in status.members where !(old[name]?.means(value) ?? false) {
      switch name {
      case "conditions":
        changed[name] = .array(
          value.items.compactMap { new in
            guard let known = old.listAt("conditions").first(where: { $0.textAt("type") == new.textAt("type") })
            else { return new }
            return known.means(new) ? nil : withoutWhatWent(from: known, to: new)
          })
      case "podIPs", "hostIPs": changed[name] = .array(value.items + [["$patch": "replace"]])
      default: changed[name] = value
      }
    }
    return ["metadata": ["uid": .string(pod.identity.uid)], "status": withoutWhatWent(from: old, to: status, changed)]
  }

  /// The server merges: what is not there any more has to be said to go.
  /// - Parameter part: what is sent of the new one; nil: all.
  private static func withoutWhatWent(from old: JSONValue, to new: JSONValue, _ part: JSONValue? = nil) -> JSONValue {
    var sent = part ?? new
    for name in old.members.map(\.name) where new[name] == nil { sent[name] = .null }
    return sent
  }
}
