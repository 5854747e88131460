import LinuxSystem

/// When a failed request is tried again: exponential back-off with jitter; the peer's own wish counts more.
public struct RetrySchedule: Sendable, Hashable {
  /// Attempts in all.
  public var attempts = 6
  public var firstSeconds = 0.5
  public var maximumSeconds = 30.0
  /// Longest wait that a peer may ask for by `Retry-After`.
  public var maximumWishSeconds = 60.0
  /// A registry that no connection comes about with is given up after so long, whatever attempts are left.
  public var unconnectedSeconds = 30.0

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

/// The attempts of one request.
struct RetryCount {
  private let schedule: RetrySchedule
  private let connectSeconds: Double
  private let now: () -> UInt64
  private var attempt = 1
  private var start: UInt64

  /// - Parameter now: a clock in nanoseconds.
  init(_ settings: RegistrySettings, now: @escaping () -> UInt64 = { Clock.monotonicNanoseconds() }) {
    schedule = settings.retry
    connectSeconds = Double(settings.connectSeconds)
    self.now = now
    start = now()
  }

  var isLast: Bool { attempt >= schedule.attempts }

  /// Something has come of it: the next failure is the first again.
  mutating func restart() {
    attempt = 1
    start = now()
  }

  /// Seconds to wait before the next attempt; nil where there is none. Whoever waits for an answer is told of the first failure.
  mutating func next(after failure: RegistryFailure, wish: Double?, jitter: Double = .random(in: 0...1)) -> Double? {
    guard let seconds = schedule.delay(after: attempt, wish: wish, jitter: jitter) else { return nil }
    if failure.isUnconnected {
      let spent = Double(now() - start) / 1e9
      guard spent + seconds + connectSeconds <= schedule.unconnectedSeconds else { return nil }
      if attempt == 1 { RegistryNotice.current?.hear("\(failure.message): trying again") }
    }
    attempt += 1
    return seconds
  }
}

/// Who is to hear at once of what may pass, for the time of a task.
///
/// An object, not the function itself: Swift 6.3 compiles a task-local function with optimization to code that crashes.
public final class RegistryNotice: Sendable {
  @TaskLocal public static var current: RegistryNotice?

  let hear: @Sendable (String) -> Void

  public init(_ hear: @escaping @Sendable (String) -> Void) {
    self.hear = hear
  }
}
