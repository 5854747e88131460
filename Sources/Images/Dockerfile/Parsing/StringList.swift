import Model

/// The exec form: a JSON list of strings (RFC 8259).
enum StringList {
  /// Nil where the text is no JSON list: it then means itself, as in docker.
  /// - Throws: `invalidArgument` for a list that holds something else than strings.
  static func read(_ text: Piece, at position: SourcePosition) throws -> [String]? {
    guard text.scalars.first == "[", text.scalars.last == "]", text.count <= DockerfileLimits.listBytes else {
      return nil
    }
    var reader = JSONListReader(text.scalars)
    guard let elements = reader.list() else { return nil }
    let texts = elements.compactMap(\.self)
    guard texts.count == elements.count else {
      throw PlatformError.syntax(position, "when using JSON array syntax, arrays must be comprised of strings only")
    }
    return texts
  }
}

/// Reads one JSON list. Its own, as the client reads Dockerfiles too and does without Foundation's decoder.
private struct JSONListReader {
  private static let maximumDepth = 64

  private let scalars: [Unicode.Scalar]
  private var index = 0

  init(_ scalars: [Unicode.Scalar]) { self.scalars = scalars }

  /// The whole text as a list: strings, and nil for values of other kinds; nil where it is no JSON.
  mutating func list() -> [String?]? {
    var elements: [String?] = []
    let isList = sequence("[", "]") { reader in
      reader.skipSpace()
      guard reader.peek == "\"" else {
        elements.append(nil)
        return reader.value(depth: 1)
      }
      let text = reader.string()
      elements.append(text)
      return text != nil
    }
    guard isList else { return nil }
    skipSpace()
    return index == scalars.count ? elements : nil
  }

  private var peek: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

  private mutating func skipSpace() {
    while let scalar = peek, scalar == " " || scalar == "\t" || scalar == "\n" || scalar == "\r" { index += 1 }
  }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek == scalar else { return false }
    index += 1
    return true
  }

  /// Members between brackets, parted by commas.
  private mutating func sequence(
    _ open: Unicode.Scalar, _ close: Unicode.Scalar, _ member: (inout Self) -> Bool
  ) -> Bool {
    guard take(open) else { return false }
    skipSpace()
    if take(close) { return true }
    while true {
      guard member(&self) else { return false }
      skipSpace()
      if take(close) { return true }
      guard take(",") else { return false }
    }
  }

  private mutating func value(depth: Int) -> Bool {
    guard depth <= Self.maximumDepth else { return false }
    skipSpace()
    switch peek {
    case "\"": return string() != nil
    case "[": return sequence("[", "]") { $0.value(depth: depth + 1) }
    case "{":
      return sequence("{", "}") { reader in
        reader.skipSpace()
        guard reader.string() != nil else { return false }
        reader.skipSpace()
        return reader.take(":") && reader.value(depth: depth + 1)
      }
    default:
      for word in ["null", "true", "false"] where scalars[index...].starts(with: word.unicodeScalars) {
        index += word.unicodeScalars.count
        return true
      }
      return number()
    }
  }

  private mutating func digits() -> Int {
    let start = index
    while let scalar = peek, scalar.isASCII, scalar.isDigit { index += 1 }
    return index - start
  }

  private mutating func number() -> Bool {
    _ = take("-")
    let isZero = peek == "0"
    let count = digits()
    guard count > 0, !isZero || count == 1 else { return false }
    if take("."), digits() == 0 { return false }
    if take("e") || take("E") {
      if !take("+") { _ = take("-") }
      return digits() > 0
    }
    return true
  }

  private mutating func string() -> String? {
    guard take("\"") else { return nil }
    var result: [Unicode.Scalar] = []
    while let scalar = peek {
      index += 1
      switch scalar {
      case "\"": return String(result)
      case "\\":
        guard let escaped = escape() else { return nil }
        result.append(escaped)
      case _ where scalar.value < 0x20: return nil
      default: result.append(scalar)
      }
    }
    return nil
  }

  private mutating func escape() -> Unicode.Scalar? {
    guard let scalar = peek else { return nil }
    index += 1
    switch scalar {
    case "\"", "\\", "/": return scalar
    case "b": return "\u{8}"
    case "f": return "\u{C}"
    case "n": return "\n"
    case "r": return "\r"
    case "t": return "\t"
    case "u":
      guard let unit = hexadecimal() else { return nil }
      guard (0xD800...0xDBFF).contains(unit) else { return Unicode.Scalar(unit) ?? "\u{FFFD}" }
      // A pair of surrogates is one scalar; half of one is replaced, as Go does.
      let start = index
      if take("\\"), take("u"), let low = hexadecimal(), (0xDC00...0xDFFF).contains(low) {
        return Unicode.Scalar(0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00))
      }
      index = start
      return "\u{FFFD}"
    default: return nil
    }
  }

  private mutating func hexadecimal() -> UInt32? {
    guard index + 4 <= scalars.count else { return nil }
    let digits = scalars[index..<index + 4]
    guard digits.allSatisfy({ $0.properties.isASCIIHexDigit }) else { return nil }
    index += 4
    return UInt32(String(digits), radix: 16)
  }
}
