/// Replaces variables in a text (compose specification, *Interpolation*): `$V`, `${V}`, `${V:-d}`, `${V-d}`, `${V:?e}`,
/// `${V?e}`, `${V:+r}`, `${V+r}`, where d, e and r may hold more of them; `$$` is a dollar sign.
struct Interpolation {
  enum Failure: Error, Hashable {
    /// `offset` counts scalars within the text.
    case malformed(offset: Int, reason: String)
    case required(variable: String, message: String)
    case tooLong
  }

  private let scalars: [Unicode.Scalar]
  private let lookup: (String) -> String?
  private var index = 0
  private var unset: [String] = []
  private var isUnset: Set<String> = []
  private var producedBytes = 0
  private var found: [ComposeVariable] = []

  private init(_ text: String, lookup: @escaping (String) -> String?) {
    scalars = Array(text.unicodeScalars)
    self.lookup = lookup
  }

  /// The text with its variables replaced, and those that are unset and have no default, in the order of the text.
  static func process(
    _ text: String, lookup: @escaping (String) -> String?
  ) throws(Failure) -> (text: String, unset: [String]) {
    guard text.utf8.contains(UInt8(ascii: "$")) else { return (text, []) }
    var interpolation = Interpolation(text, lookup: lookup)
    let result = try interpolation.piece(inside: false, depth: 0, counts: true)
    return (result, interpolation.unset)
  }

  /// The variables that a text names, in its order, whatever their values are.
  static func variables(in text: String) throws(Failure) -> [ComposeVariable] {
    guard text.utf8.contains(UInt8(ascii: "$")) else { return [] }
    // Every word is read as one that is not used: nothing is missing then.
    var interpolation = Interpolation(text) { _ in nil }
    _ = try interpolation.piece(inside: false, depth: 0, counts: false)
    return interpolation.found
  }

  /// Reads up to the end, or inside braces up to the one that closes.
  /// - Parameter counts: false for a word that is read and not used: what is unset in it does not matter.
  private mutating func piece(inside: Bool, depth: Int, counts: Bool) throws(Failure) -> String {
    guard depth <= ComposeLimits.interpolationDepth else {
      throw .malformed(offset: index, reason: "nested too deeply")
    }
    var result = String.UnicodeScalarView()
    while index < scalars.count {
      let scalar = scalars[index]
      if inside, scalar == "}" { return String(result) }
      index += 1
      guard scalar == "$" else {
        result.append(scalar)
        continue
      }
      let value = try variable(depth: depth, counts: counts)
      producedBytes += value.utf8.count
      guard producedBytes <= ComposeLimits.valueBytes else { throw .tooLong }
      result.append(contentsOf: value.unicodeScalars)
    }
    if inside { throw .malformed(offset: scalars.count, reason: "'}' is missing") }
    return String(result)
  }

  /// What stands behind a dollar sign.
  private mutating func variable(depth: Int, counts: Bool) throws(Failure) -> String {
    let start = index - 1
    guard index < scalars.count else { throw Self.lonely(start) }
    if scalars[index] == "$" {
      index += 1
      return "$"
    }
    if scalars[index] == "{" {
      index += 1
      return try braced(start: start, depth: depth, counts: counts)
    }
    guard let name = name() else { throw Self.lonely(start) }
    return plain(name, counts: counts)
  }

  private static func lonely(_ offset: Int) -> Failure {
    .malformed(offset: offset, reason: "no variable's name behind '$'; write '$$' for a dollar sign")
  }

  private mutating func plain(_ name: String, counts: Bool) -> String {
    found.append(ComposeVariable(name: name))
    if let value = lookup(name) { return value }
    if counts, isUnset.insert(name).inserted { unset.append(name) }
    return ""
  }

  private mutating func name() -> String? {
    let start = index
    while index < scalars.count, Self.isName(scalars[index], first: index == start) { index += 1 }
    guard index > start else { return nil }
    return String(String.UnicodeScalarView(scalars[start..<index]))
  }

  static func isName(_ scalar: Unicode.Scalar, first: Bool) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "_": true
    case "0"..."9": !first
    default: false
    }
  }

  private mutating func braced(start: Int, depth: Int, counts: Bool) throws(Failure) -> String {
    guard let name = name() else {
      throw .malformed(offset: start, reason: "no variable's name behind '${'; write '$$' for a dollar sign")
    }
    guard index < scalars.count else { throw .malformed(offset: start, reason: "'}' is missing") }
    var emptyCounts = false
    if scalars[index] == ":" {
      emptyCounts = true
      index += 1
    }
    guard index < scalars.count else { throw .malformed(offset: start, reason: "'}' is missing") }
    let sign = scalars[index]
    if sign == "}", !emptyCounts {
      index += 1
      return plain(name, counts: counts)
    }
    guard ["-", "?", "+"].contains(sign) else {
      throw .malformed(
        offset: index, reason: "expected '}', ':-', '-', ':?', '?', ':+' or '+' behind '\(name)'")
    }
    index += 1
    let value = lookup(name)
    let isThere = value.map { !(emptyCounts && $0.isEmpty) } ?? false
    let isUsed = sign == "+" ? isThere : !isThere
    let (place, position) = (index, found.count)
    let word = try piece(inside: true, depth: depth + 1, counts: counts && isUsed)
    let written = String(String.UnicodeScalarView(scalars[place..<index]))
    found.insert(
      ComposeVariable(
        name: name, isRequired: sign == "?", fallback: sign == "-" ? written : nil,
        alternative: sign == "+" ? written : nil), at: position)
    index += 1
    switch sign {
    case "-": return isThere ? value ?? "" : word
    case "+": return isThere ? word : ""
    default:
      guard isThere || !counts else { throw .required(variable: name, message: word) }
      return value ?? ""
    }
  }
}
