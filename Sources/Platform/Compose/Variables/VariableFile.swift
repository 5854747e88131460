/// A file of variables: `.env`, `--env-file`, `env_file`, `label_file`.
///
/// Lines are `NAME=value`, `NAME: value` or `NAME` alone, with an optional `export` and comments by `#`. Values in single
/// quotes are as they stand, in double quotes with escapes and variables, without quotes with variables and without the
/// spaces around; quoted values may span lines. `raw`: each line is what it says up to its end, as `docker run --env-file` has it.
struct VariableFile {
  struct Entry: Equatable {
    var name: String
    /// nil: taken from the environment.
    var value: String?
    var line: Int
  }

  private let file: String
  private let scalars: [Unicode.Scalar]
  private let lookup: (String) -> String?
  private var index = 0
  private var line = 1
  private var values: [String: String] = [:]
  private var entries: [Entry] = []
  private var leftBytes = ComposeLimits.variableBytes
  private(set) var unset: [(name: String, line: Int)] = []

  /// - Parameter lookup: the environment, which goes before what stands earlier in the file.
  static func parse(
    _ bytes: [UInt8], file: String, raw: Bool = false, lookup: @escaping (String) -> String?
  ) throws(ComposeFault) -> (entries: [Entry], unset: [(name: String, line: Int)]) {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw ComposeFault(.syntax, at: ComposeLocation(file: file, line: 1, column: 1), "not valid UTF-8")
    }
    var reader = VariableFile(file: file, text: text, lookup: lookup)
    if raw { try reader.readRaw() } else { try reader.readAll() }
    return (reader.entries, reader.unset)
  }

  private init(file: String, text: String, lookup: @escaping (String) -> String?) {
    self.file = file
    // The mark of UTF-8 that some editors write, and ends of lines of other systems.
    let start = text.hasPrefix("\u{FEFF}") ? Array(text.unicodeScalars.dropFirst()) : Array(text.unicodeScalars)
    scalars = start.filter { $0 != "\r" }
    self.lookup = lookup
  }

  private func fault(_ reason: String, line: Int? = nil) -> ComposeFault {
    ComposeFault(.syntax, at: ComposeLocation(file: file, line: line ?? self.line, column: 1), reason)
  }

  private var current: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

  private mutating func advance() {
    if current == "\n" { line += 1 }
    index += 1
  }

  private mutating func skip(while condition: (Unicode.Scalar) -> Bool) {
    while let scalar = current, condition(scalar) { advance() }
  }

  private static func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\t" }

  private mutating func add(_ name: String, _ value: String?, line: Int) throws(ComposeFault) {
    guard entries.count < ComposeLimits.variables else {
      throw ComposeFault(
        .limit, at: ComposeLocation(file: file, line: line, column: 1),
        "more than \(ComposeLimits.variables) variables")
    }
    leftBytes -= value?.utf8.count ?? 0
    guard leftBytes >= 0 else {
      throw ComposeFault(
        .limit, at: ComposeLocation(file: file, line: line, column: 1),
        "more than \(ComposeLimits.variableBytes) bytes when variables are replaced")
    }
    if let value { values[name] = value }
    entries.append(Entry(name: name, value: value, line: line))
  }

  // MARK: Lines

  private mutating func readRaw() throws(ComposeFault) {
    for (offset, text) in String(String.UnicodeScalarView(scalars)).split(
      separator: "\n", omittingEmptySubsequences: false
    ).enumerated() {
      let start = text.drop { $0 == " " || $0 == "\t" }
      guard let first = start.first, first != "#" else { continue }
      let parts = start.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard !parts[0].isEmpty else { throw fault("no variable's name before '='", line: offset + 1) }
      try add(String(parts[0]), parts.count > 1 ? String(parts[1]) : nil, line: offset + 1)
    }
  }

  private mutating func readAll() throws(ComposeFault) {
    while true {
      skip { Self.isBlank($0) || $0 == "\n" }
      guard let scalar = current else { return }
      if scalar == "#" {
        skip { $0 != "\n" }
        continue
      }
      try readEntry()
    }
  }

  private mutating func readEntry() throws(ComposeFault) {
    let start = line
    var name = try readName()
    if name == "export", let scalar = current, Self.isBlank(scalar) {
      skip(while: Self.isBlank)
      name = try readName()
    }
    skip(while: Self.isBlank)
    switch current {
    case nil, "\n", "#":
      skip { $0 != "\n" }
      try add(name, nil, line: start)
    case "=", ":":
      advance()
      skip(while: Self.isBlank)
      try add(name, try readValue(), line: start)
    default:
      throw fault("expected '=' behind '\(name)'")
    }
  }

  private mutating func readName() throws(ComposeFault) -> String {
    let start = index
    skip { Interpolation.isName($0, first: false) || [".", "-", "[", "]"].contains($0) }
    guard index > start else {
      throw fault("expected a variable's name, found '\(current.map { String($0) } ?? "")'")
    }
    return String(String.UnicodeScalarView(scalars[start..<index]))
  }

  private mutating func readValue() throws(ComposeFault) -> String {
    switch current {
    case "'":
      let value = try quoted(by: "'", escapes: false)
      try requireLineEnd()
      return value
    case "\"":
      let value = try quoted(by: "\"", escapes: true)
      try requireLineEnd()
      return try expanded(value)
    default:
      var value = String.UnicodeScalarView()
      while let scalar = current, scalar != "\n" {
        // A comment starts behind a space only: the '#' of a colour or password is no comment.
        if scalar == "#", value.isEmpty || value.last.map(Self.isBlank) == true { break }
        value.append(scalar)
        advance()
      }
      skip { $0 != "\n" }
      while let last = value.last, Self.isBlank(last) { value.removeLast() }
      return try expanded(String(value))
    }
  }

  private mutating func quoted(by quote: Unicode.Scalar, escapes: Bool) throws(ComposeFault) -> String {
    let start = line
    var value = String.UnicodeScalarView()
    advance()
    while let scalar = current {
      advance()
      if scalar == quote { return String(value) }
      guard scalar == "\\", let next = current else {
        value.append(scalar)
        continue
      }
      if !escapes {
        // Only the quote itself can be escaped here.
        if next == quote { advance() }
        value.append(next == quote ? quote : scalar)
        continue
      }
      advance()
      switch next {
      case "n": value.append("\n")
      case "r": value.append("\r")
      case "t": value.append("\t")
      case "\\", "\"": value.append(next)
      // For the replacement of variables, which comes next.
      case "$": value.append(contentsOf: "$$".unicodeScalars)
      default:
        value.append(scalar)
        value.append(next)
      }
    }
    throw fault("the value's closing \(quote) is missing", line: start)
  }

  private mutating func requireLineEnd() throws(ComposeFault) {
    skip(while: Self.isBlank)
    guard let scalar = current, scalar != "\n" else { return }
    guard scalar == "#" else { throw fault("unexpected text behind the closing quote") }
    skip { $0 != "\n" }
  }

  private mutating func expanded(_ text: String) throws(ComposeFault) -> String {
    let (values, lookup) = (values, lookup)
    do {
      let result = try Interpolation.process(text) { lookup($0) ?? values[$0] }
      for name in result.unset { unset.append((name, line)) }
      return result.text
    } catch {
      throw error.fault(at: ComposeLocation(file: file, line: line, column: 1), key: "", text: text)
    }
  }
}

extension Interpolation.Failure {
  func fault(at location: ComposeLocation, key: String, text: String) -> ComposeFault {
    switch self {
    case .malformed(_, let reason):
      ComposeFault(.variable, at: location, key: key, "wrong substitution in '\(text.prefix(200))': \(reason)")
    case .required(let variable, let message):
      ComposeFault(
        .variable, at: location, key: key,
        "the variable '\(variable)' is required" + (message.isEmpty ? " and not set" : ": \(message.prefix(1_000))"))
    case .tooLong:
      ComposeFault(
        .limit, at: location, key: key,
        "longer than \(ComposeLimits.valueBytes) bytes when its variables are replaced")
    }
  }
}
