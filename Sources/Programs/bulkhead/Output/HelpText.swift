/// The parser's help and complaints, made to fit: it breaks paragraphs into lines, but not the usage.
enum HelpText {
  static let columns = 80

  static func wrapped(_ text: String) -> String {
    text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      let head = ["USAGE: ", "Usage: "].first { line.hasPrefix($0) }
      guard let head, line.count > columns else { return String(line) }
      return usage(String(line.dropFirst(head.count)), head: head)
    }.joined(separator: "\n")
  }

  /// Breaks between options, so that what belongs together stays in one line.
  private static func usage(_ text: String, head: String) -> String {
    let indent = String(repeating: " ", count: head.count + 2)
    var lines = [head]
    for part in parts(text) {
      if lines[lines.count - 1].count + part.count + 1 > columns, lines[lines.count - 1] != indent {
        lines.append(indent)
      }
      let line = lines[lines.count - 1]
      lines[lines.count - 1] = line + (line.hasSuffix(" ") ? "" : " ") + part
    }
    return lines.joined(separator: "\n")
  }

  /// Words, those in brackets together: `[--tag <tag> ...]`.
  private static func parts(_ text: String) -> [String] {
    var parts: [String] = []
    var depth = 0
    for word in text.split(separator: " ") {
      let isInside = depth > 0
      for letter in word {
        if letter == "[" || letter == "(" { depth += 1 }
        if letter == "]" || letter == ")" { depth -= 1 }
      }
      let isValue = parts.last?.hasPrefix("--") == true && word.hasPrefix("<") || word == "..."
      if isInside || isValue, !parts.isEmpty {
        parts[parts.count - 1] += " " + word
      } else {
        parts.append(String(word))
      }
    }
    return parts
  }
}
