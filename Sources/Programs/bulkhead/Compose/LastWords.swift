import Compose

/// What a container said last, short enough for a failure's message and without what a terminal would obey.
enum LastWords {
  static let lines = 5
  static let bytes = 1_000

  /// The last lines of its log, each behind a new line; empty where it wrote nothing, or keeps no log.
  static func written(by id: String, isTerminal: Bool, on engine: Engine) -> String {
    var said: [String] = []
    do {
      let response = try engine.open(
        .get, "/containers/\(Engine.escape(id))/logs",
        query: [("stdout", "1"), ("stderr", "1"), ("timestamps", "1"), ("tail", "\(lines)")])
      let log = LogLines(response.body, isTerminal: isTerminal)
      while let line = try log.next() { said.append(plain(line.text.prefix(bytes / lines))) }
    } catch {
      return ""
    }
    return said.map { "\n  " + $0 }.joined()
  }

  /// `: its last check ended with 1: no such file`; empty where no check has ended yet.
  /// - Parameter state: of a container's inspection.
  static func check(_ state: JSONValue) -> String {
    guard let last = state["Health"]["Log"].items.last else { return "" }
    let output = plain(Array(last.text("Output").utf8).suffix(bytes)).split(separator: " ").joined(separator: " ")
    let code = last["ExitCode"].int ?? -1
    return ": its last check " + (code < 0 ? "failed" : "ended with \(code)") + (output.isEmpty ? "" : ": \(output)")
  }

  private static func plain(_ bytes: some Sequence<UInt8>) -> String {
    let scalars = String(decoding: Array(bytes), as: UTF8.self).unicodeScalars.map { scalar -> Unicode.Scalar in
      if scalar == "\n" || scalar == "\t" { return " " }
      return scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) ? "?" : scalar
    }
    return String(String.UnicodeScalarView(scalars))
  }
}
