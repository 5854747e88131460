import HTTPServing
import KubeMachinery
import LinuxSystem
import Logging

/// All controllers with what they share: the index, the queue of work, expectations and events.
///
/// It is moved from outside, and has no clock, thread or task of its own: changes that were observed come in, `next` gives work
/// that is due, `run` does it. So a test moves it step by step in any order, and `ControllerLoop` moves it in life.
public final class ControllerMachine: Sendable {
  public struct Bounds: Sendable {
    /// Changes of one group that are under way together.
    public var together = 32
    /// Announcements that wait to be written; beyond them the oldest are dropped.
    public var announcements = 1_000

    public init() {}
  }

  /// A key that is due. It has to be run.
  public struct Job: Sendable {
    let key: WorkKey
  }

  private struct State {
    var index: ObjectIndex
    var queue = WorkQueue()
    var expectations: [WorkKey: Expectations] = [:]
    var parked: Set<WorkKey> = []
    var refusals: [WorkKey: Refusal] = [:]
    var recorder: EventRecorder
    var announcements: [(Announcement, component: String)] = []
    var droppedAnnouncements = 0
    var unlisted: Set<ResourceName>
  }

  private let controllers: [any Controller]
  private let writer: ChangeWriter
  private let bounds: Bounds
  private let logger: Logger
  private let now: @Sendable () -> Timestamp
  private let state: Locked<State>
  /// Every kind that is followed.
  public let kinds: [Kind]

  /// - Parameters:
  ///   - now: the clock.
  ///   - eventSerial: where names of events begin; different at each start.
  public init(
    controllers: [any Controller], service: ObjectService, bounds: Bounds = Bounds(), eventSerial: UInt64,
    now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    self.controllers = controllers
    self.bounds = bounds
    self.now = now
    self.logger = logger
    writer = ChangeWriter(service: service, fieldManager: "kube-controller-manager", now: now)
    let events: Set<ResourceName> = [.events, .newEvents]
    kinds = service.catalog.kinds.filter { $0.verbs.contains("watch") && !events.contains($0.resource) }
    state = Locked(
      State(
        index: ObjectIndex(whole: controllers.reduce(into: []) { $0.formUnion($1.follows) }),
        recorder: EventRecorder(serial: eventSerial), unlisted: Set(kinds.map(\.resource))))
  }

  // MARK: what is observed

  /// What is there of a resource now, in the place of all that was known of it.
  public func replace(_ kind: Kind, with objects: [ClusterObject], at revision: Int64) {
    state.withLock { state in
      let there = Set(objects.map(\.key))
      for key in state.index.keys(kind.resource) where !there.contains(key) {
        if let old = state.index.object(key) { take(old, isGone: true, &state) }
      }
      for object in objects { take(object, isGone: false, &state) }
      state.index.advance(kind.resource, to: revision)
      state.unlisted.remove(kind.resource)
      if state.unlisted.isEmpty { addStandingKeys(&state) }
      unpark(&state)
    }
  }

  /// Changes of a resource in order; all changes up to the revision are among them or before.
  public func observe(_ kind: Kind, _ events: [ObjectWatch.Event], upTo revision: Int64) {
    state.withLock { state in
      for event in events {
        guard let stored = event.object else { continue }
        let isGone = if case .deleted = event { true } else { false }
        guard let object = parsed(stored, kind, isGone: isGone, &state) else { continue }
        take(object, isGone: isGone, &state)
      }
      state.index.advance(kind.resource, to: revision)
      unpark(&state)
    }
  }

  /// Nil for what no controller could have anything to do with, which is not even read.
  private func parsed(_ stored: StoredObject, _ kind: Kind, isGone: Bool, _ state: inout State) -> ClusterObject? {
    let isWhole = state.index.whole.contains(kind.resource)
    if !isWhole, !isGone, state.index.object(stored.key) == nil, !Self.mayMatter(stored.document) { return nil }
    do {
      return try ClusterObject(stored, kind: kind, keepsWhole: isWhole)
    } catch {
      logger.error(
        "a document of the cluster cannot be read", metadata: ["object": "\(stored.key)", "error": "\(error)"])
      return nil
    }
  }

  /// Objects of a list, those left out that no controller could have anything to do with.
  func select(_ listed: [StoredObject], _ kind: Kind) -> [ClusterObject] {
    state.withLock { state in listed.compactMap { parsed($0, kind, isGone: false, &state) } }
  }

  private static let names = ["\"ownerReferences\"", "\"deletionTimestamp\""].map { Array($0.utf8) }

