import Glibc
import LinuxSystem
import Model

/// The system journal, by its native protocol: one datagram of fields for each line.
///
/// Source: systemd's *Native Journal Protocol*. Field names are docker's.
struct JournalDestination: LogDestination {
  static let standardPath = "/run/systemd/journal/socket"
  private let socket: DatagramConnection
  private let fields: [UInt8]

  init(record: ContainerRecord, tag: String, path: String = standardPath) throws {
    guard FileSystem.exists(path) else {
      throw PlatformError(
        .unavailable, "failed to initialize logging driver: journald is not enabled on this host (\(path) is missing)")
    }
    socket = try DatagramConnection(unixPath: path)
    let values = [
      ("CONTAINER_ID", record.id.short), ("CONTAINER_ID_FULL", record.id.hex), ("CONTAINER_NAME", record.name),
      ("CONTAINER_TAG", tag), ("SYSLOG_IDENTIFIER", tag), ("IMAGE_NAME", record.settings.image),
    ]
    fields = values.flatMap { Self.field($0.0, Array($0.1.utf8)) }
  }

  func send(_ line: [UInt8], isError: Bool, time: Int64) throws {
    let priority = Self.field("PRIORITY", Array((isError ? "3" : "6").utf8))
    let timestamp = Self.field("SYSLOG_TIMESTAMP", Array(RFC3339.text(time).utf8))
    try socket.send(Self.field("MESSAGE", line) + priority + timestamp + fields)
  }

  /// A value with a line end is written with its length before it, so that it cannot forge another field.
  static func field(_ name: String, _ value: [UInt8]) -> [UInt8] {
    guard value.contains(10) else { return Array(name.utf8) + [61] + value + [10] }
    let length = (0..<8).map { UInt8(truncatingIfNeeded: UInt64(value.count) >> ($0 * 8)) }
    return Array(name.utf8) + [10] + length + value + [10]
  }
}
