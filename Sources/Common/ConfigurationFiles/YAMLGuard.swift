import Model

/// Looks over a YAML text before the parser sees it, so that no text can make the parser work without bound.
///
/// Refused: more than `maximumBytes`, anchors and aliases (a few lines of which stand for gigabytes), deep nesting (the
/// parser recurses), tags, block texts and several documents. Quotes and brackets have to close on their line: then
/// each line can be judged by itself, and there is no way to make the parser see a token where this sees text.
enum YAMLGuard {
  static let maximumBytes = 65_536
  static let maximumLines = 4096
  /// Brackets open at once.
  static let maximumFlowDepth = 4
  /// Spaces before a line's first character; block nesting is never deeper than that.
  static let maximumIndent = 40
  /// Block indicators (`- `, `? `) at the start of one line.
  static let maximumIndicators = 3

  /// Throws `invalidArgument` with file name and line.
  static func check(_ bytes: [UInt8], name: String) throws {
    guard bytes.count <= maximumBytes else {
      throw PlatformError(.invalidArgument, "\(name): longer than \(maximumBytes) bytes")
    }
    let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    guard lines.count <= maximumLines else {
      throw PlatformError(.invalidArgument, "\(name): more than \(maximumLines) lines")
    }
    for (index, line) in lines.enumerated() {
      if let reason = Line(text: Array(line), isFirst: index == 0).objection() {
        throw PlatformError(.invalidArgument, "\(name) line \(index + 1): \(reason)")
      }
    }
  }

  private struct Line {
    static let space = UInt8(ascii: " ")

    let text: [UInt8]
    let isFirst: Bool
    var flowDepth = 0
    var indicators = 0
    var quote: UInt8?
    /// A value or a key can begin here.
    var tokenStart = true

    init(text: [UInt8], isFirst: Bool) {
      self.text = text
      self.isFirst = isFirst
    }

    /// Why the line is refused; nil where it is not.
    consuming func objection() -> String? {
      let indent = text.firstIndex { $0 != Self.space } ?? text.count
      guard indent <= maximumIndent else { return "indented by more than \(maximumIndent) spaces" }
      if !isFirst, text.starts(with: Array("---".utf8)) { return "a second document is not allowed" }
      if hasForeignLineBreak { return "control characters are not allowed" }
      var index = indent
      while index < text.count {
        if let open = quote {
          if text[index] == UInt8(ascii: "\\"), open == UInt8(ascii: "\"") {
            index += 1
          } else if text[index] == open {
            quote = nil
          }
        } else if isComment(at: index) {
          break
        } else if let reason = take(at: index) {
          return reason
        }
        index += 1
      }
      if quote != nil { return "a quoted text has to end on its line" }
      return flowDepth == 0 ? nil : "a list or mapping in brackets has to end on its line"
    }

    /// The parser also ends lines at carriage returns, U+0085, U+2028 and U+2029.
    private var hasForeignLineBreak: Bool {
      for (index, byte) in text.enumerated() {
        if byte < Self.space && byte != UInt8(ascii: "\t") || byte == 0x7F { return true }
        if byte == 0xC2, index + 1 < text.count, text[index + 1] == 0x85 { return true }
        if byte == 0xE2, index + 2 < text.count, text[index + 1] == 0x80, [0xA8, 0xA9].contains(text[index + 2]) {
          return true
        }
      }
      return false
    }

    private func isComment(at index: Int) -> Bool {
      text[index] == UInt8(ascii: "#")
        && (index == 0 || text[index - 1] == Self.space || text[index - 1] == UInt8(ascii: "\t"))
    }

    private mutating func take(at index: Int) -> String? {
      let followedBySpace = index + 1 >= text.count || text[index + 1] == Self.space
      switch text[index] {
      case Self.space, UInt8(ascii: "\t"): break
      case UInt8(ascii: "\""), UInt8(ascii: "'"):
        if tokenStart { quote = text[index] }
        tokenStart = false
      case UInt8(ascii: "&"), UInt8(ascii: "*"), UInt8(ascii: "!"), UInt8(ascii: "|"), UInt8(ascii: ">"):
        if tokenStart { return "anchors, aliases, tags and block texts are not allowed; quote a value that begins so" }
      case UInt8(ascii: "["), UInt8(ascii: "{"):
        flowDepth += 1
        tokenStart = true
        if flowDepth > maximumFlowDepth { return "nested too deeply" }
      case UInt8(ascii: "]"), UInt8(ascii: "}"):
        flowDepth = max(0, flowDepth - 1)
        tokenStart = false
      case UInt8(ascii: "-"), UInt8(ascii: "?"):
        if tokenStart, followedBySpace { indicators += 1 } else { tokenStart = false }
        if indicators > maximumIndicators { return "nested too deeply" }
      case UInt8(ascii: ":"): tokenStart = flowDepth > 0 || followedBySpace
      case UInt8(ascii: ","): tokenStart = flowDepth > 0
      default: tokenStart = false
      }
      return nil
    }
  }
}
