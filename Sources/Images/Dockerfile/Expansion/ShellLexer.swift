/// Expands `$name` and `${name…}` and takes quotes away, as BuildKit's shell lexer does: alike to a POSIX shell (XCU 2.6.2),
/// but with the escape character of the Dockerfile, and with results of expansions parted at white space only when words
/// are asked for.
struct ShellLexer {
  /// What the lexer leaves as it is.
  struct Mode {
    var keepsQuotes = false
    var keepsEscapes = false
    /// Quotes are ordinary characters.
    var ignoresQuotes = false
    /// A variable that is not set stays as it is written.
    var keepsUnset = false
  }

  /// A wrong substitution; `offset` counts scalars within the text.
  struct Failure: Error, Hashable {
    var offset: Int
    var message: String
  }

  struct Result {
    var text = ""
    var words: [String] = []
    var unset: Set<String> = []
  }

  private let escape: Unicode.Scalar
  private var mode: Mode
  private let values: [String: String]
  private let scalars: [Unicode.Scalar]
  private var index = 0
  private var depth = 0
  private var unset: Set<String> = []
  private let limit: Int

  private init(
    _ scalars: [Unicode.Scalar], escape: Unicode.Scalar, mode: Mode, values: [String: String], limit: Int
  ) {
    self.limit = limit
    self.scalars = scalars
    self.escape = escape
    self.mode = mode
    self.values = values
  }

  /// - Throws: `Failure`.
  static func process(
    _ text: String, escape: Unicode.Scalar, mode: Mode = Mode(), values: [String: String],
    limit: Int = DockerfileLimits.expandedScalars
  ) throws(Failure) -> Result {
    var lexer = ShellLexer(Array(text.unicodeScalars), escape: escape, mode: mode, values: values, limit: limit)
    let (scalars, words) = try lexer.statement(until: nil, keepingEscapes: mode.keepsEscapes)
    return Result(text: String(scalars), words: words, unset: lexer.unset)
  }

  private var peek: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

  private mutating func next() -> Unicode.Scalar? {
    guard index < scalars.count else { return nil }
    defer { index += 1 }
    return scalars[index]
  }

  /// Words gather here while text is read; an empty quoted word is none, as in BuildKit.
  private struct WordGatherer {
    var words: [String] = []
    private var current: [Unicode.Scalar] = []
    private var isInWord = false

    mutating func add(_ scalar: Unicode.Scalar) {
      if !scalar.isSpace {
        addRaw(CollectionOfOne(scalar))
      } else if isInWord && !current.isEmpty {
        words.append(String(current))
        current = []
        isInWord = false
      }
    }

    mutating func addRaw(_ scalars: some Collection<Unicode.Scalar>) {
      current += scalars
      isInWord = true
    }

    mutating func finished() -> [String] {
      if !current.isEmpty { words.append(String(current)) }
      current = []
      return words
    }
  }

  /// Reads up to `stop`, which is consumed, or to the end.
  private mutating func statement(
    until stop: Unicode.Scalar?, keepingEscapes: Bool
  ) throws(Failure) -> ([Unicode.Scalar], [String]) {
    depth += 1
    guard depth <= DockerfileLimits.expansionDepth else {
      throw failure("substitutions are nested more than \(DockerfileLimits.expansionDepth) deep")
    }
    let kept = mode.keepsEscapes
    mode.keepsEscapes = keepingEscapes
    defer {
      depth -= 1
      mode.keepsEscapes = kept
    }
    var result: [Unicode.Scalar] = []
    var words = WordGatherer()
    while let scalar = peek {
      guard result.count <= limit else { throw failure("the expanded text has more than \(limit) characters") }
      if scalar == stop {
        index += 1
        return (result, words.finished())
      }
      if let piece = try special(scalar) {
        result += piece
        if scalar == "$" { for part in piece { words.add(part) } } else { words.addRaw(piece) }
        continue
      }
      index += 1
      guard scalar == escape else {
        result.append(scalar)
        words.add(scalar)
        continue
      }
      if mode.keepsEscapes {
        result.append(scalar)
        words.addRaw(CollectionOfOne(scalar))
      }
      guard let escaped = next() else { break }
      result.append(escaped)
      words.addRaw(CollectionOfOne(escaped))
    }
    guard result.count <= limit else { throw failure("the expanded text has more than \(limit) characters") }
    if let stop { throw failure("syntax error: missing '\(stop)' in ${}") }
    return (result, words.finished())
  }

