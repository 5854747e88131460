extension ComposeValue {
  /// The document as YAML, members sorted by name but for `name` at the top, which comes first. `$` is doubled where the text is
  /// to be read as a compose file again.
  public func yaml(doublingDollars: Bool = true) -> String {
    var text = ""
    guard case .map(let members) = self, !members.isEmpty else { return "{}\n" }
    for (key, value) in members.sorted(by: { $0.key == "name" ? $1.key != "name" : $1.key != "name" && $0.key < $1.key }
    ) {
      Self.write(key: key, value, to: &text, depth: 0, doublingDollars)
    }
    return text
  }

  private static func write(
    key: String, _ value: ComposeValue, to text: inout String, depth: Int, _ doubling: Bool
  ) {
    text += String(repeating: "  ", count: depth) + self.key(key, depth: depth) + ":"
    write(value, to: &text, depth: depth, isItem: false, doubling)
  }

  /// Writes what stands behind a key's colon or an item's dash.
  private static func write(
    _ value: ComposeValue, to text: inout String, depth: Int, isItem: Bool, _ doubling: Bool
  ) {
    switch value {
    case .map(let members):
      guard !members.isEmpty else {
        text += " {}\n"
        return
      }
      let sorted = members.sorted { $0.key < $1.key }
      text += isItem ? " " : "\n"
      for (index, member) in sorted.enumerated() {
        if isItem, index == 0 {
          // The first member stands behind the dash.
          text += key(member.key, depth: depth + 1) + ":"
          write(member.value, to: &text, depth: depth + 1, isItem: false, doubling)
        } else {
          write(key: member.key, member.value, to: &text, depth: depth + 1, doubling)
        }
      }
    case .list(let values):
      guard !values.isEmpty else {
        text += " []\n"
        return
      }
      text += "\n"
      for value in values {
        text += String(repeating: "  ", count: depth + 1) + "-"
        write(value, to: &text, depth: depth + 1, isItem: true, doubling)
      }
    case .string(let value):
      text += " " + block(value, depth: depth + 1, doubling: doubling) + "\n"
    case .null: text += " null\n"
    case .bool(let value): text += value ? " true\n" : " false\n"
    case .number(let digits): text += " \(digits)\n"
    }
  }

  /// Readers take a key on its own line for one up to 1,024 characters only (YAML 1.2.2, 7.4.2).
  private static func key(_ key: String, depth: Int) -> String {
    let text = scalar(key, doubling: false)
    return text.utf8.count < 1_000 ? text : "? \(text)\n" + String(repeating: "  ", count: depth)
  }

  /// Texts of several lines are written as such where that loses nothing.
  private static func block(_ value: String, depth: Int, doubling: Bool) -> String {
    let lines = value.split(separator: "\n", omittingEmptySubsequences: false)
    let isPlain = value.unicodeScalars.allSatisfy {
      $0 == "\n" || ($0 >= " " && $0 != "\u{7F}" && $0.value < 0x80) || $0.value > 0xA0 && $0.value < 0x2000
    }
    guard lines.count > 1, isPlain, let first = lines.first, !first.isEmpty, !first.hasPrefix(" "),
      !lines.contains(where: { $0.hasSuffix(" ") })
    else { return scalar(value, doubling: doubling) }
    // The mark says what stands at the end: one line break, none, or all that there are.
    let trailing = value.hasSuffix("\n") ? (value.hasSuffix("\n\n") ? "+" : "") : "-"
    var body = (value.hasSuffix("\n") ? lines.dropLast() : lines[...]).map { line in
      line.isEmpty ? "" : String(repeating: "  ", count: depth) + line
    }.joined(separator: "\n")
    if doubling { body = doubled(body) }
    return "|\(trailing)\n" + body
  }

  private static func doubled(_ text: String) -> String {
    text.split(separator: "$", omittingEmptySubsequences: false).joined(separator: "$$")
  }

  /// A text on one line: bare where it is read as that text again, else in double quotes.
  private static func scalar(_ value: String, doubling: Bool) -> String {
    let text = doubling ? doubled(value) : value
    if isBare(value) { return text }
    var quoted = ""
    JSONText.quote(text, to: &quoted)
    return quoted
  }

  private static func isBare(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last,
      Scalar(plain: text).type == .string
    else { return false }
    // What other readers of YAML take for truth values.
    if ["y", "n", "yes", "no", "on", "off"].contains(text.lowercased()) { return false }
    let isLetter: (Unicode.Scalar) -> Bool = {
      ("a"..."z").contains($0) || ("A"..."Z").contains($0) || ("0"..."9").contains($0) || $0 == "/" || $0 == "_"
        || $0 == "."
        || $0 == "$"
    }
    guard isLetter(first), last != ":", last != " ", text != "<<" else { return false }
    // Digits with colons are numbers to older readers (60 to the base).
    let hasMark = text.contains(":") || text.contains("_")
    if hasMark, text.unicodeScalars.allSatisfy({ ("0"..."9").contains($0) || $0 == ":" || $0 == "." || $0 == "_" }) {
      return false
    }
    guard text.unicodeScalars.allSatisfy({ isLetter($0) || " -:=@+,*%~();?!&<>|^#".unicodeScalars.contains($0) }) else {
      return false
    }
    return !text.contains(": ") && !text.contains(" #")
  }
}
