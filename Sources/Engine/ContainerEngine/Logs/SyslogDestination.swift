import Glibc
import Isolation
import LinuxSystem
import Model

/// A syslog receiver: the host's own, or one over UDP or TCP; RFC 3164 or RFC 5424 messages.
struct SyslogDestination: LogDestination {
  /// RFC 5424, section 6.1: receivers should take 2,048 bytes; most take more.
  private static let messageLimitBytes = 8 << 10

  private let socket: LogSocket
  private let facility: Int
  private let format: SyslogFormat
  private let hostname: String
  private let tag: String
  private let pid = getpid()

  init(options: LogOptions, tag: String, socket: LogSocket) {
    self.socket = socket
    format = options.syslogFormat
    facility = SyslogFormat.facility(options.syslogFacility) ?? 0
    hostname = KernelInfo.hostName()
    self.tag = String(tag.unicodeScalars.filter { $0.value > 32 && $0.value < 127 }.prefix(128).map(Character.init))
  }

  func send(_ line: [UInt8], isError: Bool, time: Int64) async throws {
    let priority = facility * 8 + (isError ? 3 : 6)
    var message = Array(header(priority: priority, time: time).utf8)
    // A line end inside would begin a message of its own at the receiver.
    message += line.prefix(Self.messageLimitBytes).map { $0 < 32 && $0 != 9 ? 32 : $0 }
    try await socket.send(message)
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
}
