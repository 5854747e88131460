import Glibc
import LinuxSystem
import Model

/// A syslog receiver: the host's own, or one over UDP or TCP; RFC 3164 or RFC 5424 messages.
struct SyslogDestination: LogDestination {
  /// Message forms, by docker's names.
  enum Format: String, CaseIterable {
    case rfc3164 = "rfc3164"
    case rfc5424 = "rfc5424"
    case rfc5424micro = "rfc5424micro"
  }

  private static let facilities = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
  ]
  /// RFC 5424, section 6.1: receivers should take 2,048 bytes; most take more.
  private static let messageLimitBytes = 8 << 10

  private let connection: any SyslogConnection
  private let facility: Int
  private let format: Format
  private let hostname: String
  private let tag: String
  private let pid = getpid()

  init(options: [String: String], tag: String) throws {
    let format = options["syslog-format"].flatMap { $0.isEmpty ? nil : $0 } ?? Format.rfc3164.rawValue
    guard let known = Format(rawValue: format) else {
      throw PlatformError(
        .invalidArgument,
        "invalid log option syslog-format '\(format.prefix(40))': expected rfc3164, rfc5424 or rfc5424micro")
    }
    self.format = known
    facility = try Self.facility(options["syslog-facility"] ?? "daemon")
    hostname = KernelInfo.hostName()
    self.tag = String(tag.unicodeScalars.filter { $0.value > 32 && $0.value < 127 }.prefix(128).map(Character.init))
    connection = try Self.connect(options["syslog-address"] ?? "unixgram:///dev/log")
  }

  func send(_ line: [UInt8], isError: Bool, time: Int64) throws {
    let priority = facility * 8 + (isError ? 3 : 6)
    var message = Array(header(priority: priority, time: time).utf8)
    // A line end inside would begin a message of its own at the receiver.
    message += line.prefix(Self.messageLimitBytes).map { $0 < 32 && $0 != 9 ? 32 : $0 }
    try connection.send(message)
  }

  private func header(priority: Int, time: Int64) -> String {
    switch format {
    case .rfc3164:
      return "<\(priority)>\(Self.shortTime(time)) \(hostname) \(tag)[\(pid)]: "
    case .rfc5424:
      return "<\(priority)>1 \(RFC3339.text(time / 1_000_000_000 * 1_000_000_000)) \(hostname) \(tag) \(pid) \(tag) - "
    case .rfc5424micro:
      let text = RFC3339.text(time, fixedFraction: true)
      return "<\(priority)>1 \(text.dropLast(4))Z \(hostname) \(tag) \(pid) \(tag) - "
    }
  }

  /// `Jan  2 15:04:05` in the host's time zone, as RFC 3164 asks.
  private static func shortTime(_ time: Int64) -> String {
    var seconds = time_t(time / 1_000_000_000)
    var parts = tm()
    localtime_r(&seconds, &parts)
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    func two(_ value: Int32, _ fill: String = "0") -> String { value < 10 ? "\(fill)\(value)" : "\(value)" }
    return
      "\(months[Int(parts.tm_mon)]) \(two(parts.tm_mday, " ")) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
  }

  private static func facility(_ text: String) throws -> Int {
    if let index = facilities.firstIndex(of: text) { return index }
    if text.hasPrefix("local"), let number = Int(text.dropFirst(5)), (0...7).contains(number) { return 16 + number }
    if let number = Int(text), (0...23).contains(number) { return number }
    throw PlatformError(.invalidArgument, "invalid log option syslog-facility '\(text.prefix(40))'")
  }

  private static func connect(_ address: String) throws -> any SyslogConnection {
    let parts = address.split(separator: ":", maxSplits: 1).map(String.init)
    guard parts.count == 2, parts[1].hasPrefix("//") else { throw badAddress(address) }
    let rest = String(parts[1].dropFirst(2))
    switch parts[0] {
    case "unix", "unixgram": return try DatagramConnection(unixPath: rest)
    case "udp", "tcp":
      guard let colon = rest.lastIndex(of: ":") else {
        return try InternetConnection(host: rest, port: "514", stream: parts[0] == "tcp")
      }
      let host = rest[..<colon].filter { $0 != "[" && $0 != "]" }
      return try InternetConnection(
        host: host, port: String(rest[rest.index(after: colon)...]), stream: parts[0] == "tcp")
    case "tcp+tls": throw PlatformError(.notImplemented, "syslog over TLS (syslog-address tcp+tls://) is not supported")
    default: throw badAddress(address)
    }
  }

  private static func badAddress(_ address: String) -> PlatformError {
    PlatformError(
      .invalidArgument,
      "invalid log option syslog-address '\(address.prefix(200))': expected unix://, unixgram://, udp:// or tcp://")
  }
}

/// Sends whole messages.
protocol SyslogConnection: Sendable {
  func send(_ message: [UInt8]) throws
}