  private func failure(_ message: String) -> Failure { Failure(offset: min(index, scalars.count), message: message) }

  /// What a character that means something stands for; nil for any other.
  private mutating func special(_ scalar: Unicode.Scalar) throws(Failure) -> [Unicode.Scalar]? {
    switch scalar {
    case "$": return try substitution()
    case "<": return heredocMark()
    case "'" where !mode.ignoresQuotes: return try singleQuoted()
    case "\"" where !mode.ignoresQuotes: return try doubleQuoted()
    default: return nil
    }
  }

  private mutating func singleQuoted() throws(Failure) -> [Unicode.Scalar] {
    let start = index
    var result: [Unicode.Scalar] = []
    index += 1
    if mode.keepsQuotes { result.append("'") }
    while let scalar = next() {
      if scalar == "'" {
        if mode.keepsQuotes { result.append("'") }
        return result
      }
      result.append(scalar)
    }
    throw Failure(offset: start, message: "unexpected end of statement while looking for matching single-quote")
  }

  private mutating func doubleQuoted() throws(Failure) -> [Unicode.Scalar] {
    let start = index
    var result: [Unicode.Scalar] = []
    index += 1
    if mode.keepsQuotes { result.append("\"") }
    while let scalar = peek {
      if scalar == "$" {
        result += try substitution()
        continue
      }
      index += 1
      if scalar == "\"" {
        if mode.keepsQuotes { result.append(scalar) }
        return result
      }
      guard scalar == escape else {
        result.append(scalar)
        continue
      }
      if mode.keepsEscapes { result.append(scalar) }
      // Only these can be escaped within double quotes; before others the escape character is itself.
      switch peek {
      case nil: break
      case "\"", "$", escape:
        result.append(scalars[index])
        index += 1
      default: result.append(scalar)
      }
    }
    throw Failure(offset: start, message: "unexpected end of statement while looking for matching double-quote")
  }

  /// `<<` with blanks behind it stays together with what follows, so that `<< NAME` is one word.
  private mutating func heredocMark() -> [Unicode.Scalar] {
    index += 1
    guard peek == "<" else { return ["<"] }
    index += 1
    var result: [Unicode.Scalar] = ["<", "<"]
    while let blank = peek, blank == "\t" || blank == "\r" || blank == " " {
      result.append(blank)
      index += 1
    }
    return result
  }

  private mutating func name() -> String {
    let start = index
    guard let first = peek else { return "" }
    if first.isDigit {
      while let digit = peek, digit.isDigit { index += 1 }
    } else if "@*#?-$!0".unicodeScalars.contains(first) {
      index += 1
    } else {
      while let scalar = peek, scalar.isLetter || scalar.isDigit || scalar == "_" { index += 1 }
    }
    return String(scalars[start..<index])
  }

  private mutating func value(of name: String) -> String? {
    guard let value = values[name] else {
      unset.insert(name)
      return nil
    }
    return value
  }

  private mutating func substitution() throws(Failure) -> [Unicode.Scalar] {
    let start = index
    index += 1
    guard peek == "{" else {
      let name = name()
      if name.isEmpty { return ["$"] }
      guard let value = value(of: name) else { return mode.keepsUnset ? Array("$\(name)".unicodeScalars) : [] }
      return Array(value.unicodeScalars)
    }
    index += 1
    guard let first = peek else { throw Failure(offset: start, message: "syntax error: missing '}'") }
    if first == "{" || first == "}" || first == ":" {
      throw failure("syntax error: bad substitution, expected a variable's name, found '\(first)'")
    }
    let name = name()
    guard let modifier = next() else { throw Failure(offset: start, message: "syntax error: missing '}'") }
    switch modifier {
    case "}":
      guard let value = value(of: name) else { return mode.keepsUnset ? Array(scalars[start..<index]) : [] }
      return Array(value.unicodeScalars)
    case "+", "-", "?", "#", "%", ":": return try modified(name, modifier, start)
    case "/": return try replaced(name, start)
    default: throw unsupported(String(Character(modifier)))
    }
  }