  private static func mayMatter(_ document: [UInt8]) -> Bool {
    document.withUnsafeBufferPointer { bytes in
      names.contains { name in
        var start = 0
        while start + name.count <= bytes.count {
          guard let quote = bytes[start...].firstIndex(of: name[0]), quote + name.count <= bytes.count else {
            return false
          }
          if bytes[quote..<quote + name.count].elementsEqual(name) { return true }
          start = quote + 1
        }
        return false
      }
    }
  }

  private func take(_ object: ClusterObject, isGone: Bool, _ state: inout State) {
    let old = state.index.object(object.key)
    if let old, old.revision > object.revision { return }
    if isGone { state.index.remove(object.key) } else { state.index.put(object) }
    let change = ObservedChange(key: object.key, old: old, new: isGone ? nil : object, last: object)
    for (place, controller) in controllers.enumerated() {
      for key in controller.keys(for: change, in: state.index) {
        state.queue.add(WorkKey(controller: place, object: key))
      }
    }
  }

  private func addStandingKeys(_ state: inout State) {
    for (place, controller) in controllers.enumerated() {
      for key in controller.standingKeys { state.queue.add(WorkKey(controller: place, object: key)) }
    }
  }

  private func unpark(_ state: inout State) {
    for key in state.parked where state.expectations[key]?.areMet(by: state.index) ?? true {
      state.parked.remove(key)
      state.expectations[key] = nil
      state.queue.add(key)
    }
  }

  // MARK: work

  /// Whether every resource was listed: nobody works before.
  public var isReady: Bool { state.withLock { $0.unlisted.isEmpty } }

  /// Whether nothing is due, nobody works and nothing waits to be observed.
  public var isIdle: Bool { state.withLock { $0.queue.isIdle && $0.parked.isEmpty && $0.announcements.isEmpty } }

  /// Whether `next` would give work.
  var hasWork: Bool { state.withLock { $0.unlisted.isEmpty && ($0.queue.hasReady || $0.queue.isOverflowed) } }

  /// Whether announcements wait to be written.
  var hasNews: Bool { state.withLock { !$0.announcements.isEmpty } }

  /// When there is work again though nothing changes; nil: never.
  public var nextMoment: Timestamp? { state.withLock { $0.queue.nextMoment } }

  /// Work that is due, for the caller to run.
  public func next() -> Job? {
    let moment = now()
    return state.withLock { state in
      guard state.unlisted.isEmpty else { return nil }
      if let job = take(at: moment, &state) { return job }
      guard state.queue.isOverflowed else { return nil }
      state.queue.clearOverflow()
      enqueueAll(&state)
      return take(at: moment, &state)
    }
  }

  private func take(at moment: Timestamp, _ state: inout State) -> Job? {
    while let key = state.queue.take(at: moment) {
      if let expected = state.expectations[key], !expected.areMet(by: state.index) {
        state.queue.finish(key, .parked, at: moment)
        state.parked.insert(key)
        continue
      }
      state.expectations[key] = nil
      return Job(key: key)
    }
    return nil
  }

  /// Looks at everything anew.
  private func enqueueAll(_ state: inout State) {
    for kind in kinds {
      for object in state.index.all(kind.resource) {
        let change = ObservedChange(key: object.key, old: nil, new: object, last: object)
        for (place, controller) in controllers.enumerated() {
          for key in controller.keys(for: change, in: state.index) {
            state.queue.add(WorkKey(controller: place, object: key))
          }
        }
      }
    }
    addStandingKeys(&state)
  }

  public func run(_ job: Job) async {
    let key = job.key
    let controller = controllers[key.controller]
    var expectations = Expectations()
    var refusal: Refusal?
    var isClean = true
    var lookAgain: Timestamp?
    do {
      let questions = state.withLock { controller.questions(for: key.object, in: $0.index, at: now()) }
      let answers = try await writer.answer(questions)
      let plan = state.withLock { state in
        controller.plan(
          for: key.object,
          Observation(state.index, answers: answers, refusal: state.refusals[key], now: now()))
      }
      lookAgain = plan.lookAgain
      announce(plan.announcements, from: controller.name)
      for group in plan.groups where isClean {
        for (change, outcome) in await carryOut(group) {
          isClean = note(outcome, of: change, from: controller.name, &expectations, &refusal) && isClean
        }
      }
    } catch {
      logger.error(
        "a controller could not look at its objects",
        metadata: ["controller": "\(controller.name)", "object": "\(key.object)", "error": "\(error)"])
      isClean = false
    }
    let moment = now()
    state.withLock { state in
      state.refusals[key] = refusal
      if !expectations.isEmpty { state.expectations[key] = expectations }
      state.queue.finish(key, isClean ? .done(lookAgain: lookAgain) : .failed, at: moment)
    }
  }

