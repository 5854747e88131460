import LinuxSystem
import Model

/// Tells everyone who listens what happens, and keeps the last events for those who ask later.
public final class EventBus: Sendable {
  /// Events kept for `since`.
  static let historyCount = 1024
  /// Events that a slow listener may be behind; then its subscription ends.
  static let backlogCount = 4096

  private struct State {
    var history: [EngineEvent] = []
    var nextKey: UInt64 = 0
    var subscriptions: [UInt64: EventSubscription] = [:]
  }

  private let state = Locked(State())

  public init() {}

  /// Tells an event; never waits.
  func emit(_ kind: EngineEvent.Kind, _ action: String, id: String, attributes: [String: String] = [:]) {
    let event = EngineEvent(
      kind: kind, action: action, actorID: id, attributes: attributes, time: Int64(Clock.realTimeNanoseconds()))
    let listeners = state.withLock { state in
      state.history.append(event)
      if state.history.count > Self.historyCount { state.history.removeFirst(state.history.count - Self.historyCount) }
      return Array(state.subscriptions.values)
    }
    for listener in listeners { listener.offer(event) }
  }

  /// The kept events of a span of time, oldest first. Nanoseconds since 1970; nil is open.
  public func history(since: Int64?, until: Int64?) -> [EngineEvent] {
    state.withLock { state in
      state.history.filter { $0.time >= since ?? .min && $0.time <= until ?? .max }
    }
  }

  /// Listens from now on; the kept events since `since` come first.
  public func subscribe(since: Int64? = nil) -> EventSubscription {
    state.withLock { state in
      state.nextKey += 1
      let key = state.nextKey
      let earlier = since.map { since in state.history.filter { $0.time >= since } } ?? []
      let subscription = EventSubscription(pending: earlier) { [weak self] in self?.unsubscribe(key) }
      state.subscriptions[key] = subscription
      return subscription
    }
  }

  /// How many listen now.
  public var listenerCount: Int { state.withLock { $0.subscriptions.count } }

  private func unsubscribe(_ key: UInt64) {
    state.withLock { _ = $0.subscriptions.removeValue(forKey: key) }
  }
}

/// One listener's view of the events.
public final class EventSubscription: Sendable {
  private struct State {
    var pending: [EngineEvent]
    var ended = false
    var waiter: CheckedContinuation<Void, Never>?
  }

  private let state: Locked<State>
  private let onCancel: @Sendable () -> Void

  init(pending: [EngineEvent], onCancel: @escaping @Sendable () -> Void) {
    self.state = Locked(State(pending: pending))
    self.onCancel = onCancel
  }

  deinit { onCancel() }

  /// The next event; nil when the subscription was cancelled, the task was, or the listener fell too far behind.
  public func next() async -> EngineEvent? {
    while true {
      let step = state.withLock { state -> (event: EngineEvent?, ended: Bool) in
        if !state.pending.isEmpty { return (state.pending.removeFirst(), false) }
        return (nil, state.ended)
      }
      if let event = step.event { return event }
      if step.ended || Task.isCancelled { return nil }
      await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          let immediate = state.withLock { state in
            if !state.pending.isEmpty || state.ended || Task.isCancelled { return true }
            state.waiter = continuation
            return false
          }
          if immediate { continuation.resume() }
        }
      } onCancel: {
        wake()
      }
    }
  }

  /// Ends the subscription.
  public func cancel() {
    state.withLock { $0.ended = true }
    onCancel()
    wake()
  }

  func offer(_ event: EngineEvent) {
    state.withLock { state in
      if state.pending.count >= EventBus.backlogCount { state.ended = true } else { state.pending.append(event) }
    }
    wake()
  }

  private func wake() {
    let waiter = state.withLock { state in
      defer { state.waiter = nil }
      return state.waiter
    }
    waiter?.resume()
  }
}
