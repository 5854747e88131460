import Model

/// One pattern over paths: Go's `filepath.Match` (`*`, `?`, `[a-z]`, `\x`) with `**` for any number of directories.
/// Matching takes time proportional to the lengths of both.
struct PathPattern: Sendable {
  let isException: Bool
  private let form: Form

  /// Texts are compared by their bytes: to Swift's strings, other bytes may be the same text.
  private enum Form {
    case exact([UInt8])
    /// `dir/**`: what begins so.
    case prefix([UInt8])
    /// `**/name` and `**name`: what ends so, or is the name itself.
    case suffix([UInt8], whole: [UInt8]?)
    case tokens([Token])
  }

  private enum Token {
    case literal(Unicode.Scalar)
    /// `?`
    case one
    /// `*`
    case segment
    /// `**/`: any directories, or none.
    case directories
    /// `**` at the end.
    case rest
    case set([ClosedRange<UInt32>], isNegated: Bool)
  }

  /// - Parameter text: clean; may begin with `!`.
  init(_ text: String, file: String) throws {
    func malformed(_ why: String) -> PlatformError {
      PlatformError(.invalidArgument, "\(file): syntax error in pattern '\(text.prefix(200))': \(why)")
    }
    var scalars = Array(text.unicodeScalars)
    guard scalars.count <= DockerfileLimits.ignorePatternScalars else {
      throw malformed("it has more than \(DockerfileLimits.ignorePatternScalars) characters")
    }
    isException = scalars.first == "!"
    if isException { scalars.removeFirst() }
    guard !scalars.isEmpty else { throw malformed("illegal exclusion pattern, expected a path behind !") }
    form = try Self.form(scalars, malformed)
  }

  private static func form(_ scalars: [Unicode.Scalar], _ malformed: (String) -> PlatformError) throws -> Form {
    let tail = scalars.dropFirst(2)
    if scalars.starts(with: "**".unicodeScalars), !tail.isEmpty, !tail.contains(where: "*?[]\\".unicodeScalars.contains)
    {
      return .suffix(
        Array(String(tail).utf8), whole: tail.first == "/" ? Array(String(tail.dropFirst()).utf8) : nil)
    }
    var tokens: [Token] = []
    var isPlain = true
    var index = 0
    while index < scalars.count {
      let scalar = scalars[index]
      index += 1
      switch scalar {
      case "*":
        isPlain = false
        guard index < scalars.count, scalars[index] == "*" else {
          tokens.append(.segment)
          continue
        }
        index += 1
        if index < scalars.count, scalars[index] == "/" { index += 1 }
        tokens.append(index == scalars.count ? .rest : .directories)
      case "?":
        isPlain = false
        tokens.append(.one)
      case "[":
        isPlain = false
        tokens.append(try set(scalars, &index, malformed))
      case "\\":
        guard index < scalars.count else { throw malformed("expected a character behind the last \\") }
        tokens.append(.literal(scalars[index]))
        index += 1
      default: tokens.append(.literal(scalar))
      }
    }
    return simplified(tokens, isPlain: isPlain)
  }

  /// Forms that need no matching character by character.
  private static func simplified(_ tokens: [Token], isPlain: Bool) -> Form {
    func text(_ tokens: ArraySlice<Token>) -> [UInt8]? {
      var scalars: [Unicode.Scalar] = []
      for token in tokens {
        guard case .literal(let scalar) = token else { return nil }
        scalars.append(scalar)
      }
      return Array(String(scalars).utf8)
    }
    if isPlain, let exact = text(tokens[...]) { return .exact(exact) }
    if case .rest = tokens[tokens.count - 1], let prefix = text(tokens.dropLast()) { return .prefix(prefix) }
    return .tokens(tokens)
  }

  /// `[^a-z]`, behind its bracket.
  private static func set(
    _ scalars: [Unicode.Scalar], _ index: inout Int, _ malformed: (String) -> PlatformError
  ) throws -> Token {
    var ranges: [ClosedRange<UInt32>] = []
    let isNegated = index < scalars.count && scalars[index] == "^"
    if isNegated { index += 1 }
    func bound() throws -> UInt32 {
      guard index < scalars.count, scalars[index] != "-", scalars[index] != "]" else {
        throw malformed("expected a character within [ ]")
      }
      if scalars[index] == "\\" { index += 1 }
      guard index < scalars.count else { throw malformed("expected ] before the end") }
      defer { index += 1 }
      return scalars[index].value
    }
    while true {
      if index < scalars.count, scalars[index] == "]", !ranges.isEmpty {
        index += 1
        return .set(ranges, isNegated: isNegated)
      }
      let low = try bound()
      var high = low
      if index < scalars.count, scalars[index] == "-" {
        index += 1
        high = try bound()
      }
      guard index < scalars.count else { throw malformed("expected ] before the end") }
      guard low <= high else { throw malformed("the range within [ ] is reversed") }
      ranges.append(low...high)
    }
  }

  func matches(_ path: String) -> Bool {
    switch form {
    case .exact(let exact): return path.utf8.elementsEqual(exact)
    case .prefix(let prefix): return path.utf8.starts(with: prefix)
    case .suffix(let suffix, let whole):
      return path.utf8.reversed().starts(with: suffix.reversed()) || whole.map(path.utf8.elementsEqual) == true
    case .tokens(let tokens): return Self.matches(tokens, Array(path.unicodeScalars))
    }
  }

  /// Which places of the text can be reached behind each token.
  private static func matches(_ tokens: [Token], _ text: [Unicode.Scalar]) -> Bool {
    var reached = [Bool](repeating: false, count: text.count + 1)
    reached[0] = true
    var following = reached
    for token in tokens {
      // Within `**`: this place lies at or behind a reached one.
      var isWithin = false
      var isAny = false
      for place in 0...text.count {
        let previous = place > 0 ? text[place - 1] : nil
        let wasReached = place > 0 && reached[place - 1]
        switch token {
        case .literal(let scalar): following[place] = wasReached && previous == scalar
        case .one: following[place] = wasReached && previous != "/"
        case .set(let ranges, let isNegated):
          following[place] = wasReached && previous.map { contains(ranges, $0) != isNegated } == true
        case .segment: following[place] = reached[place] || (place > 0 && following[place - 1] && previous != "/")
        case .rest:
          isWithin = reached[place] || (isWithin && previous != "\n")
          following[place] = isWithin
        case .directories:
          following[place] = reached[place] || (isWithin && previous == "/")
          isWithin = reached[place] || (isWithin && previous != "\n")
        }
        isAny = isAny || following[place]
      }
      guard isAny else { return false }
      swap(&reached, &following)
    }
    return reached[text.count]
  }

  private static func contains(_ ranges: [ClosedRange<UInt32>], _ scalar: Unicode.Scalar) -> Bool {
    ranges.contains { $0.contains(scalar.value) }
  }
}
