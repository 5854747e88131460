import ContainerEngine
import Model

/// How log lines are written to a client.
struct LogFormat: Sendable {
  var timestamps: Bool
  /// What `details` puts before each line; nil: nothing.
  var details: String?
  var terminal: Bool

  static let flushBytes = 32 * 1_024
  /// Streams whose last piece did not end its line: the next one goes on with it.
  private var unfinished: Set<OutputStream> = []

  init(timestamps: Bool, details: String? = nil, terminal: Bool) {
    self.timestamps = timestamps
    self.details = details
    self.terminal = terminal
  }

  mutating func append(_ entry: LogEntry, to output: inout [UInt8]) {
    var line: [UInt8] = []
    let begins = !unfinished.contains(entry.stream)
    if entry.bytes.last == UInt8(ascii: "\n") {
      unfinished.remove(entry.stream)
    } else {
      unfinished.insert(entry.stream)
    }
    if begins, timestamps {
      line += Timestamps.rfc3339Nine(entry.time).utf8
      line.append(32)
    }
    if begins, let details {
      line += details.utf8
      line.append(32)
    }
    line += entry.bytes
    if terminal { output += line } else { StreamFraming.append(entry.stream, line, to: &output) }
  }

  /// What the log options add to each line, as `key=value` with commas.
  static func details(_ record: ContainerRecord) -> String {
    record.logAttributes.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
  }
}
