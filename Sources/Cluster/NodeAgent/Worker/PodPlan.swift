import KubeMachinery

/// What is to be done for a pod now: a pure function of a view. What is under way already is not asked for again.
struct PodPlan: Sendable, Equatable {
  var actions: [PodAction] = []
  var announcements: [PodAnnouncement] = []
  /// How often volumes that show objects of the cluster are looked at.
  static let volumeSeconds: Int64 = 30
  /// What could not be started is tried again after this long. Source: Kubernetes, the kubelet's back-off of pods.
  static let retrySeconds: Int64 = 10
  /// Records of a pod that goes are kept this long, in seconds, for a server that does not answer.
  static let tellSeconds: Int64 = 30

  /// When to look again though nothing changes.
  var lookAgain: Timestamp?
  /// Containers that wait for their next try, by name: how long the wait is.
  var waits: [String: Wait] = [:]

  enum Wait: Sendable, Equatable {
    case restart(BackOff)
    case pull(BackOff)
  }

  init() {}

  init(_ view: PodView) {
    if view.isEnding {
      end(view)
    } else {
      run(view)
    }
    collect(view)
    actions.removeAll { view.memory.busy.contains($0.subject) }
  }

  private mutating func look(at moment: Timestamp?) {
    guard let moment else { return }
    lookAgain = lookAgain.map { min($0, moment) } ?? moment
  }

  // MARK: running

  private mutating func run(_ view: PodView) {
    look(at: view.deadline)
    let retryAt = view.memory.retryAt.flatMap { $0 > view.now ? $0 : nil }
    guard view.memory.areVolumesReady else {
      if retryAt == nil { actions.append(.prepareVolumes) }
      return look(at: retryAt)
    }
    if PodNeeds(volumesOf: view.pod).hasFiles, let last = view.memory.volumesAt {
      let due = Timestamp(seconds: last.seconds + Self.volumeSeconds, nanoseconds: last.nanoseconds)
      if due <= view.now { actions.append(.prepareVolumes) } else { look(at: due) }
    }
    guard let sandbox = view.sandbox else {
      if retryAt == nil { renewSandbox(view) }
      return look(at: retryAt)
    }
    // What a sandbox that is gone has left.
    for record in view.containers where record.isAlive && record.sandbox != sandbox.id {
      stop(record, view.pod.graceSeconds, "Pod sandbox changed, it will be killed and re-created.", view)
    }
    for record in view.containers where record.isAlive {
      if let sentence = view.memory.condemned[record.id] {
        stop(record, sentence.graceSeconds ?? view.pod.graceSeconds, sentence.message, view)
      }
    }
    if initialize(view) { for container in view.pod.containers { care(for: container, view) } }
    for container in view.pod.ephemeralContainers where view.latest(container.name) == nil { start(container, view) }
  }

  private mutating func renewSandbox(_ view: PodView) {
    let alive = view.containers.filter(\.isAlive)
    for record in alive {
      stop(record, view.pod.graceSeconds, "Pod sandbox changed, it will be killed and re-created.", view)
    }
    guard alive.isEmpty else { return }
    // Ports and addresses of the one before have to be free.
    let old = view.sandboxes.filter(\.isReady)
    guard old.isEmpty else {
      actions += old.map { .stopSandbox($0.id) }
      return
    }
    actions.append(.createSandbox(attempt: (view.sandboxes.first?.attempt).map { $0 + 1 } ?? 0))
  }

  /// Starts what comes before the main containers. True where they may start.
  private mutating func initialize(_ view: PodView) -> Bool {
    let isInitialized = view.isInitialized
    for container in view.pod.initContainers {
      switch container.kind {
      case .sidecar:
        care(for: container, view)
        if !isInitialized, !view.hasStarted(container) { return false }
      default:
        if isInitialized || view.isDone(container) { continue }
        care(for: container, view)
        return false
      }
    }
    return true
  }

  /// Starts a container that does not run and should.
  private mutating func care(for container: ContainerDocument, _ view: PodView) {
    guard let record = view.latest(container.name) else { return start(container, view) }
    guard record.sandbox == view.sandbox?.id else {
      // What lives of an older sandbox is being stopped; what is done for good is not done again.
      let isOver = container.kind == .main && record.state == .exited && !view.restarts(container, record)
      if !record.isAlive, !isOver { start(container, view) }
      return
    }
    switch record.state {
    case .running where view.memory[container.name].failure?.step == .hook:
      guard !view.memory.busy.contains("start \(container.name)") else { return }
      stop(record, view.pod.graceSeconds, "Container \(container.name) failed its postStart hook", view)
    case .running:
      if let image = record.annotations[RuntimeLabel.image], image != container.image {
        stop(
          record, view.pod.graceSeconds, "Container \(container.name) definition changed, will be restarted", view)
      }
    case .unknown: stop(record, view.pod.graceSeconds, "Container \(container.name) is in unknown state", view)
    case .created: start(container, view)
    case .exited: if view.restarts(container, record) { start(container, view) }
    }
  }

  private mutating func start(_ container: ContainerDocument, _ view: PodView) {
    let record = view.latest(container.name)
    if let wait = wait(for: container, record, view) { return look(at: wait) }
    // A container that never ran is none: its number is taken by the next try, once it is gone.
    if let record, record.state == .created {
      if !view.memory.busy.contains("start \(container.name)") { actions.append(.removeContainer(record.id)) }
      return
    }
    actions.append(
      .start(container: container.name, attempt: record.map { $0.attempt + 1 } ?? restartsKnown(container, view)))
  }

