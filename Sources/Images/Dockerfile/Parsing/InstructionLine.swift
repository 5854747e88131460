import Model

/// An instruction's text taken apart as far as all instructions are alike: keyword, flags, the rest.
struct InstructionLine {
  let file: String
  let escape: Unicode.Scalar
  /// Trimmed, continuation lines joined.
  let whole: Piece
  let keyword: Piece
  let flags: [Word]
  /// Trimmed.
  let rest: Piece
  var heredocs: [Heredoc] = []

  /// - Parameter line: not empty.
  init(_ line: Piece, escape: Unicode.Scalar, file: String) throws {
    self.file = file
    self.escape = escape
    whole = line.trimmed
    let end = whole.scalars.firstIndex(where: \.isBlank) ?? whole.count
    keyword = whole[0..<end]
    let arguments = whole[end..<whole.count].withoutLeadingBlanks
    var reader = FlagReader(arguments, escape: escape, file: file)
    try reader.read()
    flags = reader.flags
    rest = arguments[reader.end..<arguments.count].trimmed
  }

  var position: SourcePosition { (whole.places.first ?? Place(line: 1, column: 1)).position(in: file) }

  /// Where something is missing: behind the last character.
  var endPosition: SourcePosition { endPlace.position(in: file) }

  private var endPlace: Place {
    whole.places.last.map { Place(line: $0.line, column: $0.column + 1) } ?? Place(line: 1, column: 1)
  }

  func word(_ piece: Piece) -> Word { Word(piece, file: file, end: endPlace) }

  /// Parted at blanks; quotes mean nothing yet.
  func blankWords() throws -> [Word] {
    var words: [Word] = []
    var start: Int?
    for index in 0...rest.count {
      let isBlank = index == rest.count || rest.scalars[index].isBlank
      if isBlank, let first = start {
        words.append(word(rest[first..<index]))
        start = nil
      } else if !isBlank && start == nil {
        start = index
      }
    }
    return try bounded(words)
  }

  /// Parted at white space outside of quotes; quotes and escapes stay in the words for the expansion to take away.
  func quotedWords() throws -> [Word] {
    var words: [Word] = []
    var current = Piece()
    var quote: Unicode.Scalar?
    var index = 0
    while index < rest.count {
      let scalar = rest.scalars[index]
      if quote == nil && scalar.isSpace {
        if !current.isEmpty { words.append(word(current)) }
        current = Piece()
        index += 1
        continue
      }
      if scalar == escape && quote != "'" {
        // An escape character at the very end is dropped.
        guard index + 1 < rest.count else { break }
        current.append(rest, index)
        index += 1
      } else if let open = quote {
        if scalar == open { quote = nil }
      } else if scalar == "'" || scalar == "\"" {
        quote = scalar
      }
      current.append(rest, index)
      index += 1
    }
    if !current.isEmpty { words.append(word(current)) }
    return try bounded(words)
  }

  private func bounded(_ words: [Word]) throws -> [Word] {
    guard words.count <= DockerfileLimits.words else {
      throw PlatformError(
        .resourceExhausted, "\(position): the instruction has \(words.count) words, at most \(DockerfileLimits.words)")
    }
    return words
  }

  /// The rest as a JSON list of strings; nil where it is none and means itself.
  /// - Throws: `invalidArgument` for a list that holds something else than strings.
  func list() throws -> [String]? { try StringList.read(rest, at: rest.isEmpty ? endPosition : word(rest).position) }

  func failure(_ message: String) -> PlatformError { .syntax(position, message) }

  func missing(_ what: String) -> PlatformError { .syntax(endPosition, "expected \(what)") }
}

extension Piece {
  var withoutLeadingBlanks: Piece {
    let first = scalars.firstIndex { !$0.isBlank } ?? count
    return first == 0 ? self : self[first..<count]
  }
}
