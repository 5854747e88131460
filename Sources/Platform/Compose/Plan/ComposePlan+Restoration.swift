/// A container that a plan takes away for another, or stops to start it anew.
public struct ComposeReplacement: Sendable, Equatable {
  public var old: ComposeContainerReference
  /// nil: the same container, which starts again.
  public var new: ComposeContainerReference?
  /// Whether the old one ran when the plan was made.
  public var wasRunning: Bool

  public init(old: ComposeContainerReference, new: ComposeContainerReference?, wasRunning: Bool) {
    self.old = old
    self.new = new
    self.wasRunning = wasRunning
  }
}

/// How far a step came.
public enum ComposeStepStatus: Sendable, Equatable { case waiting, running, done, failed }

/// What puts a container back after a failure, in this order for each replacement.
public enum ComposeRestoration: Sendable, Equatable {
  /// Removes a new container, if it was made, whose old one is still there.
  case discard(ComposeContainerReference)
  /// Starts an old container that the plan had stopped.
  case restart(ComposeContainerReference)
  /// The load balancer may send requests to the old container again.
  case undrain(ComposeContainerReference)
  /// Removes an old container whose new one runs.
  case remove(ComposeContainerReference)
  /// The old one is gone and the new one is to have its name.
  case rename(ComposeContainerReference)
}

extension ComposePlan {
  /// What is to be done after a failure, so that each service runs as before where it does not run anew: a new container that
  /// does not run stays only where the old one is gone.
  ///
  /// - Parameter statuses: of each step; none is `running`.
  public func restoration(after statuses: [ComposeStepStatus]) -> [ComposeRestoration] {
    /// How far the steps of one kind came with a container; `waiting` where there is none.
    func status(_ matches: (ComposeAction) -> Bool) -> ComposeStepStatus {
      zip(steps, statuses).first { matches($0.0.action) }?.1 ?? .waiting
    }
    var result: [ComposeRestoration] = []
    for replacement in replacements {
      let old = replacement.old
      let removed = status { if case .remove(old, _) = $0 { true } else { false } }
      let stopped = status { $0 == .stop(old) }
      guard let new = replacement.new else {
        if stopped != .waiting, status({ $0 == .start(old) }) != .done { result.append(.restart(old)) }
        continue
      }
      switch removed {
      // What could not be removed was to go: the new one runs.
      case .failed, .running: continue
      case .done: if status({ $0 == .rename(new) }) != .done { result.append(.rename(new)) }
      case .waiting:
        if status({ $0 == .start(new) }) == .done, stopped == .done || !replacement.wasRunning {
          result += [.remove(old), .rename(new)]
          continue
        }
        result.append(.discard(new))
        guard replacement.wasRunning else { continue }
        if stopped != .waiting { result.append(.restart(old)) }
        if status({ $0 == .drain(old) }) != .waiting { result.append(.undrain(old)) }
      }
    }
    return result
  }
}