  /// Until when a container waits for its next try; nil: it need not.
  private mutating func wait(
    for container: ContainerDocument, _ record: ContainerRecord?, _ view: PodView
  ) -> Timestamp? {
    let memory = view.memory[container.name]
    if let failure = memory.failure, let failedAt = memory.failedAt {
      if failure.step == .image {
        let end = memory.pulls.end(since: failedAt, at: view.now)
        waits[container.name] = end.map { _ in Wait.pull(memory.pulls) }
        return end
      }
      let soonest = Timestamp(seconds: failedAt.seconds + Self.retrySeconds, nanoseconds: failedAt.nanoseconds)
      let end = failure.step == .making ? nil : memory.restarts.end(since: failedAt, at: view.now)
      return [soonest, end].compactMap { $0 }.filter { $0 > view.now }.max()
    }
    guard let record, record.state == .exited, container.kind != .ephemeral, record.sandbox == view.sandbox?.id,
      let end = memory.restarts.end(since: record.finishedAt ?? record.createdAt, at: view.now)
    else { return nil }
    waits[container.name] = .restart(memory.restarts)
    return end
  }

  /// The server remembers restarts that the runtime's records do not show any more.
  private func restartsKnown(_ container: ContainerDocument, _ view: PodView) -> Int64 {
    for list in ["containerStatuses", "initContainerStatuses"] {
      for status in view.pod.status.listAt(list) where status.textAt("name") == container.name {
        let count = Int64(Int32(clamping: status.numberAt("restartCount")))
        let hasRun =
          status.at("state", "running") != nil || status.at("state", "terminated") != nil
          || status.at("lastState", "terminated").map { $0.textAt("containerID") == status.textAt("containerID") }
            ?? false
        // One that was made and never ran is no try.
        return count + (hasRun ? 1 : 0)
      }
    }
    return 0
  }

  private mutating func stop(
    _ record: ContainerRecord, _ graceSeconds: Int64, _ message: String, _ view: PodView
  ) {
    let (deadline, isNever) = view.now.seconds.addingReportingOverflow(graceSeconds)
    let kill = PodMemory.Kill(deadline: isNever ? .max : deadline, periodSeconds: view.pod.graceSeconds)
    let known = view.memory.kills[record.id]
    if let known, !kill.isSooner(than: known) { return }
    actions.append(
      .stop(
        PodAction.Stop(
          id: record.id, container: record.name, graceSeconds: graceSeconds, kill: kill, message: message,
          runsHook: record.state == .running && known == nil)))
  }

  // MARK: ending

  private mutating func end(_ view: PodView) {
    let alive = view.containers.filter(\.isAlive)
    let sidecars = view.pod.initContainers.filter { $0.kind == .sidecar }.map(\.name)
    let others = alive.filter { !sidecars.contains($0.name) }
    let message = "Stopping container "
    if !others.isEmpty {
      for record in others { stop(record, view.remainingGrace, message + record.name, view) }
      return
    }
    // Sidecars end after those that they serve, the last one first.
    if let last = sidecars.reversed().first(where: { name in alive.contains { $0.name == name } }) {
      for record in alive where record.name == last { stop(record, view.remainingGrace, message + last, view) }
      return
    }
    guard !view.memory.isStarting else { return }
    let ready = view.sandboxes.filter(\.isReady)
    guard ready.isEmpty else {
      actions += ready.map { .stopSandbox($0.id) }
      return
    }
    guard view.isOrphaned || view.pod.isTerminating else { return }
    if let end = tellingEnd(view) { return look(at: end) }
    clear(view)
  }

  /// Until when records are kept that say how containers ended, of which the server has not been told; nil: no longer.
  private func tellingEnd(_ view: PodView) -> Timestamp? {
    guard !view.isTold, let last = view.containers.map({ $0.finishedAt ?? $0.createdAt }).max() else { return nil }
    let end = Timestamp(seconds: last.seconds + Self.tellSeconds, nanoseconds: last.nanoseconds)
    return end > view.now ? end : nil
  }

  /// Takes away what nothing lives in.
  private mutating func clear(_ view: PodView) {
    let sandboxes = Set(view.sandboxes.map(\.id))
    let strays = view.containers.filter { !sandboxes.contains($0.sandbox) }
    guard view.sandboxes.isEmpty, strays.isEmpty else {
      actions += view.sandboxes.map { .removeSandbox($0.id) } + strays.map { .removeContainer($0.id) }
      return
    }
    guard view.memory.isCleanedUp else {
      actions.append(.removeFiles)
      return
    }
    if !view.isOrphaned, view.isTold, !view.memory.isDeleted { actions.append(.deletePod) }
  }

  /// Records nobody asks about any more: of each container the last two stay, of sandboxes the last one.
  private mutating func collect(_ view: PodView) {
    guard !(view.isOrphaned || view.pod.isTerminating) else { return }
    var kept: [String: Int] = [:]
    for record in view.containers {
      kept[record.name, default: 0] += 1
      if kept[record.name, default: 0] > 2, !record.isAlive { actions.append(.removeContainer(record.id)) }
    }
    for sandbox in view.sandboxes.dropFirst() where !sandbox.isReady {
      guard !view.containers.contains(where: { $0.sandbox == sandbox.id }) else { continue }
      actions.append(.removeSandbox(sandbox.id))
    }
  }
}
