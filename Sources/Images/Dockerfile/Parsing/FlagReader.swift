import Model

/// Reads `--name=value` words between the keyword and the arguments; quotes and escapes are taken away, `--` ends them.
struct FlagReader {
  private let text: Piece
  private let escape: Unicode.Scalar
  private let file: String
  private(set) var flags: [Word] = []
  /// Where the arguments begin.
  private(set) var end = 0

  init(_ text: Piece, escape: Unicode.Scalar, file: String) {
    self.text = text
    self.escape = escape
    self.file = file
  }

  mutating func read() throws {
    while true {
      while end < text.count, text.scalars[end].isSpace { end += 1 }
      guard end + 1 < text.count, text.scalars[end] == "-", text.scalars[end + 1] == "-" else { return }
      let place = text.places[end]
      let flag = try unquotedWord()
      if flag.scalars == ["-", "-"] { return }
      flags.append(Word(flag, file: file, end: place))
      guard flags.count <= DockerfileLimits.words else {
        throw PlatformError(
          .resourceExhausted, "\(place.position(in: file)): more than \(DockerfileLimits.words) flags")
      }
    }
  }

  private mutating func unquotedWord() throws -> Piece {
    var flag = Piece()
    var quote: (scalar: Unicode.Scalar, place: Place)?
    while end < text.count {
      let scalar = text.scalars[end]
      if scalar == quote?.scalar {
        quote = nil
      } else if quote == nil && scalar.isSpace {
        break
      } else if quote == nil && (scalar == "'" || scalar == "\"") {
        quote = (scalar, text.places[end])
      } else {
        if scalar == escape {
          end += 1
          guard end < text.count else { break }
        }
        flag.append(text, end)
      }
      end += 1
    }
    if let quote {
      throw PlatformError.syntax(
        quote.place.position(in: file), "the quote is not closed, expected another \(quote.scalar)")
    }
    return flag
  }
}

/// The flags of one instruction, looked up by name.
struct FlagValues {
  private var values: [String: [Word]] = [:]

  /// - Throws: `invalidArgument` for a flag that the instruction does not have, one given twice, one without a value.
  init(_ flags: [Word], of keyword: Keyword, single: [String] = [], several: [String] = [], switches: [String] = [])
    throws
  {
    for flag in flags {
      let body = flag.text.unicodeScalars.dropFirst(2)
      let nameScalars = body.prefix { $0 != "=" }
      let name = String(nameScalars)
      let hasValue = body.count > nameScalars.count
      let known = single + several + switches
      guard known.contains(name) else {
        let expected =
          known.isEmpty ? "\(keyword.rawValue) has none" : "expected " + known.map { "--\($0)" }.joined(separator: ", ")
        throw PlatformError.syntax(flag.position, "unknown flag: --\(name.prefix(60)), \(expected)")
      }
      guard values[name] == nil || several.contains(name) else {
        throw PlatformError.syntax(flag.position, "duplicate flag specified: --\(name)")
      }
      let isMissing = switches.contains(name) ? hasValue && body.count == nameScalars.count + 1 : !hasValue
      guard !isMissing else {
        throw PlatformError.syntax(flag.position(at: nameScalars.count + 2), "missing a value on flag: --\(name)")
      }
      values[name, default: []].append(
        flag.suffix(from: min(flag.text.unicodeScalars.count, nameScalars.count + 3)))
    }
  }

  func word(_ name: String) -> Word? { values[name]?.first }

  func words(_ name: String) -> [Word] { values[name] ?? [] }

  /// Nil where it is not given.
  func isOn(_ name: String) throws -> Bool? {
    guard let word = word(name) else { return nil }
    switch word.text.lowercased() {
    case "", "true": return true
    case "false": return false
    default:
      throw PlatformError.syntax(word.position, "expected true or false for --\(name), found '\(word.text.prefix(60))'")
    }
  }
}
