/// Bounds how often wrong passwords may be tried for one name. A pure value; the caller has the clock.
struct TryLimiter {
  static let maximumFailures = 10
  static let windowSeconds: Int64 = 300
  /// Names remembered; beyond them the oldest are forgotten.
  static let maximumNames = 10_000

  private var failures: [String: (count: Int, since: Int64)] = [:]

  func isBarred(_ name: String, now: Int64) -> Bool {
    guard let entry = failures[name], now - entry.since < Self.windowSeconds else { return false }
    return entry.count >= Self.maximumFailures
  }

  mutating func failed(_ name: String, now: Int64) {
    if let entry = failures[name], now - entry.since < Self.windowSeconds {
      failures[name] = (entry.count + 1, entry.since)
      return
    }
    if failures.count >= Self.maximumNames {
      failures = failures.filter { now - $0.value.since < Self.windowSeconds }
      if failures.count >= Self.maximumNames, let oldest = failures.min(by: { $0.value.since < $1.value.since })?.key {
        failures[oldest] = nil
      }
    }
    failures[name] = (1, now)
  }

  mutating func succeeded(_ name: String) { failures[name] = nil }
}
