import Glibc
import LinuxSystem

/// Times as image documents hold them: RFC 3339 text, and nanoseconds since 1970 for computing.
public enum ImageTimestamp {
  /// What docker shows for an image without a time.
  public static let zero = "0001-01-01T00:00:00Z"

  public static func now() -> String { text(nanoseconds: Int64(Clock.realTimeNanoseconds())) }

  /// UTC, with as many digits of a second as are needed.
  public static func text(nanoseconds: Int64) -> String {
    let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    var seconds = time_t(remainder < 0 ? quotient - 1 : quotient)
    let rest = remainder < 0 ? remainder + 1_000_000_000 : remainder
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ value: Int32) -> String { value < 10 ? "0\(value)" : "\(value)" }
    var text = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    text += "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
    if rest != 0 {
      let digits = String(rest)
      var fraction = String(repeating: "0", count: 9 - digits.count) + digits
      while fraction.hasSuffix("0") { fraction.removeLast() }
      text += "." + fraction
    }
    return text + "Z"
  }

  /// Nanoseconds since 1970 of an RFC 3339 time; nil for anything else and for years that do not fit.
  public static func nanoseconds(_ text: String) -> Int64? {
    var rest = text[...]
    func number(_ digits: Int) -> Int? {
      guard rest.utf8.count >= digits, rest.utf8.prefix(digits).allSatisfy({ (48...57).contains($0) }) else {
        return nil
      }
      defer { rest = rest.dropFirst(digits) }
      return Int(rest.prefix(digits))
    }
    func skip(_ mark: Character...) -> Bool {
      guard let first = rest.first, mark.contains(first) else { return false }
      rest = rest.dropFirst()
      return true
    }
    guard text.utf8.count <= 64, let year = number(4), skip("-"), let month = number(2), skip("-"), let day = number(2),
      skip("T", "t", " "), let hour = number(2), skip(":"), let minute = number(2), skip(":"), let second = number(2),
      (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second <= 60,
      (1678...2261).contains(year)
    else { return nil }
    var fraction: Int64 = 0
    if skip(".") {
      let digits = rest.utf8.prefix { (48...57).contains($0) }.count
      guard digits > 0, let value = Int64(rest.prefix(min(digits, 9))) else { return nil }
      fraction = (digits..<9).reduce(value) { result, _ in result * 10 }
      rest = rest.dropFirst(digits)
    }
    var offset = 0
    if !skip("Z", "z") {
      let isWest = rest.first == "-"
      guard skip("+", "-"), let hours = number(2), skip(":"), let minutes = number(2) else { return nil }
      offset = (hours * 60 + minutes) * 60 * (isWest ? -1 : 1)
    }
    guard rest.isEmpty else { return nil }
    var parts = tm()
    parts.tm_year = Int32(year - 1900)
    parts.tm_mon = Int32(month - 1)
    parts.tm_mday = Int32(day)
    parts.tm_hour = Int32(hour)
    parts.tm_min = Int32(minute)
    parts.tm_sec = Int32(second)
    return Int64(timegm(&parts) - offset) * 1_000_000_000 + fraction
  }
}
