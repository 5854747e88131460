import Model

/// What a container's log driver and its options say: the one reader of both.
public struct LogOptions: Sendable, Equatable {
  /// The smallest file worth rotating.
  static let minimumBytes: Int64 = 4096
  private static let maximumTextBytes = 4096
  private static let tagFields = [
    "{{.ID}}", "{{.FullID}}", "{{.Name}}", "{{.ImageName}}", "{{.ImageFullID}}", "{{.ImageID}}", "{{.DaemonName}}",
  ]

  public let driver: LogDriver
  /// Bytes of one file; `Int64.max` for no bound; nil where nothing is said, as with the next two.
  public private(set) var maxSizeBytes: Int64?
  /// The current file and the rotated ones together.
  public private(set) var maxFiles: Int?
  public private(set) var maxAgeSeconds: Int64?
  /// Docker's template; empty where nothing is said.
  public private(set) var tag = ""
  /// Names of labels and variables that go along with each line.
  public private(set) var labels: [String] = []
  public private(set) var environment: [String] = []
  public private(set) var syslogAddress = SyslogAddress.standard
  public private(set) var syslogFacility = "daemon"
  public private(set) var syslogFormat = SyslogFormat.rfc3164

  /// - Parameter defaultDriver: for settings that name none.
  /// - Throws: `invalidArgument` for unknown names and wrong values, `notImplemented` for what docker has and this engine
  ///   has not; both name the option.
  public init(_ settings: LogSettings, defaultDriver: String) throws {
    let name = settings.driver.isEmpty ? defaultDriver : settings.driver
    guard let driver = LogDriver(rawValue: name) else {
      throw PlatformError(
        .notImplemented,
        "log driver '\(name.prefix(100))' is not supported; there are "
          + LogDriver.allCases.map(\.rawValue).joined(separator: ", "))
    }
    self.driver = driver
    for (option, value) in settings.options.sorted(by: { $0.key < $1.key }) {
      if let reason = driver.missingOptions[option] {
        throw PlatformError(.notImplemented, "log opt '\(option)' is not supported for \(name): \(reason)")
      }
      guard driver.options.contains(option) else {
        throw PlatformError(.invalidArgument, "unknown log opt '\(option.prefix(100))' for \(name) log driver")
      }
      guard value.utf8.count <= Self.maximumTextBytes, !value.utf8.contains(0) else {
        throw Self.invalid(option, value, "a shorter text")
      }
      try take(option, value)
    }
  }

  private mutating func take(_ option: String, _ value: String) throws {
    switch option {
    case "max-size":
      guard let size = Self.bytes(value), size >= Self.minimumBytes else {
        throw Self.invalid(option, value, "a size of at least 4k such as 10m, or -1 for no bound")
      }
      maxSizeBytes = size
    case "max-file":
      guard let count = Int(value), (1...1000).contains(count) else {
        throw Self.invalid(option, value, "a number from 1 to 1000")
      }
      maxFiles = count
    case "max-age":
      guard let seconds = Self.seconds(value) else { throw Self.invalid(option, value, "a time such as 36h or 7d") }
      maxAgeSeconds = seconds
    case "compress":
      guard ["false", "0"].contains(value) else {
        throw PlatformError(
          .notImplemented, "log opt 'compress' is not supported: rotated files are kept as they are; leave it out")
      }
    case "mode":
      // Both hold for every driver: a container writes to a file, and no receiver is waited for.
      guard ["blocking", "non-blocking"].contains(value) else {
        throw Self.invalid(option, value, "blocking or non-blocking")
      }
    case "tag": tag = try Self.checkedTag(value)
    case "labels": labels = Self.names(value)
    case "env": environment = Self.names(value)
    case "syslog-address": if !value.isEmpty { syslogAddress = try SyslogAddress(parsing: value) }
    case "syslog-facility":
      if !value.isEmpty { syslogFacility = value }
      guard SyslogFormat.facility(syslogFacility) != nil else {
        throw Self.invalid(option, value, "a facility such as daemon or local0")
      }
    default:
      guard let format = SyslogFormat(rawValue: value.isEmpty ? SyslogFormat.rfc3164.rawValue : value) else {
        throw Self.invalid(option, value, SyslogFormat.allCases.map(\.rawValue).joined(separator: ", "))
      }
      syslogFormat = format
    }
  }

  private static func invalid(_ option: String, _ value: String, _ wanted: String) -> PlatformError {
    PlatformError(
      .invalidArgument, "invalid value '\(value.prefix(100))' for log opt '\(option)': expected \(wanted)")
  }

  private static func names(_ text: String) -> [String] {
    text.split(separator: ",").map { String($0.drop { $0 == " " }) }.filter { !$0.isEmpty }
  }

  private static func checkedTag(_ text: String) throws -> String {
    let rest = tagFields.reduce(text) { text, field in
      text.split(separator: field, omittingEmptySubsequences: false).joined(separator: " ")
    }
    guard !rest.contains("{{") else {
      throw invalid("tag", text, "text with fields out of " + tagFields.joined(separator: ", "))
    }
    return text
  }

  /// Bytes for `10m`, `512KB` or `1g` (units of 1,024), `Int64.max` for `-1`; nil for anything else.
  static func bytes(_ text: String) -> Int64? {
    if text == "-1" { return .max }
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
  static func seconds(_ text: String) -> Int64? {
    let units: [Character: Int64] = ["s": 1, "m": 60, "h": 3600, "d": 86_400]
    guard let last = text.last, let unit = units[last], let number = Int64(text.dropLast()), number > 0 else {
      return nil
    }
    let (result, overflow) = number.multipliedReportingOverflow(by: unit)
    return overflow ? nil : result
  }
}
