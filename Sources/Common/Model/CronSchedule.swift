/// A time-table of five fields as crontab(5) has them: minute, hour, day of month, month, day of week (0 and 7 are Sunday);
/// `*`, numbers, lists, ranges and steps. All by UTC. Where both kinds of days are restricted, either will do.
public struct CronSchedule: Sendable, Hashable, Codable, CustomStringConvertible {
  private static let fields: [(name: String, range: ClosedRange<Int>)] = [
    ("minute", 0...59), ("hour", 0...23), ("day of month", 1...31), ("month", 1...12), ("day of week", 0...7),
  ]
  /// Every combination of date and weekday comes within 28 years; a date that never comes is refused when parsed.
  private static let searchDays = 366 * 28

  public let description: String
  private let minutes: Set<Int>
  private let hours: Set<Int>
  private let days: Set<Int>
  private let months: Set<Int>
  private let weekdays: Set<Int>
  private let isAnyDay: Bool
  private let isAnyWeekday: Bool

  /// Throws `invalidArgument` with the field.
  public init(_ text: String) throws {
    let parts = text.prefix(256).split(separator: " ", omittingEmptySubsequences: true)
    guard parts.count == Self.fields.count, text.utf8.count <= 256 else {
      throw PlatformError(
        .invalidArgument,
        "invalid schedule '\(text.prefix(100))': expected minute hour day month weekday, as '0 3 * * *'")
    }
    description = parts.joined(separator: " ")
    let sets = try zip(parts, Self.fields).map { try Self.values($0, $1.name, $1.range) }
    (minutes, hours, days, months) = (sets[0], sets[1], sets[2], sets[3])
    weekdays = Set(sets[4].map { $0 % 7 })
    isAnyDay = parts[2].hasPrefix("*")
    isAnyWeekday = parts[4].hasPrefix("*")
    guard next(after: 0) != nil else {
      throw PlatformError(.invalidArgument, "invalid schedule '\(description)': there is no such date")
    }
  }

  public init(from decoder: any Decoder) throws {
    try self.init(decoder.singleValueContainer().decode(String.self))
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }

  private static func values(_ text: Substring, _ name: String, _ range: ClosedRange<Int>) throws -> Set<Int> {
    var values: Set<Int> = []
    for item in text.split(separator: ",", omittingEmptySubsequences: false) {
      let parts = item.split(separator: "/", omittingEmptySubsequences: false)
      let step = parts.count == 2 ? Int(parts[1]) : parts.count == 1 ? 1 : nil
      guard let step, step >= 1, step <= range.upperBound + 1,
        let span = span(parts[0], range, isStepped: parts.count == 2)
      else {
        throw PlatformError(
          .invalidArgument,
          "invalid \(name) '\(item.prefix(50))': expected *, a number of \(range.lowerBound) to \(range.upperBound), A-B or "
            + "any of these with /STEP")
      }
      values.formUnion(stride(from: span.lowerBound, through: span.upperBound, by: step))
    }
    return values
  }

  private static func span(_ text: Substring, _ range: ClosedRange<Int>, isStepped: Bool) -> ClosedRange<Int>? {
    if text == "*" { return range }
    let ends = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard let first = ends[0], range.contains(first), ends.count <= 2 else { return nil }
    guard ends.count == 2 else { return first...(isStepped ? range.upperBound : first) }
    guard let last = ends[1], range.contains(last), last >= first else { return nil }
    return first...last
  }

  /// The next minute of the table after a time (seconds since 1970).
  public func next(after seconds: Int64) -> Int64? {
    let start = seconds / 60 * 60 + 60
    let firstDay = start / 86_400
    for day in firstDay...(firstDay + Int64(Self.searchDays)) where includes(day: day) {
      let minute = day == firstDay ? Int(start % 86_400 / 60) : 0
      for hour in hours.sorted() where hour >= minute / 60 {
        let from = hour == minute / 60 ? minute % 60 : 0
        if let found = minutes.filter({ $0 >= from }).min() {
          return day * 86_400 + Int64(hour * 3600 + found * 60)
        }
      }
    }
    return nil
  }

  private func includes(day: Int64) -> Bool {
    let (month, dayOfMonth) = Self.date(day)
    guard months.contains(month) else { return false }
    let isDay = days.contains(dayOfMonth)
    // 1970-01-01 was a Thursday.
    let isWeekday = weekdays.contains(Int((day + 4) % 7))
    return isAnyDay || isAnyWeekday ? isDay && isWeekday : isDay || isWeekday
  }

  /// Month and day of month of a day since 1970-01-01 in the Gregorian calendar, by eras of 400 years that begin in March.
  private static func date(_ day: Int64) -> (month: Int, day: Int) {
    let dayOfEra = (day + 719_468) % 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shifted = (5 * dayOfYear + 2) / 153
    return (Int(shifted < 10 ? shifted + 3 : shifted - 9), Int(dayOfYear - (153 * shifted + 2) / 5 + 1))
  }
}
