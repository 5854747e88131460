/// A moment, as documents write it: of the years 0 to 9999. Source: RFC 3339.
public struct Timestamp: Sendable, Hashable, Comparable {
  /// Since 1970, rounded down.
  public let seconds: Int64
  /// 0 to 999,999,999.
  public let nanoseconds: Int32

  /// The first and the last second that a document can write. What is computed from any number of a client's stays among them,
  /// so that moments can be subtracted, written and read again.
  static let writableSeconds: ClosedRange<Int64> = -62_167_219_200...253_402_300_799

  /// What lies beyond the years that documents can write counts as the first or the last of these moments.
  public init(seconds: Int64, nanoseconds: Int32 = 0) {
    self.seconds = min(max(seconds, Self.writableSeconds.lowerBound), Self.writableSeconds.upperBound)
    self.nanoseconds = nanoseconds
  }

  /// Some seconds later, or earlier where they are negative; at most the last moment there is.
  public func adding(seconds: Int64) -> Timestamp {
    let (sum, overflow) = self.seconds.addingReportingOverflow(seconds)
    return Timestamp(seconds: overflow ? (seconds < 0 ? .min : .max) : sum, nanoseconds: nanoseconds)
  }

  /// The same for milliseconds.
  public func adding(milliseconds: Int64) -> Timestamp {
    let billion: Int64 = 1_000_000_000
    let parts = Int64(nanoseconds) + milliseconds % 1_000 * 1_000_000
    let carry: Int64 = parts < 0 ? -1 : parts / billion
    let moment = adding(seconds: milliseconds / 1_000 + carry)
    return Timestamp(seconds: moment.seconds, nanoseconds: Int32(parts - carry * billion))
  }

  /// From another moment to this one.
  public func millisecondsSince(_ other: Timestamp) -> Int64 {
    (seconds - other.seconds) * 1_000 + (Int64(nanoseconds) - Int64(other.nanoseconds)) / 1_000_000
  }

  public static func < (one: Timestamp, other: Timestamp) -> Bool {
    (one.seconds, one.nanoseconds) < (other.seconds, other.nanoseconds)
  }

  /// Nil for what is not RFC 3339 with a zone, or before the year 0 or after 9999.
  public init?(_ text: some StringProtocol) {
    var reader = Reader(bytes: Array(text.utf8))
    guard let year = reader.number(4), reader.take("-"), let month = reader.number(2), reader.take("-"),
      let day = reader.number(2), reader.take("T") || reader.take("t"), let hour = reader.number(2), reader.take(":"),
      let minute = reader.number(2), reader.take(":"), let second = reader.number(2),
      (1...12).contains(month), day >= 1, day <= Self.days(inMonth: month, of: year), hour < 24, minute < 60,
      second < 60
    else { return nil }
    var nanoseconds: Int64 = 0
    if reader.take(".") || reader.take(",") {
      guard let fraction = reader.fraction() else { return nil }
      nanoseconds = fraction
    }
    guard let offsetSeconds = reader.zone(), reader.isAtEnd else { return nil }
    let day0 = Self.daysSince1970(year: year, month: month, day: day)
    self.init(
      seconds: day0 * 86_400 + hour * 3_600 + minute * 60 + second - offsetSeconds, nanoseconds: Int32(nanoseconds))
  }

  private struct Reader {
    let bytes: [UInt8]
    var index = 0

    var isAtEnd: Bool { index == bytes.count }

    mutating func take(_ scalar: Unicode.Scalar) -> Bool {
      guard index < bytes.count, bytes[index] == UInt8(ascii: scalar) else { return false }
      index += 1
      return true
    }

    mutating func number(_ width: Int) -> Int64? {
      guard index + width <= bytes.count else { return nil }
      var value: Int64 = 0
      for byte in bytes[index..<index + width] {
        guard byte >= 48, byte <= 57 else { return nil }
        value = value * 10 + Int64(byte - 48)
      }
      index += width
      return value
    }

    /// Nanoseconds; digits beyond the ninth are dropped.
    mutating func fraction() -> Int64? {
      let start = index
      var value: Int64 = 0
      while index < bytes.count, bytes[index] >= 48, bytes[index] <= 57 {
        if index - start < 9 { value = value * 10 + Int64(bytes[index] - 48) }
        index += 1
      }
      guard index > start else { return nil }
      for _ in 0..<max(0, 9 - (index - start)) { value *= 10 }
      return value
    }

    mutating func zone() -> Int64? {
      if take("Z") || take("z") { return 0 }
      let isNegative = take("-")
      guard isNegative || take("+"), let hours = number(2), take(":"), let minutes = number(2), hours < 24, minutes < 60
      else { return nil }
      return (isNegative ? -1 : 1) * (hours * 3_600 + minutes * 60)
    }
  }

  private static func days(inMonth month: Int64, of year: Int64) -> Int64 {
    switch month {
    case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
    case 4, 6, 9, 11: 30
    default: 31
    }
  }

  /// Gregorian; years are counted from March, so that the leap day is the last one.
  private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
  }

  private var date: (year: Int64, month: Int64, day: Int64) {
    let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400 + 719_468
    let era = (days >= 0 ? days : days - 146_096) / 146_097
    let dayOfEra = days - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    let month = shifted < 10 ? shifted + 3 : shifted - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
  }

  /// `2026-11-28T22:11:49Z`: whole seconds, UTC.
  public var text: String { "\(clockText)Z" }

  /// `2026-11-28T22:11:49.123456Z`: microseconds, UTC.
  public var microText: String { "\(clockText).\(Self.padded(Int64(nanoseconds) / 1_000, 6))Z" }

  private var clockText: String {
    let (year, month, day) = date
    let second = ((seconds % 86_400) + 86_400) % 86_400
    let clock =
      "\(Self.padded(second / 3_600, 2)):\(Self.padded(second / 60 % 60, 2)):\(Self.padded(second % 60, 2))"
    return "\(Self.padded(year, 4))-\(Self.padded(month, 2))-\(Self.padded(day, 2))T\(clock)"
  }

  private static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.utf8.count)) + digits
  }

  /// Time from a moment to this one as tables show it (`5m30s`); `<unknown>` where there is no such moment.
  public func age(of text: String?) -> String {
    guard let moment = text.flatMap({ Timestamp($0) }) else { return "<unknown>" }
    return Self.span(seconds - moment.seconds)
  }

  /// A span as tables show it: two units at most, fewer the longer it is.
  /// Source: Kubernetes `duration.HumanDuration`.
  public static func span(_ spanSeconds: Int64) -> String {
    if spanSeconds < -1 { return "<invalid>" }
    if spanSeconds < 0 { return "0s" }
    let (minutes, hours, days) = (spanSeconds / 60, spanSeconds / 3_600, spanSeconds / 86_400)
    func two(_ one: Int64, _ unit: String, _ rest: Int64, _ restUnit: String) -> String {
      rest == 0 ? "\(one)\(unit)" : "\(one)\(unit)\(rest)\(restUnit)"
    }
    switch spanSeconds {
    case ..<120: return "\(spanSeconds)s"
    case ..<600: return two(minutes, "m", spanSeconds % 60, "s")
    case ..<10_800: return "\(minutes)m"
    case ..<28_800: return two(hours, "h", minutes % 60, "m")
    case ..<172_800: return "\(hours)h"
    case ..<691_200: return two(days, "d", hours % 24, "h")
    case ..<63_072_000: return "\(days)d"
    case ..<252_288_000: return two(days / 365, "y", days % 365, "d")
    default: return "\(days / 365)y"
    }
  }
}
