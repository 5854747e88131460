import Compose
import Glibc

/// Follows the events of a project's containers, so that who waits for one looks at it when something has happened to it
/// and not before.
final class ContainerWatch: Sendable {
  private struct State {
    var isListening = false
    /// How often something was told of a container, by its id.
    var changes: [String: Int] = [:]
    var end: ClientError?
  }

  private enum Outcome { case changed, ended(ClientError) }

  private static let actions = [
    "create", "start", "die", "stop", "pause", "unpause", "restart", "destroy", "health_status",
  ]

  private let engine: Engine
  private let state = Monitor(State())

  /// Listens when this returns: what happens afterwards is not missed.
  init(_ engine: Engine, project: String) throws(ClientError) {
    self.engine = engine
    let filters: JSONValue = [
      "type": ["container"], "label": [.string("\(ComposeLabel.project)=\(project)")], "event": .strings(Self.actions),
    ]
    let state = state
    _ = try Threads.start {
      do throws(ClientError) {
        let response = try engine.open(.get, "/events", query: [("filters", filters.compact)])
        state.with { $0.isListening = true }
        try engine.eachDocument(of: response) { document throws(ClientError) in
          let id = document["Actor"].text("ID")
          state.with { $0.changes[id, default: 0] += 1 }
        }
        throw ClientError("the engine ended the stream of events")
      } catch {
        state.with { $0.end = $0.end ?? error }
      }
    }
    let failure = state.wait { state -> ClientError?? in
      if let end = state.end { return .some(end) }
      return state.isListening ? .some(nil) : nil
    }
    if let failure, let failure { throw failure }
  }

  /// What a container's state means for who waits for it.
  enum Verdict: Equatable {
    case reached(String)
    case notYet
    case failed(String)
  }

  /// Blocks until the container has come to what the condition asks for.
  /// - Returns: the word for it: `Started`, `Healthy`, `Exited`.
  /// - Throws: when it can no longer come to it, or not within the time.
  func wait(
    _ id: String, named name: String, _ condition: ComposeDependency.Condition, deadline: Deadline? = nil
  ) throws(ClientError) -> String {
    while true {
      let seen = state.with { $0.changes[id] ?? 0 }
      let details = try engine.call(.get, "/containers/\(Engine.escape(id))/json")
      switch Self.verdict(details["State"], condition) {
      case .reached(let word): return word
      case .failed(let reason): throw ClientError("container \(name) \(reason)")
      case .notYet: break
      }
      let outcome = state.wait(until: deadline) { state -> Outcome? in
        if let end = state.end { return .ended(end) }
        return state.changes[id] ?? 0 != seen ? .changed : nil
      }
      switch outcome {
      case .changed: continue
      case .ended(let failure): throw failure
      case nil:
        throw ClientError(
          "container \(name) did not become \(condition == .healthy ? "healthy" : "ready") in time"
            + LastWords.check(details["State"]))
      }
    }
  }

  /// A container without a health check is as good as healthy when it runs.
  static func verdict(_ state: JSONValue, _ condition: ComposeDependency.Condition) -> Verdict {
    let status = state.text("Status")
    let code = state["ExitCode"].int ?? 0
    let hasEnded = status == "exited" || status == "dead"
    let health = state["Health"].text("Status")
    switch condition {
    case .completed:
      guard hasEnded else { return .notYet }
      return code == 0 ? .reached("Exited") : .failed("exited (\(code))")
    case .started:
      if hasEnded { return .reached("Exited") }
      return status == "running" || status == "paused" ? .reached("Started") : .notYet
    case .healthy:
      if hasEnded { return .failed("exited (\(code))") }
      switch health {
      case "healthy": return .reached("Healthy")
      case "unhealthy": return .failed("is unhealthy" + LastWords.check(state))
      case "", "none": return status == "running" ? .reached("Started") : .notYet
      default: return .notYet
      }
    }
  }
}
