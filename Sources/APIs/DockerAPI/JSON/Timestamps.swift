import Glibc
import Model

/// Moments as docker's JSON and query parameters write them; inside they are nanoseconds since 1970.
enum Timestamps {
  /// What docker writes for "never".
  static let never = "0001-01-01T00:00:00Z"

  /// RFC 3339 in UTC with as many digits of the second as needed, as Go writes it. Zero means never,
  /// unless it is a file's time.
  static func rfc3339(_ nanoseconds: Int64, zeroIsNever: Bool = true) -> String {
    if nanoseconds == 0, zeroIsNever { return never }
    return text(nanoseconds, fraction: trimmedFraction(nanoseconds))
  }

  /// RFC 3339 with all nine digits: the form of log lines.
  static func rfc3339Nine(_ nanoseconds: Int64) -> String {
    let digits = padded(nanosecondPart(nanoseconds), 9)
    return text(nanoseconds, fraction: "." + digits)
  }

  private static func nanosecondPart(_ nanoseconds: Int64) -> Int64 {
    let rest = nanoseconds % 1_000_000_000
    return rest < 0 ? rest + 1_000_000_000 : rest
  }

  private static func trimmedFraction(_ nanoseconds: Int64) -> String {
    var digits = Substring(padded(nanosecondPart(nanoseconds), 9))
    while digits.last == "0" { digits = digits.dropLast() }
    return digits.isEmpty ? "" : ".\(digits)"
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }

  private static func text(_ nanoseconds: Int64, fraction: String) -> String {
    let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    var second = time_t(remainder < 0 ? quotient - 1 : quotient)
    var parts = tm()
    gmtime_r(&second, &parts)
    let date =
      "\(padded(Int64(parts.tm_year) + 1900, 4))-\(padded(Int64(parts.tm_mon) + 1, 2))-\(padded(Int64(parts.tm_mday), 2))"
    let clock = "\(padded(Int64(parts.tm_hour), 2)):\(padded(Int64(parts.tm_min), 2)):\(padded(Int64(parts.tm_sec), 2))"
    return "\(date)T\(clock)\(fraction)Z"
  }

  /// Reads a moment from a query: seconds since 1970 with up to nine digits after the point, RFC 3339 (with or without
  /// zone, taken as UTC then), or a span back from `now` (`10m`, `1h30m`). Moments too far away to be told in nanoseconds
  /// become the first or the last one that can. Nil for anything else.
  static func parse(_ text: String, now: Int64) -> Int64? {
    if let value = unixSeconds(text) { return value }
    if let span = Durations.parse(text) { return now.clampedSubtracting(span) }
    return rfc3339(text)
  }

  private static func unixSeconds(_ text: String) -> Int64? {
    let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard let seconds = Int64(parts[0]) else { return nil }
    guard parts.count == 2 else { return seconds.clampedMultiplied(by: 1_000_000_000) }
    let digits = parts[1]
    guard !digits.isEmpty, digits.utf8.count <= 9, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }),
      let fraction = Int64(digits + String(repeating: "0", count: 9 - digits.utf8.count))
    else { return nil }
    return seconds.clampedMultiplied(by: 1_000_000_000).clampedAdding(text.hasPrefix("-") ? -fraction : fraction)
  }

  /// `2006-01-02`, `2006-01-02T15:04`, `2006-01-02T15:04:05[.fraction]`, each with or without `Z` or `±hh:mm`.
  static func rfc3339(_ text: String) -> Int64? {
    var rest = Substring(text)
    func number(_ width: Int, after separator: Character?) -> Int32? {
      if let separator {
        guard rest.first == separator else { return nil }
        rest = rest.dropFirst()
      }
      let digits = rest.prefix(width)
      guard digits.utf8.count == width, digits.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }) else { return nil }
      rest = rest.dropFirst(width)
      return Int32(digits)
    }
    var parts = tm()
    guard let year = number(4, after: nil), let month = number(2, after: "-"), let day = number(2, after: "-"),
      (1...12).contains(month), (1...31).contains(day)
    else { return nil }
    parts.tm_year = year - 1900
    parts.tm_mon = month - 1
    parts.tm_mday = day
    var fraction: Int64 = 0
    if rest.first == "T" || rest.first == " " {
      guard let hour = number(2, after: rest.first), let minute = number(2, after: ":"), hour < 24, minute < 60 else {
        return nil
      }
      parts.tm_hour = hour
      parts.tm_min = minute
      if rest.first == ":" {
        guard let second = number(2, after: ":"), second <= 60 else { return nil }
        parts.tm_sec = second
        if rest.first == "." {
          let digits = rest.dropFirst().prefix { $0.isASCII && $0.isNumber }
          guard !digits.isEmpty else { return nil }
          rest = rest.dropFirst(digits.count + 1)
          fraction = Int64((digits + "000000000").prefix(9)) ?? 0
        }
      }
    }
    var offset: Int64 = 0
    switch rest.first {
    case nil: break
    case "Z", "z": rest = rest.dropFirst()
    case "+", "-":
      let sign: Int64 = rest.first == "-" ? -1 : 1
      guard let hours = number(2, after: rest.first), let minutes = number(2, after: ":") else { return nil }
      offset = sign * (Int64(hours) * 3_600 + Int64(minutes) * 60)
    default: return nil
    }
    guard rest.isEmpty else { return nil }
    return (Int64(timegm(&parts)) - offset).clampedMultiplied(by: 1_000_000_000).clampedAdding(fraction)
  }
}

/// Spans of time as Go writes them: `1h30m`, `250ms`.
enum Durations {
  private static let units: [Substring: Double] = [
    "ns": 1, "us": 1e3, "µs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3_600e9,
  ]

  /// Nanoseconds, or nil for anything else.
  static func parse(_ text: String) -> Int64? {
    var rest = Substring(text)
    let isNegative = rest.first == "-"
    if isNegative || rest.first == "+" { rest = rest.dropFirst() }
    guard !rest.isEmpty else { return nil }
    var total = 0.0
    while !rest.isEmpty {
      let digits = rest.prefix { ($0.isASCII && $0.isNumber) || $0 == "." }
      rest = rest.dropFirst(digits.count)
      let name = rest.prefix { $0.isLetter }
      rest = rest.dropFirst(name.count)
      guard let number = Double(digits), let unit = units[name] else { return nil }
      total += number * unit
    }
    guard total < 9e18 else { return nil }
    return Int64(isNegative ? -total : total)
  }

  /// The time since, in words, as docker prints it in `Status`.
  static func words(seconds: Int64) -> String {
    let minutes = seconds / 60
    let hours = Int64((Double(seconds) / 3_600).rounded())
    switch true {
    case seconds < 1: return "Less than a second"
    case seconds == 1: return "1 second"
    case seconds < 60: return "\(seconds) seconds"
    case minutes == 1: return "About a minute"
    case minutes < 60: return "\(minutes) minutes"
    case hours == 1: return "About an hour"
    case hours < 48: return "\(hours) hours"
    case hours < 24 * 7 * 2: return "\(hours / 24) days"
    case hours < 24 * 30 * 2: return "\(hours / 24 / 7) weeks"
    case hours < 24 * 365 * 2: return "\(hours / 24 / 30) months"
    default: return "\(hours / 24 / 365) years"
    }
  }
}
