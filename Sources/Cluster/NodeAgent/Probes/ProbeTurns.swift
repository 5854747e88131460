/// Programs that the probes of one pod run at once: the others wait for their turn, so that a pod with many containers does not take
/// the calls of all.
actor ProbeTurns {
  static let limit = 8

  private(set) var running = 0
  private var waiting: [CheckedContinuation<Void, Never>] = []

  /// Runs what is no program at once.
  func run(_ target: ProbeTarget, _ body: @Sendable () async -> ProbeAnswer) async -> ProbeAnswer {
    guard case .execute = target else { return await body() }
    // Whoever ends hands its turn over.
    if running < Self.limit { running += 1 } else { await withCheckedContinuation { waiting.append($0) } }
    defer {
      if waiting.isEmpty { running -= 1 } else { waiting.removeFirst().resume() }
    }
    return await body()
  }
}
