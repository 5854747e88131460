import Model

/// Signals by name and number, as `--stop-signal` and `kill --signal` take them. Source: signal(7), x86 and ARM
/// numbers.
public enum SignalName {
  private static let numbers: [String: Int32] = [
    "HUP": 1, "INT": 2, "QUIT": 3, "ILL": 4, "TRAP": 5, "ABRT": 6, "IOT": 6, "BUS": 7, "FPE": 8, "KILL": 9, "USR1": 10,
    "SEGV": 11, "USR2": 12, "PIPE": 13, "ALRM": 14, "TERM": 15, "STKFLT": 16, "CHLD": 17, "CLD": 17, "CONT": 18,
    "STOP": 19, "TSTP": 20, "TTIN": 21, "TTOU": 22, "URG": 23, "XCPU": 24, "XFSZ": 25, "VTALRM": 26, "PROF": 27,
    "WINCH": 28, "IO": 29, "POLL": 29, "PWR": 30, "SYS": 31, "UNUSED": 31,
  ]
  /// As the C library counts them: it keeps the first two real-time signals for itself.
  private static let firstRealTime: Int32 = 34
  private static let lastRealTime: Int32 = 64

  /// The number for `SIGTERM`, `term`, `15`, `RTMIN+3` or `SIGRTMAX-1`. Throws `invalidArgument`.
  public static func number(_ text: String) throws -> Int32 {
    let invalid = PlatformError(.invalidArgument, "invalid signal: \(text.prefix(100))")
    if let number = Int32(text) {
      guard (1...lastRealTime).contains(number) else { throw invalid }
      return number
    }
    let upper = text.uppercased()
    let name = upper.hasPrefix("SIG") ? String(upper.dropFirst(3)) : upper
    if let number = numbers[name] { return number }
    guard let number = realTime(name) else { throw invalid }
    return number
  }

  private static func realTime(_ name: String) -> Int32? {
    let fromFirst = name.hasPrefix("RTMIN")
    guard fromFirst || name.hasPrefix("RTMAX") else { return nil }
    let base = fromFirst ? firstRealTime : lastRealTime
    let rest = name.dropFirst(5)
    if rest.isEmpty { return base }
    guard rest.first == (fromFirst ? "+" : "-"), let offset = Int32(rest.dropFirst()), rest.dropFirst().first != "+",
      (0...lastRealTime - firstRealTime).contains(offset)
    else { return nil }
    return fromFirst ? base + offset : base - offset
  }
}