  /// Twice as many each time, so that what is refused is refused a few times only.
  private func carryOut(_ group: [Change]) async -> [(Change, ChangeWriter.Outcome)] {
    var results: [(Change, ChangeWriter.Outcome)] = []
    var rest = group[...]
    var size = 1
    while !rest.isEmpty {
      let batch = rest.prefix(size)
      rest = rest.dropFirst(batch.count)
      let outcomes = await withTaskGroup { tasks in
        for (place, change) in batch.enumerated() {
          tasks.addTask { [writer] in (place, await writer.carryOut(change)) }
        }
        var outcomes: [(Int, ChangeWriter.Outcome)] = []
        for await outcome in tasks { outcomes.append(outcome) }
        return outcomes.sorted { $0.0 < $1.0 }.map(\.1)
      }
      results += zip(batch, outcomes)
      let isClean = outcomes.allSatisfy { if case .refused = $0 { false } else { true } }
      guard isClean else { break }
      size = min(size * 2, bounds.together)
    }
    return results
  }

  /// - Returns: whether the key is done with as far as this change goes.
  private func note(
    _ outcome: ChangeWriter.Outcome, of change: Change, from component: String, _ expectations: inout Expectations,
    _ refusal: inout Refusal?
  ) -> Bool {
    switch outcome {
    case .done(let resource, let revision, let name):
      expectations.expect(resource, revision)
      announce(change.success, outcome: name, from: component)
    case .gone(let key, let uid):
      expectations.expectGone(key, uid: uid)
      announce(change.success, outcome: key.name, from: component)
    case .moot: break
    case .conflict: return false
    case .refused(let reason):
      if refusal == nil { refusal = reason }
      announce(change.failure, outcome: reason.message, from: component)
      logger.debug(
        "a controller's change was refused", metadata: ["controller": "\(component)", "reason": "\(reason)"])
      return false
    case .unsure(let resource, let message):
      logger.error("a controller's change failed", metadata: ["controller": "\(component)", "error": "\(message)"])
      // Whether it was done is seen once all changes until now are told.
      expectations.expect(resource, writer.service.store.revision)
      writer.service.store.nudge()
      return false
    }
    return true
  }

  // MARK: events

  private func announce(_ announcement: Announcement?, outcome: String, from component: String) {
    guard var announcement else { return }
    if announcement.addsOutcome { announcement.message += outcome }
    announce([announcement], from: component)
  }

  private func announce(_ announcements: [Announcement], from component: String) {
    guard !announcements.isEmpty else { return }
    state.withLock { state in
      state.announcements += announcements.map { ($0, component) }
      let surplus = state.announcements.count - bounds.announcements
      if surplus > 0 {
        state.announcements.removeFirst(surplus)
        state.droppedAnnouncements += surplus
      }
    }
  }

  /// Writes events that wait, a few at once.
  /// - Returns: whether there were any.
  public func writeEvents() async -> Bool {
    let moment = now()
    let writes = state.withLock { state -> [EventRecorder.Write]? in
      guard !state.announcements.isEmpty else { return nil }
      let batch = state.announcements.prefix(bounds.together)
      state.announcements.removeFirst(batch.count)
      return batch.compactMap { state.recorder.record($0.0, from: $0.component, at: moment) }
    }
    guard let writes else { return false }
    await withTaskGroup { tasks in
      for write in writes { tasks.addTask { [self] in await self.write(write) } }
    }
    return true
  }

  private func write(_ event: EventRecorder.Write) async {
    switch event {
    case .create(let object): await report(writer.carryOut(.create(.events, object)))
    case .count(let key, let patch, let whole):
      let outcome = await writer.carryOut(Change(.patch(Target(key: key, uid: ""), patch)))
      if case .moot = outcome { await report(writer.carryOut(.create(.events, whole))) } else { report(outcome) }
    }
  }

  private func report(_ outcome: ChangeWriter.Outcome) {
    switch outcome {
    case .refused(let refusal): logger.debug("an event was refused", metadata: ["reason": "\(refusal.message)"])
    case .unsure(_, let message): logger.error("an event could not be written", metadata: ["error": "\(message)"])
    default: break
    }
  }
}
