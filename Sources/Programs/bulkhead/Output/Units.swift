import Glibc

/// Sizes, times and durations as people read and write them.
enum Units {
  /// Seconds since 1970.
  static func now() -> Int64 { Int64(time(nil)) }

  /// `1.21kB`, `57.1MB`: three digits, powers of 1,000, as docker prints sizes of images.
  static func decimalSize(_ bytes: Int64) -> String {
    scaled(Double(bytes), by: 1_000, ["B", "kB", "MB", "GB", "TB", "PB"])
  }
  /// `3.4MiB`: powers of 1,024, as docker prints memory.
  static func binarySize(_ bytes: Int64) -> String {
    scaled(Double(bytes), by: 1_024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"])
  }

  private static func scaled(_ value: Double, by step: Double, _ names: [String]) -> String {
    var value = value
    var index = 0
    while value >= step, index + 1 < names.count {
      value /= step
      index += 1
    }
    return significant(value) + names[index]
  }

  /// Three significant digits, without zeros at the end.
  private static func significant(_ value: Double) -> String {
    let decimals = value >= 100 ? 0 : value >= 10 ? 1 : 2
    var text = fixed(value, decimals: decimals)
    if text.contains(".") {
      while text.hasSuffix("0") { text.removeLast() }
      if text.hasSuffix(".") { text.removeLast() }
    }
    return text
  }

  static func fixed(_ value: Double, decimals: Int) -> String {
    let factor = [1.0, 10, 100, 1_000][min(max(decimals, 0), 3)]
    guard value.isFinite, abs(value) < 1e15 else { return "--" }
    let scaled = Int64((abs(value) * factor).rounded())
    let sign = value < 0 && scaled != 0 ? "-" : ""
    if decimals <= 0 { return sign + String(scaled) }
    let fraction = String(scaled % Int64(factor))
    return sign + String(scaled / Int64(factor)) + "." + String(repeating: "0", count: decimals - fraction.count)
      + fraction
  }

  /// Bytes from `128m`, `1.5g`, `1024`; powers of 1,024. -1 stays -1.
  static func parseBytes(_ text: String, option: String) throws(ClientError) -> Int64 {
    if text == "-1" { return -1 }
    let shifts: [Character: Int64] = ["b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40]
    var digits = text.lowercased()
    if digits.count > 1, digits.hasSuffix("b"), let before = digits.dropLast().last, !before.isNumber {
      digits.removeLast()
    }
    if digits.hasSuffix("i") { digits.removeLast() }
    var factor: Int64 = 1
    if let last = digits.last, let shift = shifts[last] {
      factor = shift
      digits.removeLast()
    }
    guard let value = Double(digits), value >= 0, value * Double(factor) < 9e18 else {
      throw ClientError.usage("invalid size '\(text)' for \(option): write a number with b, k, m or g, such as 128m")
    }
    return Int64(value * Double(factor))
  }

  /// Nanoseconds from `1h30m`, `10s`, `500ms`, `1.5s`.
  static func parseDuration(_ text: String, option: String) throws(ClientError) -> Int64 {
    let units: [(String, Double)] = [
      ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 6e10), ("h", 3.6e12),
    ]
    let wrong = ClientError.usage("invalid duration '\(text)' for \(option): write it like 30s, 1m30s or 500ms")
    var total = 0.0
    var rest = text[...]
    guard !rest.isEmpty else { throw wrong }
    while !rest.isEmpty {
      let digits = rest.prefix { $0.isNumber || $0 == "." }
      let name = rest.dropFirst(digits.count).prefix { !$0.isNumber && $0 != "." }
      guard let value = Double(digits) else { throw wrong }
      guard let unit = units.first(where: { $0.0 == name }) else {
        if value == 0, name.isEmpty, rest.count == digits.count { return 0 }
        throw wrong
      }
      total += value * unit.1
      rest = rest.dropFirst(digits.count + name.count)
    }
    guard total < 9e18 else { throw wrong }
    return Int64(total)
  }

  /// `1h30m`, `90s`: whole seconds in the form that `parseDuration` takes, without parts that are 0.
  static func duration(seconds: Int64) -> String {
    let parts = [(seconds / 3_600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")]
    let text = parts.filter { $0.0 != 0 }.map { "\($0.0)\($0.1)" }.joined()
    return text.isEmpty ? "0s" : text
  }

  /// A point in time as the API takes it (seconds since 1970), from a number, an age such as `10m`, or RFC 3339.
  static func parseTime(_ text: String, option: String, now: Int64) throws(ClientError) -> String {
    if let first = text.first, first.isNumber, text.allSatisfy({ $0.isNumber || $0 == "." }) { return text }
    if let date = parseDate(text) { return String(date) }
    guard let age = try? parseDuration(text, option: option) else {
      throw ClientError.usage(
        "invalid time '\(text)' for \(option): write 10m, 2026-01-31T12:00:00Z or seconds since 1970")
    }
    return String(now - age / 1_000_000_000)
  }

  /// Seconds since 1970 of `2026-01-31`, `2026-01-31T12:00:00`, with or without fraction, `Z` or an offset; UTC when not said.
  static func parseDate(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    func digits(_ start: Int, _ count: Int) -> Int32? {
      guard start + count <= bytes.count else { return nil }
      return Int32(String(decoding: bytes[start..<start + count], as: UTF8.self))
    }
    guard bytes.count >= 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), let year = digits(0, 4),
      let month = digits(5, 2), let day = digits(8, 2)
    else { return nil }
    var moment = tm()
    moment.tm_year = year - 1_900
    moment.tm_mon = month - 1
    moment.tm_mday = day
    guard bytes.count > 10 else { return Int64(timegm(&moment)) }
    guard bytes.count >= 19, bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"), let hour = digits(11, 2),
      let minute = digits(14, 2), let second = digits(17, 2)
    else { return nil }
    moment.tm_hour = hour
    moment.tm_min = minute
    moment.tm_sec = second
    let zone = bytes[19...].drop { $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }
    guard zone.count == 6, let sign = zone.first, sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-"),
      let hours = digits(zone.startIndex + 1, 2), let minutes = digits(zone.startIndex + 4, 2)
    else { return zone.isEmpty || Array(zone) == [UInt8(ascii: "Z")] ? Int64(timegm(&moment)) : nil }
    let offset = Int64(hours * 3_600 + minutes * 60)
    return Int64(timegm(&moment)) + (sign == UInt8(ascii: "+") ? -offset : offset)
  }

  /// `2026-01-31T12:00:00.123456789Z` from nanoseconds since 1970.
  static func date(nanoseconds: Int64) -> String {
    let (quotient, remainder) = nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
    var seconds = time_t(remainder < 0 ? quotient - 1 : quotient)
    var moment = tm()
    gmtime_r(&seconds, &moment)
    var buffer = [CChar](repeating: 0, count: 32)
    let length = strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%S", &moment)
    let fraction = String(remainder < 0 ? remainder + 1_000_000_000 : remainder)
    let text = String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text + "." + String(repeating: "0", count: 9 - fraction.count) + fraction + "Z"
  }

  /// `2026-01-31 12:00:00 +0000 UTC`, as docker writes `CreatedAt` in its lists, in this machine's zone.
  static func localDate(seconds: Int64) -> String {
    var time = time_t(seconds)
    var moment = tm()
    localtime_r(&time, &moment)
    var buffer = [CChar](repeating: 0, count: 64)
    let length = strftime(&buffer, buffer.count, "%Y-%m-%d %H:%M:%S %z %Z", &moment)
    return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// `5 minutes`, `About an hour`, as docker tells ages.
  static func age(seconds: Int64) -> String {
    switch seconds {
    case ..<1: "Less than a second"
    case 1: "1 second"
    case ..<60: "\(seconds) seconds"
    case ..<120: "About a minute"
    case ..<3_600: "\(seconds / 60) minutes"
    case ..<7_200: "About an hour"
    case ..<(48 * 3_600): "\(seconds / 3_600) hours"
    case ..<(14 * 86_400): "\(seconds / 86_400) days"
    case ..<(60 * 86_400): "\(seconds / (7 * 86_400)) weeks"
    case ..<(730 * 86_400): "\(seconds / (30 * 86_400)) months"
    default: "\(seconds / (365 * 86_400)) years"
    }
  }
}
