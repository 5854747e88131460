extension GoText {
  /// A span as Go writes it: `15.002s`, `1m0s`, `250ms`. Source: Go `time.Duration.String`; parts of milliseconds are not told.
  public static func duration(milliseconds: Int64) -> String {
    guard milliseconds > 0 else { return "0s" }
    if milliseconds < 1_000 { return "\(milliseconds)ms" }
    let (hours, minutes) = (milliseconds / 3_600_000, milliseconds / 60_000 % 60)
    var digits = String(milliseconds % 1_000 + 1_000).dropFirst()
    while digits.last == "0" { digits.removeLast() }
    let seconds = "\(milliseconds / 1_000 % 60)\(digits.isEmpty ? "" : ".\(digits)")s"
    if hours > 0 { return "\(hours)h\(minutes)m\(seconds)" }
    return minutes > 0 ? "\(minutes)m\(seconds)" : seconds
  }
}
