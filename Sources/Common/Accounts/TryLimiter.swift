/// Bounds how often wrong passwords may be tried for one name. A pure value; the caller has the clock.
struct TryLimiter {
  static let maximumFailures = 10
  static let windowSeconds: Int64 = 300
  /// Names remembered; beyond them the oldest are forgotten.
  static let maximumNames = 10_000

  private var failures: [String: (count: Int, since: Int64)] = [:]

  func isBarred(_ name: String, now: Int64) -> Bool {
    guard let entry = failures[Self.key(name)], now - entry.since < Self.windowSeconds else { return false }
    return entry.count >= Self.maximumFailures
  }

  mutating func failed(_ text: String, now: Int64) {
    let name = Self.key(text)
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

  mutating func succeeded(_ name: String) { failures[Self.key(name)] = nil }

  /// What cannot be a user's name is counted together: nobody fills the table with long texts.
  private static func key(_ text: String) -> String { (try? AccountName.check(text, field: "name")) == nil ? "" : text }
}
