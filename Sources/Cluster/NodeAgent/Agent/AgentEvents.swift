import HTTPServing
import KubeControllers
import KubeMachinery
import KubeResources
import LinuxSystem
import Logging

/// Events at pods and the node, written one after the other. What comes too fast is dropped, as events are for people.
final class AgentEvents: Sendable {
  static let component = "kubelet"
  static let maxWaiting = 1_024

  private struct State {
    var recorder: EventRecorder
    var waiting: [EventRecorder.Write] = []
    var dropped = 0
  }

  private let cluster: any ClusterAccess
  private let now: @Sendable () -> Timestamp
  private let logger: Logger
  private let state: Locked<State>
  private let bell = Bell()

  init(_ cluster: any ClusterAccess, serial: UInt64, now: @escaping @Sendable () -> Timestamp, logger: Logger) {
    self.cluster = cluster
    self.now = now
    self.logger = logger
    state = Locked(State(recorder: EventRecorder(serial: serial)))
  }

  func announce(_ subject: JSONValue, isWarning: Bool, reason: String, message: String) {
    let announcement = Announcement(
      subject: subject, isWarning ? .warning : .normal, reason, message)
    let moment = now()
    state.withLock { state in
      guard let write = state.recorder.record(announcement, from: Self.component, at: moment) else { return }
      guard state.waiting.count < Self.maxWaiting else {
        state.dropped += 1
        return
      }
      state.waiting.append(write)
    }
    bell.ring()
  }

  /// Until cancelled.
  func run() async {
    while !Task.isCancelled {
      let heard = bell.count
      let (next, dropped) = state.withLock { state -> (EventRecorder.Write?, Int) in
        defer { state.dropped = 0 }
        return (state.waiting.isEmpty ? nil : state.waiting.removeFirst(), state.dropped)
      }
      if dropped > 0 { logger.warning("\(dropped) events were dropped: they came faster than the server takes them") }
      guard let next else {
        await bell.wait(since: heard)
        continue
      }
      do { try await write(next) } catch is CancellationError { return } catch {
        logger.debug("an event was not written: \(error)")
      }
    }
  }

  private func write(_ write: EventRecorder.Write) async throws {
    func folder(_ namespace: String) -> [String] { ["api", "v1", "namespaces", namespace, "events"] }
    switch write {
    case .create(let event):
      _ = try await cluster.send(ClusterRequest(.post, folder(event.meta.namespace), body: event))
    case .count(let key, let patch, let whole):
      do {
        _ = try await cluster.send(.strategicPatch(folder(key.namespace) + [key.name], patch))
      } catch let error as StatusError where error.code == 404 {
        _ = try await cluster.send(ClusterRequest(.post, folder(key.namespace), body: whole))
      }
    }
  }
}
