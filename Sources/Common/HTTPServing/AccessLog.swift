import Logging

/// Text from clients, made safe for a log line: control characters and quotes are escaped, the length is bounded.
enum LogText {
  static let maxBytes = 512

  static func escape(_ text: String) -> String {
    let isPlain = text.utf8.count <= maxBytes && text.utf8.allSatisfy { $0 >= 32 && $0 < 127 && $0 != 34 && $0 != 92 }
    if isPlain { return text }
    var output = ""
    for scalar in text.unicodeScalars {
      if output.utf8.count >= maxBytes { return output + "…" }
      let isSafe = scalar.value >= 32 && scalar.value < 127 && scalar != "\"" && scalar != "\\"
      output += isSafe ? String(scalar) : scalar.escaped(asASCII: true)
    }
    return output
  }
}
