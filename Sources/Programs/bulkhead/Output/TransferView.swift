import Glibc

/// Shows what a pull or push tells: on a terminal one line for each layer, written over and over, elsewhere a line for each
/// change of state.
struct TransferView {
  private struct Row {
    var id: String
    var text: String
  }

  private let isQuiet: Bool
  private let isTerminal: Bool
  /// Standard output, or standard error where that belongs to a container's program.
  private let descriptor: Int32
  private var rows: [Row] = []
  private var states: [String: String] = [:]

  init(quiet: Bool, descriptor: Int32 = STDOUT_FILENO) {
    isQuiet = quiet
    self.descriptor = descriptor
    isTerminal = Terminal.isTerminal(descriptor)
  }

  /// Takes one line of the engine's answer; throws its error.
  mutating func take(_ document: JSONValue) throws(ClientError) {
    if let message = document["error"].string { throw ClientError(message) }
    guard !isQuiet, let status = document["status"].string else { return }
    guard let id = document["id"].string else { return try line(status) }
    let bar = document["progressDetail"]
    let current = bar["current"].int
    let total = bar["total"].int
    if isTerminal {
      try draw(Row(id: id, text: Self.text(status, current, total, width: width)))
    } else if states[id] != status {
      states[id] = status
      try write("\(id): \(status)\n")
    }
  }

  static func text(_ status: String, _ current: Int64?, _ total: Int64?, width: Int) -> String {
    guard let current, let total, total > 0 else { return status }
    let numbers = "\(Units.decimalSize(current))/\(Units.decimalSize(total))"
    let space = min(40, width - status.count - numbers.count - 20)
    guard space >= 10 else { return "\(status) \(numbers)" }
    let done = Int(min(max(current, 0), total)) * space / Int(total)
    let rest = String(repeating: " ", count: space - done)
    return "\(status) [\(String(repeating: "=", count: done))\(rest)] \(numbers)"
  }

  private var width: Int { Terminal(descriptor: descriptor).size?.columns ?? 80 }

  /// A line about the whole, below the rows.
  private mutating func line(_ text: String) throws(ClientError) {
    try write(text + "\n")
    // What was drawn scrolls away; new rows begin below.
    rows = []
  }

  private mutating func draw(_ row: Row) throws(ClientError) {
    let line = String("\(row.id): \(row.text)".prefix(max(width - 1, 20)))
    if let index = rows.firstIndex(where: { $0.id == row.id }) {
      if rows[index].text == row.text { return }
      rows[index] = row
      let up = rows.count - index
      try write("\u{1B}[\(up)A\r\u{1B}[K\(line)\u{1B}[\(up)B\r")
    } else {
      rows.append(row)
      try write(line + "\n")
    }
  }

  private func write(_ text: String) throws(ClientError) {
    Console.flush()
    try writeAll(descriptor, Array(text.utf8)[...])
  }
}
