import KubeMachinery

/// Waits that double from one failure to the next. A pure value; moments come in.
struct BackOff: Sendable, Equatable {
  static let firstSeconds: Int64 = 10
  static let longestSeconds: Int64 = 300

  private(set) var seconds: Int64 = 0
  private var updatedAt = Timestamp(seconds: 0)

  /// Until when something that failed at a moment waits; nil where it may be tried at once.
  func end(since failure: Timestamp, at now: Timestamp) -> Timestamp? {
    guard seconds > 0, !isOver(at: now) else { return nil }
    let end = Timestamp(seconds: failure.seconds + seconds, nanoseconds: failure.nanoseconds)
    return end > now ? end : nil
  }

  /// Another try begins: the next wait is longer. One that began long ago begins anew.
  mutating func advance(at now: Timestamp) {
    seconds = seconds == 0 || isOver(at: now) ? Self.firstSeconds : min(seconds * 2, Self.longestSeconds)
    updatedAt = now
  }

  private func isOver(at now: Timestamp) -> Bool { now.seconds - updatedAt.seconds > 2 * Self.longestSeconds }

  /// As messages say it: `10s`, `2m40s`, `5m0s`.
  var text: String { seconds < 60 ? "\(seconds)s" : "\(seconds / 60)m\(seconds % 60)s" }
}
