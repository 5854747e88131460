import ContainerEngine
import Model

/// How docker words a container's state.
enum ContainerWords {
  /// Whether docker counts it among the running ones.
  static func isRunning(_ run: ContainerRunState) -> Bool { run.isRunning || run.status == .restarting }

  /// The `Status` column of `docker ps`.
  static func status(_ run: ContainerRunState, _ health: HealthState.Status?, now: Int64) -> String {
    func since(_ time: Int64) -> String {
      Durations.words(seconds: max(0, now.clampedSubtracting(time)) / 1_000_000_000)
    }
    switch run.status {
    case .running:
      let up = "Up \(since(run.startedAt))"
      return word(health).map { "\(up) (\($0))" } ?? up
    case .paused: return "Up \(since(run.startedAt)) (Paused)"
    case .restarting: return "Restarting (\(run.exitCode)) \(since(run.finishedAt)) ago"
    case .removing: return "Removal In Progress"
    case .dead: return "Dead"
    case .created: return "Created"
    case .exited: return run.finishedAt == 0 ? "Created" : "Exited (\(run.exitCode)) \(since(run.finishedAt)) ago"
    }
  }

  private static func word(_ health: HealthState.Status?) -> String? {
    switch health {
    case nil, .some(.none): nil
    case .starting: "health: starting"
    case .healthy: "healthy"
    case .unhealthy: "unhealthy"
    }
  }

  /// The value of the `health` filter.
  static func healthName(_ view: ContainerView) -> String { (view.health?.status ?? .none).rawValue }

  /// Program and arguments on one line, arguments with spaces in quotes.
  static func command(_ arguments: [String]) -> String {
    guard let program = arguments.first else { return "" }
    let rest = arguments.dropFirst().map { $0.contains(" ") ? "'\($0)'" : $0 }
    return ([program] + rest).joined(separator: " ")
  }

  static func networkMode(_ mode: NetworkMode) -> String {
    switch mode {
    case .standard: "bridge"
    case .host: "host"
    case .none: "none"
    case .container(let target): "container:\(target)"
    case .network(let name): name
    }
  }

  /// `own` is how docker writes a namespace of the container's own for this field.
  static func namespace(_ mode: NamespaceMode, own: String) -> String {
    switch mode {
    case .own: own
    case .host: "host"
    case .container(let target): "container:\(target)"
    case .shareable: "shareable"
    case .none: "none"
    }
  }
}
