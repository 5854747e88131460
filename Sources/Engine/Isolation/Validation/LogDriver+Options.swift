import Model

extension LogDriver {
  /// Throws `invalidArgument` for a value that the option does not take.
  func check(option: String, value: String) throws {
    func invalid(_ wanted: String) -> PlatformError {
      PlatformError(
        .invalidArgument, "invalid value '\(value.prefix(100))' for log opt '\(option)': expected \(wanted)")
    }
    switch option {
    case "max-size", "max-buffer-size":
      guard Self.bytes(value) != nil else { throw invalid("a size such as 10m") }
    case "max-file":
      guard let count = Int(value), (1...1000).contains(count) else { throw invalid("a number from 1 to 1000") }
    case "max-age":
      guard Self.seconds(value) != nil else { throw invalid("a time such as 36h or 7d") }
    case "compress":
      guard ["true", "false", "1", "0"].contains(value) else { throw invalid("true or false") }
    case "mode":
      guard ["blocking", "non-blocking"].contains(value) else { throw invalid("blocking or non-blocking") }
    default:
      guard value.utf8.count <= 4096, !value.utf8.contains(0) else { throw invalid("a shorter text") }
    }
  }

  /// Bytes for `10m`, `512KB` or `1g` (units of 1,024); nil for anything else. `-1` means no bound and is 0 here.
  public static func bytes(_ text: String) -> Int64? {
    if text == "-1" { return 0 }
    var lower = text.lowercased()
    if lower.hasSuffix("b") { lower.removeLast() }
    if lower.hasSuffix("i") { lower.removeLast() }
    let units: [Character: Int64] = ["k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40]
    var factor: Int64 = 1
    if let last = lower.last, let unit = units[last] {
      factor = unit
      lower.removeLast()
    }
    guard let number = Int64(lower), number > 0 else { return nil }
    let (result, overflow) = number.multipliedReportingOverflow(by: factor)
    return overflow ? nil : result
  }

  /// Seconds for `90s`, `30m`, `36h` or `7d`; nil for anything else.
  public static func seconds(_ text: String) -> Int64? {
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let last = text.last, let unit = units[last], let number = Int64(text.dropLast()), number > 0 else {
      return nil
    }
    let (result, overflow) = number.multipliedReportingOverflow(by: unit)
    return overflow ? nil : result
  }
}
