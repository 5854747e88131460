import Glibc
import Logging

/// Writes one line for each message to stderr, with the priority prefix that journald reads (sd-daemon(3)) where stderr
/// goes to the journal, and a plain level name on a terminal or a file.
struct JournalLogHandler: LogHandler {
  private static let messageLimitBytes = 8 << 10
  let label: String
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.info
  private let isJournal = getenv("JOURNAL_STREAM") != nil

  init(label: String) { self.label = label }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var text = isJournal ? "<\(Self.priority(event.level))>" : "\(event.level.rawValue.uppercased()) "
    text += "\(label): \(event.message)"
    let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
    for (key, value) in all.sorted(by: { $0.key < $1.key }) { text += " \(key)=\(value)" }
    // One message is one line: what came from outside cannot forge another, nor move the terminal's cursor.
    var bytes = text.utf8.prefix(Self.messageLimitBytes).map { $0 < 32 || $0 == 127 ? UInt8(ascii: "?") : $0 }
    bytes.append(10)
    _ = bytes.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
  }

  private static func priority(_ level: Logger.Level) -> Int {
    switch level {
    case .trace, .debug: 7
    case .info: 6
    case .notice: 5
    case .warning: 4
    case .error: 3
    case .critical: 2
    }
  }
}
