import LinuxSystem
import Model

/// The system journal, by its native protocol: one datagram of fields for each line.
///
/// Source: systemd's *Native Journal Protocol*. Field names are docker's.
struct JournalDestination: LogDestination {
  static let standardPath = "/run/systemd/journal/socket"
  private static let maxNameBytes = 64
  private let socket: LogSocket
  private let fields: [UInt8]

  init(
    record: ContainerRecord, tag: String, attributes: [String: String], poller: Poller, path: String = standardPath
  ) throws {
    guard FileSystem.exists(path) else {
      throw PlatformError(
        .unavailable, "failed to initialize logging driver: journald is not enabled on this host (\(path) is missing)")
    }
    socket = try LogSocket.local(path, poller: poller)
    let values = [
      ("CONTAINER_ID", record.id.short), ("CONTAINER_ID_FULL", record.id.hex), ("CONTAINER_NAME", record.name),
      ("CONTAINER_TAG", tag), ("SYSLOG_IDENTIFIER", tag), ("IMAGE_NAME", record.settings.image),
    ]
    // An attribute cannot take the place of what tells which container it is.
    let taken = Set(values.map(\.0)).union(["MESSAGE", "PRIORITY", "SYSLOG_TIMESTAMP"])
    let further = attributes.compactMap { name, value in Self.name(name).map { ($0, value) } }
      .filter { !taken.contains($0.0) && $0.0 != "TAG" }.sorted { $0.0 < $1.0 }
    fields = (values + further).flatMap { Self.field($0.0, Array($0.1.utf8)) }
  }

  func send(_ line: [UInt8], isError: Bool, time: Int64) async throws {
    let priority = Self.field("PRIORITY", Array((isError ? "3" : "6").utf8))
    let timestamp = Self.field("SYSLOG_TIMESTAMP", Array(RFC3339.text(time).utf8))
    try await socket.send(Self.field("MESSAGE", line) + priority + timestamp + fields)
  }

  /// A label's name as a field's: capitals, digits and underscores, not beginning with one of the last two; nil where
  /// nothing is left.
  static func name(_ text: String) -> String? {
    let plain = text.uppercased().unicodeScalars.map { scalar -> Character in
      ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar) ? Character(scalar) : "_"
    }
    let name = plain.drop { $0 == "_" || $0.isNumber }.prefix(maxNameBytes)
    return name.isEmpty ? nil : String(name)
  }

  /// A value with a line end is written with its length before it, so that it cannot forge another field.
  static func field(_ name: String, _ value: [UInt8]) -> [UInt8] {
    guard value.contains(10) else { return Array(name.utf8) + [61] + value + [10] }
    let length = (0..<8).map { UInt8(truncatingIfNeeded: UInt64(value.count) >> ($0 * 8)) }
    return Array(name.utf8) + [10] + length + value + [10]
  }
}
