/// When a failed request is tried again: exponential back-off with jitter; the peer's own wish counts more.
public struct RetrySchedule: Sendable, Hashable {
  /// Attempts in all.
  public var attempts = 6
  public var firstSeconds = 0.5
  public var maximumSeconds = 30.0
  /// Longest wait that a peer may ask for by `Retry-After`.
  public var maximumWishSeconds = 60.0

  public init() {}

  /// Seconds to wait after a failed attempt; nil when it was the last.
  /// - Parameters:
  ///   - attempt: which one failed, from 1.
  ///   - wish: what `Retry-After` said, in seconds.
  ///   - jitter: 0…1.
  func delay(after attempt: Int, wish: Double? = nil, jitter: Double = .random(in: 0...1)) -> Double? {
    guard attempt < attempts else { return nil }
    if let wish { return min(max(wish, 0), maximumWishSeconds) }
    var seconds = firstSeconds
    for _ in 1..<max(attempt, 1) where seconds < maximumSeconds { seconds *= 2 }
    // Half is fixed, half is chance, so that many clients do not come back together.
    return min(seconds, maximumSeconds) * (0.5 + jitter / 2)
  }
}
