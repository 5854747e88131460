import Model

/// One line of conmon's log format: `<RFC 3339 time> <stdout|stderr> <F|P> <content>`, where P means that the line goes on.
///
/// Source: the container log format of the Kubernetes CRI, which conmon writes as `k8s-file`.
enum LogLine {
  /// Longest line that is taken: conmon cuts at 8 KiB; anything longer is damaged.
  static let limitBytes = 64 << 10

  /// Parses one line without its end; nil for anything else than the format, such as a line that a full disk cut short.
  static func parse(_ line: ArraySlice<UInt8>) -> LogEntry? {
    guard let timeEnd = line.firstIndex(of: 32), let time = RFC3339.nanoseconds(line[..<timeEnd]) else { return nil }
    let rest = line[(timeEnd + 1)...]
    guard let streamEnd = rest.firstIndex(of: 32) else { return nil }
    let stream: OutputStream
    switch rest.distance(from: rest.startIndex, to: streamEnd) {
    case 6 where rest[streamEnd - 1] == UInt8(ascii: "t"): stream = .stdout
    case 6 where rest[streamEnd - 1] == UInt8(ascii: "r"): stream = .stderr
    default: return nil
    }
    let tag = streamEnd + 1
    guard tag < rest.endIndex, tag + 1 < rest.endIndex, rest[tag + 1] == 32 else { return nil }
    var bytes = Array(rest[(tag + 2)...])
    if rest[tag] == UInt8(ascii: "F") { bytes.append(10) }
    return LogEntry(stream: stream, time: time, bytes: bytes)
  }
}

/// Times as RFC 3339 writes them, to nanoseconds.
public enum RFC3339 {
  /// `2006-01-02T15:04:05[.fraction](Z|±hh:mm)` as nanoseconds since 1970; nil for anything else.
  public static func nanoseconds(_ text: some Collection<UInt8>) -> Int64? {
    var bytes = Array(text)[...]
    guard let year = number(&bytes, 4), skip(&bytes, "-"), let month = number(&bytes, 2), skip(&bytes, "-"),
      let day = number(&bytes, 2), skip(&bytes, "T"), let hour = number(&bytes, 2), skip(&bytes, ":"),
      let minute = number(&bytes, 2), skip(&bytes, ":"), let second = number(&bytes, 2),
      (1...12).contains(month), (1...31).contains(day), hour < 24, minute < 60, second < 61
    else { return nil }
    var fraction: Int64 = 0
    if skip(&bytes, ".") {
      var scale: Int64 = 100_000_000
      while let byte = bytes.first, (48...57).contains(byte) {
        fraction += Int64(byte - 48) * scale
        scale /= 10
        bytes.removeFirst()
      }
    }
    var offsetSeconds: Int64 = 0
    if !skip(&bytes, "Z") {
      guard let sign = bytes.popFirst(), sign == 43 || sign == 45, let hours = number(&bytes, 2), skip(&bytes, ":"),
        let minutes = number(&bytes, 2)
      else { return nil }
      offsetSeconds = (hours * 3600 + minutes * 60) * (sign == 43 ? 1 : -1)
    }
    guard bytes.isEmpty else { return nil }
    let seconds = days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offsetSeconds
    let (product, isTooFar) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, overflow) = product.addingReportingOverflow(fraction)
    return isTooFar || overflow ? nil : sum
  }

  /// The text for a time, with nine digits of fraction unless they are all zero, in UTC.
  public static func text(_ nanoseconds: Int64, fixedFraction: Bool = false) -> String {
    var seconds = nanoseconds / 1_000_000_000
    var fraction = nanoseconds % 1_000_000_000
    if fraction < 0 {
      fraction += 1_000_000_000
      seconds -= 1
    }
    let day = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
    let rest = seconds - day * 86_400
    let (year, month, dayOfMonth) = civil(day)
    var text =
      "\(pad(year, 4))-\(pad(month, 2))-\(pad(dayOfMonth, 2))T\(pad(rest / 3600, 2)):\(pad(rest / 60 % 60, 2)):\(pad(rest % 60, 2))"
    if fraction != 0 || fixedFraction {
      var digits = pad(fraction, 9)
      if !fixedFraction { while digits.hasSuffix("0") { digits.removeLast() } }
      text += "." + digits
    }
    return text + "Z"
  }

  private static func pad(_ value: Int64, _ width: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }

  private static func number(_ bytes: inout ArraySlice<UInt8>, _ digits: Int) -> Int64? {
    guard bytes.count >= digits else { return nil }
    var value: Int64 = 0
    for byte in bytes.prefix(digits) {
      guard (48...57).contains(byte) else { return nil }
      value = value * 10 + Int64(byte - 48)
    }
    bytes.removeFirst(digits)
    return value
  }

  private static func skip(_ bytes: inout ArraySlice<UInt8>, _ character: Character) -> Bool {
    guard let first = bytes.first, first == character.asciiValue else { return false }
    bytes.removeFirst()
    return true
  }

  /// Days since 1970-01-01 of the proleptic Gregorian calendar, counted in eras of 400 years from March on.
  private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
    let shifted = month <= 2 ? year - 1 : year
    let era = (shifted >= 0 ? shifted : shifted - 399) / 400
    let yearOfEra = shifted - era * 400
    let dayOfYear = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
  }

  private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
    let shifted = days + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthFromMarch = (5 * dayOfYear + 2) / 153
    let month = monthFromMarch + (monthFromMarch < 10 ? 3 : -9)
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * monthFromMarch + 2) / 5 + 1)
  }
}