  private func unsupported(_ modifier: String) -> Failure {
    Failure(
      offset: max(0, index - 1),
      message: "unsupported modifier (\(modifier)) in substitution, expected one of } :- - :+ + :? ? # ## % %% / //")
  }

  /// `${name:-word}` and its like.
  private mutating func modified(
    _ name: String, _ mark: Unicode.Scalar, _ start: Int
  ) throws(Failure) -> [Unicode.Scalar] {
    var modifier = mark
    if mark == ":" {
      guard let other = next(), other == "+" || other == "-" || other == "?" else {
        throw unsupported(":" + (index <= scalars.count && index > 0 ? String(scalars[(index - 1)..<index]) : ""))
      }
      modifier = other
    }
    let isPattern = modifier == "#" || modifier == "%"
    let word = try operand(until: "}", keepingEscapes: isPattern)
    let value = value(of: name)
    if value == nil && mode.keepsUnset { return Array(scalars[start..<index]) }
    let isAbsent = value == nil || (mark == ":" && value?.isEmpty == true)
    let current = Array((value ?? "").unicodeScalars)
    switch modifier {
    case "-": return isAbsent ? word : current
    case "+": return isAbsent ? [] : word
    case "?":
      guard isAbsent else { return current }
      let standard = value == nil ? "is not allowed to be unset" : "is not allowed to be empty"
      throw Failure(offset: start, message: "\(name): \(word.isEmpty ? standard : String(word))")
    default:
      let isGreedy = word.first == modifier
      let text = isGreedy ? Array(word.dropFirst()) : word
      let pattern = try pattern(text, start)
      guard modifier == "%" else {
        return Array(current.dropFirst(pattern.prefixLength(of: current, isGreedy: isGreedy) ?? 0))
      }
      let length = pattern.reversed.prefixLength(of: current.reversed(), isGreedy: isGreedy) ?? 0
      return Array(current.dropLast(length))
    }
  }

  /// `${name/pattern/replacement}`, with `//` for all.
  private mutating func replaced(_ name: String, _ start: Int) throws(Failure) -> [Unicode.Scalar] {
    let isForAll = peek == "/"
    if isForAll { index += 1 }
    let text = try operand(until: "/", keepingEscapes: true)
    let replacement = try operand(until: "}", keepingEscapes: true)
    guard let value = value(of: name) else { return mode.keepsUnset ? Array(scalars[start..<index]) : [] }
    let result = try pattern(text, start).replacing(
      in: Array(value.unicodeScalars), with: replacement, all: isForAll, limit: limit)
    guard let result else { throw failure("the expanded text has more than \(limit) characters") }
    return result
  }

  private mutating func operand(
    until stop: Unicode.Scalar, keepingEscapes: Bool
  ) throws(Failure) -> [Unicode.Scalar] {
    try statement(until: stop, keepingEscapes: keepingEscapes).0
  }

  private func pattern(_ text: [Unicode.Scalar], _ start: Int) throws(Failure) -> ShellPattern {
    guard text.count <= DockerfileLimits.substitutionPatternScalars else {
      throw Failure(
        offset: start, message: "the pattern has more than \(DockerfileLimits.substitutionPatternScalars) characters")
    }
    guard let pattern = ShellPattern(text) else {
      throw Failure(
        offset: start, message: "invalid pattern (\(String(text))) in substitution: only * ? \\ } / can be escaped")
    }
    return pattern
  }
}
