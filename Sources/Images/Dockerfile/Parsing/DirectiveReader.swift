import Model

/// Reads parser directives: comments of the form `# name=value` before anything else, each once.
struct DirectiveReader {
  private(set) var directives = ParserDirectives()
  private var seen: Set<String> = []
  private var isDone = false

  /// Whether the line was one.
  /// - Throws: `invalidArgument` for one given twice, or an escape character that is none.
  mutating func read(_ line: Piece, file: String) throws -> Bool {
    guard !isDone, line.scalars.first == "#", let (name, value) = split(line[1..<line.count].trimmed) else {
      isDone = true
      return false
    }
    let position = line.places[0].position(in: file)
    switch name {
    case "syntax": directives.syntax = value.text
    case "check": directives.check = value.text
    case "escape":
      guard value.text == "\\" || value.text == "`" else {
        throw PlatformError.syntax(
          value.places[0].position(in: file), "expected \\ or ` as escape character, found '\(value.text.prefix(40))'")
      }
      directives.escape = value.scalars[0]
    default:
      isDone = true
      return false
    }
    guard seen.insert(name).inserted else {
      throw PlatformError.syntax(position, "only one \(name) parser directive can be used")
    }
    return true
  }

  private func split(_ text: Piece) -> (String, Piece)? {
    guard let first = text.scalars.first, first.isASCII, first.isLetter else { return nil }
    let name = text.scalars.prefix { $0.isASCII && ($0.isLetter || $0.isDigit) }
    let rest = text[name.count..<text.count].withoutLeadingSpace
    guard rest.scalars.first == "=" else { return nil }
    let value = rest[1..<rest.count].trimmed
    return value.isEmpty ? nil : (String(name).lowercased(), value)
  }
}
