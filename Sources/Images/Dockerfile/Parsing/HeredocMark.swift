extension Heredoc {
  /// The here-document that a word announces: `<<NAME`, `<<-NAME`, `3<<"NAME"`; nil for any other word.
  static func mark(in word: String) -> Heredoc? {
    let scalars = Array(word.unicodeScalars)
    let digits = scalars.prefix { $0.isASCII && $0.isDigit }
    guard scalars.dropFirst(digits.count).starts(with: "<<".unicodeScalars) else { return nil }
    var rest = scalars.dropFirst(digits.count + 2)
    let stripsTabs = rest.first == "-"
    if stripsTabs { rest.removeFirst() }
    let name = String(rest.drop { $0.isASCII && $0.isSpace })
    guard !name.isEmpty, !name.unicodeScalars.contains("<") else { return nil }
    // Read with and without its quotes: where they differ, a part of it is quoted, and the body is not expanded.
    guard let plain = words(name, keepsQuotes: false), plain.count == 1,
      let quoted = words(name, keepsQuotes: true), quoted.count == 1
    else { return nil }
    return Heredoc(
      name: plain[0], fileDescriptor: Int(String(digits)) ?? 0, expands: quotes(plain[0]) == quotes(quoted[0]),
      stripsTabs: stripsTabs, position: SourcePosition(file: "", line: 1, column: 1))
  }

  /// Those that a line announces, in their order.
  static func marks(in line: String) -> [Heredoc] {
    let mode = ShellLexer.Mode(keepsQuotes: true, keepsEscapes: true, keepsUnset: true)
    guard let result = try? ShellLexer.process(line, escape: "\\", mode: mode, values: [:], limit: Int.max) else {
      return []
    }
    return result.words.compactMap(mark)
  }

  private static func words(_ text: String, keepsQuotes: Bool) -> [String]? {
    let mode = ShellLexer.Mode(keepsQuotes: keepsQuotes, keepsUnset: true)
    return try? ShellLexer.process(text, escape: "\\", mode: mode, values: [:]).words
  }

  private static func quotes(_ text: String) -> Int { text.utf8.count { $0 == 0x22 || $0 == 0x27 } }
}
