/// Bounds how often wrong passwords may be tried: by one address for one name, and by one address for whatever names. Nobody
/// else is kept out by that. A pure value; the caller has the clock.
struct TryLimiter {
  static let maximumFailures = 10
  static let maximumFailuresOfAddress = 100
  static let windowSeconds: Int64 = 300
  /// Pairs and addresses remembered; beyond them the oldest are forgotten.
  static let maximumEntries = 10_000

  private struct Key: Hashable {
    var address: String
    /// Nil: for whatever names.
    var name: String?
  }

  private var failures: [Key: (count: Int, since: Int64)] = [:]

  func isBarred(_ name: String, from address: String?, now: Int64) -> Bool {
    let address = Self.network(address)
    return count(Key(address: address, name: Self.known(name)), now) >= Self.maximumFailures
      || count(Key(address: address), now) >= Self.maximumFailuresOfAddress
  }

  mutating func failed(_ name: String, from address: String?, now: Int64) {
    let address = Self.network(address)
    for key in [Key(address: address, name: Self.known(name)), Key(address: address)] {
      let count = count(key, now)
      if count == 0 { makeRoom(now) }
      failures[key] = (count + 1, count == 0 ? now : failures[key]?.since ?? now)
    }
  }

  mutating func succeeded(_ name: String, from address: String?) {
    failures[Key(address: Self.network(address), name: Self.known(name))] = nil
  }

  private func count(_ key: Key, _ now: Int64) -> Int {
    guard let entry = failures[key], now - entry.since < Self.windowSeconds else { return 0 }
    return entry.count
  }

  private mutating func makeRoom(_ now: Int64) {
    guard failures.count >= Self.maximumEntries else { return }
    failures = failures.filter { now - $0.value.since < Self.windowSeconds }
    guard failures.count >= Self.maximumEntries else { return }
    // Many at once, so that a flood of addresses does not make each try a walk through the table.
    let since = failures.values.map(\.since).sorted()[failures.count / 4]
    failures = failures.filter { $0.value.since > since }
  }

  /// What cannot be a user's name is counted together: nobody fills the table with long texts.
  private static func known(_ text: String) -> String {
    (try? AccountName.check(text, field: "name")) == nil ? "" : text
  }

  /// One who tries has at least the 64 bits of IPv6 addresses that a line is given (RFC 4291, section 2.5.1).
  static func network(_ address: String?) -> String {
    guard let address else { return "local" }
    guard address.contains(":") else { return address }
    let halves = address.prefix { $0 != "%" }.split(separator: "::", maxSplits: 1, omittingEmptySubsequences: false)
    var groups = halves[0].split(separator: ":").map(String.init)
    if halves.count == 2 {
      let tail = halves[1].split(separator: ":").map(String.init)
      // An IPv4 address in its mapped form is one of its own (section 2.5.5.2).
      if let last = tail.last, last.contains(".") { return last }
      groups += Array(repeating: "0", count: max(0, 8 - groups.count - tail.count)) + tail
    }
    return groups.prefix(4).joined(separator: ":")
  }
}
