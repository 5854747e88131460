import KubeMachinery

/// Waits that double from one failure to the next. A pure value; moments come in.
struct BackOff: Sendable, Equatable {
  static let firstSeconds: Int64 = 10
  static let longestSeconds: Int64 = 300

  private(set) var seconds: Int64 = 0
  private var updatedAt = Timestamp(seconds: 0)

  /// Until when something that ended at a moment waits; nil where it may be tried at once.
  func end(since ended: Timestamp, at now: Timestamp) -> Timestamp? {
    guard seconds > 0, !isOver(at: ended) else { return nil }
    let end = Timestamp(seconds: ended.seconds + seconds, nanoseconds: ended.nanoseconds)
    return end > now ? end : nil
  }

  /// Another try begins: the next wait is longer, unless the last try went well for long.
  /// - Parameter ended: when the last try came to its end; nil: right now.
  mutating func advance(at now: Timestamp, after ended: Timestamp? = nil) {
    seconds = seconds == 0 || isOver(at: ended ?? now) ? Self.firstSeconds : min(seconds * 2, Self.longestSeconds)
    updatedAt = now
  }

  /// What counts is how long the try lasted, not how long was waited after it. Source: Kubernetes *Pod Lifecycle*.
  private func isOver(at ended: Timestamp) -> Bool { ended.seconds - updatedAt.seconds > 2 * Self.longestSeconds }

  /// As messages say it: `10s`, `2m40s`, `5m0s`.
  var text: String { seconds < 60 ? "\(seconds)s" : "\(seconds / 60)m\(seconds % 60)s" }
}
