import KubeMachinery

/// A pod as it is at a moment: what the server wants, what the runtime has, what the agent remembers.
struct PodView: Sendable {
  let pod: PodDocument
  /// The server does not have it any more.
  var isOrphaned = false
  /// Newest first.
  let sandboxes: [SandboxRecord]
  /// Newest first.
  let containers: [ContainerRecord]
  let memory: PodMemory
  let node: NodeSettings
  let now: Timestamp

  init(
    pod: PodDocument, isOrphaned: Bool = false, sandboxes: [SandboxRecord], containers: [ContainerRecord],
    memory: PodMemory, node: NodeSettings, now: Timestamp
  ) {
    self.pod = pod
    self.isOrphaned = isOrphaned
    self.sandboxes = sandboxes.sorted { ($0.attempt, $0.createdAt) > ($1.attempt, $1.createdAt) }
    self.containers = containers.sorted { ($0.attempt, $0.createdAt) > ($1.attempt, $1.createdAt) }
    self.memory = memory
    self.node = node
    self.now = now
  }

  /// The sandbox that containers belong in; nil where a new one is needed.
  var sandbox: SandboxRecord? { sandboxes.first.flatMap { $0.isReady ? $0 : nil } }

  /// The last attempt at a container.
  func latest(_ name: String) -> ContainerRecord? { containers.first { $0.name == name } }

  /// The one before the last.
  func previous(_ name: String) -> ContainerRecord? { containers.filter { $0.name == name }.dropFirst().first }

  func isRunning(_ name: String) -> Bool { latest(name)?.state == .running }

  /// Runs, and what has to happen right after its start is done.
  func hasStarted(_ container: ContainerDocument) -> Bool {
    guard let record = latest(container.name), record.state == .running else { return false }
    // A start lasts until its hook is over. What no start is busy with has been started, by an agent before this one maybe.
    guard container.hook("postStart") == nil || !self.memory.busy.contains("start \(container.name)") else {
      return false
    }
    guard container.probe(.startup) != nil else { return true }
    let memory = memory[container.name]
    return memory.probed == record.id && memory.hasStarted
  }

  func isReady(_ container: ContainerDocument) -> Bool {
    guard let record = latest(container.name) else { return false }
    switch container.kind {
    case .initial: return record.state == .exited && record.exitCode == 0
    case .ephemeral: return false
    case .main, .sidecar:
      guard hasStarted(container) else { return false }
      guard container.probe(.readiness) != nil else { return true }
      let memory = memory[container.name]
      return memory.probed == record.id && memory.isReady
    }
  }

  /// All that come before the main ones are done, or run in the case of sidecars.
  var isInitialized: Bool { pod.initContainers.allSatisfy(isDone) || hasMainContainers }

  /// Once a main container was made, the pod has been initialized, whatever happens to records of the past.
  private var hasMainContainers: Bool {
    guard let sandbox else { return false }
    let names = Set(pod.containers.map(\.name))
    return containers.contains { names.contains($0.name) && $0.sandbox == sandbox.id }
  }

  func isDone(_ container: ContainerDocument) -> Bool {
    guard container.kind == .sidecar else {
      guard let record = latest(container.name), record.state == .exited, record.exitCode == 0 else { return false }
      // A new sandbox begins with everything anew.
      return sandbox == nil || record.sandbox == sandbox?.id
    }
    return hasStarted(container)
  }

  /// Whether a container that ended is started again.
  func restarts(_ container: ContainerDocument, _ record: ContainerRecord) -> Bool {
    switch (container.kind, pod.restartPolicy) {
    case (.ephemeral, _): false
    case (.sidecar, _): true
    case (.initial, .never): false
    case (.initial, _): record.exitCode != 0
    case (.main, .always): true
    case (.main, .onFailure): record.exitCode != 0
    case (.main, .never): false
    }
  }

  /// All main containers have ended for good, or an init container has failed for good.
  var outcome: Outcome? {
    if pod.phase == "Succeeded" { return .succeeded }
    if pod.phase == "Failed" { return .failed }
    if memory.ending != nil { return .failed }
    if pod.isTerminating, isSettled { return hasSucceeded ? .succeeded : .failed }
    for container in pod.initContainers where container.kind == .initial {
      if let record = latest(container.name), record.state == .exited, record.exitCode != 0, pod.restartPolicy == .never
      {
        return .failed
      }
    }
    guard pod.restartPolicy != .always, !pod.containers.isEmpty else { return nil }
    var isSuccess = true
    for container in pod.containers {
      guard let record = latest(container.name), record.state == .exited, !restarts(container, record) else {
        return nil
      }
      isSuccess = isSuccess && record.exitCode == 0
    }
    return isSuccess ? .succeeded : .failed
  }

  enum Outcome: Sendable { case succeeded, failed }

  /// Nothing of it lives, and nothing is being made.
  var isSettled: Bool { !memory.isStarting && !containers.contains(where: \.isAlive) }

  /// The server knows how it ended, or does not want to.
  var isTold: Bool { isOrphaned || pod.hasEnded || memory.isRefused }

  private var hasSucceeded: Bool {
    !pod.containers.isEmpty
      && pod.containers.allSatisfy { latest($0.name).map { $0.state == .exited && $0.exitCode == 0 } ?? false }
  }

  /// With the containers that have been removed since the pod began to go.
  var withRemains: PodView {
    let gone = memory.remains.filter { old in !containers.contains { $0.id == old.id } }
    guard !gone.isEmpty else { return self }
    return PodView(
      pod: pod, isOrphaned: isOrphaned, sandboxes: sandboxes, containers: containers + gone, memory: memory, node: node,
      now: now)
  }

  /// When its time is over; nil where it has all time.
  var deadline: Timestamp? {
    guard let seconds = pod.spec["activeDeadlineSeconds"]?.integer, let start = startTime else { return nil }
    return Timestamp(seconds: start.seconds).adding(seconds: seconds)
  }

  var startTime: Timestamp? { Timestamp(pod.document["status"]?["startTime"]?.text ?? "") ?? memory.startTime }

  /// The pod has to go.
  var isEnding: Bool { isOrphaned || pod.isTerminating || outcome != nil }

  /// Seconds that are left for its end.
  var remainingGrace: Int64 {
    guard pod.isTerminating, let end = pod.meta.deletionTimestamp.flatMap({ Timestamp($0) }) else {
      return pod.graceSeconds
    }
    return min(max(end.seconds - now.seconds, pod.graceSeconds == 0 ? 0 : 1), max(pod.graceSeconds, 1))
  }
}
