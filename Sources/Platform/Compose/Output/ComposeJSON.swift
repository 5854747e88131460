extension ComposeValue {
  /// The document as JSON (RFC 8259), members sorted by name.
  /// - Parameter indent: spaces for each level; nil: on one line.
  public func json(indent: Int? = 2) -> String {
    var text = ""
    write(to: &text, indent: indent, depth: 0)
    return text
  }

  private func write(to text: inout String, indent: Int?, depth: Int) {
    func lineBreak(_ depth: Int) {
      if let indent { text += "\n" + String(repeating: " ", count: indent * depth) }
    }
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .number(let digits): text += digits
    case .string(let value): JSONText.quote(value, to: &text)
    case .list(let values):
      text += "["
      for (index, value) in values.enumerated() {
        if index > 0 { text += "," }
        lineBreak(depth + 1)
        value.write(to: &text, indent: indent, depth: depth + 1)
      }
      if !values.isEmpty { lineBreak(depth) }
      text += "]"
    case .map(let members):
      text += "{"
      for (index, member) in members.sorted(by: { $0.key < $1.key }).enumerated() {
        if index > 0 { text += "," }
        lineBreak(depth + 1)
        JSONText.quote(member.key, to: &text)
        text += indent == nil ? ":" : ": "
        member.value.write(to: &text, indent: indent, depth: depth + 1)
      }
      if !members.isEmpty { lineBreak(depth) }
      text += "}"
    }
  }
}

/// Texts as JSON has them (RFC 8259, 7).
public enum JSONText {
  /// Appends a text in quotes. What a terminal would obey is escaped, too, and the line breaks and marks that YAML's readers take
  /// for such.
  public static func quote(_ value: String, to text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case "\r": text += "\\r"
      case "\t": text += "\\t"
      case "\0"..<" ", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}", "\u{FEFF}", "\u{FFFE}", "\u{FFFF}":
        let digits = String(scalar.value, radix: 16)
        text += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}
