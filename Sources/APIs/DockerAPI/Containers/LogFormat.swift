import ContainerEngine
import Model

/// How log lines are written to a client.
struct LogFormat: Sendable {
  var timestamps: Bool
  /// What `details` puts before each line; nil: nothing.
  var details: String?
  var terminal: Bool

  static let flushBytes = 32 * 1_024

  func append(_ entry: LogEntry, to output: inout [UInt8]) {
    var line: [UInt8] = []
    if timestamps {
      line += Timestamps.rfc3339Nine(entry.time).utf8
      line.append(32)
    }
    if let details {
      line += details.utf8
      line.append(32)
    }
    line += entry.bytes
    if terminal { output += line } else { StreamFraming.append(entry.stream, line, to: &output) }
  }

  /// Labels and variables that the log options name, as `key=value` with commas.
  static func details(_ record: ContainerRecord) -> String {
    let options = record.settings.host.log.options
    func names(_ option: String) -> [Substring] { (options[option] ?? "").split(separator: ",") }
    var pairs: [String: String] = [:]
    for name in names("labels") { pairs[String(name)] = record.labels[String(name)] }
    for name in names("env") {
      if let item = record.environment.first(where: { $0.hasPrefix("\(name)=") }) {
        pairs[String(name)] = String(item.dropFirst(name.count + 1))
      }
    }
    return pairs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
  }
}
