extension LabelSelector {
  /// Bounds on a selector in a query.
  public static let maxTextBytes = 64 * 1024
  public static let maxRequirements = 1_000

  /// Reads the grammar of the query parameter `labelSelector`; empty text selects everything.
  /// Throws `SelectorError`.
  public init(parsing text: String) throws {
    guard text.utf8.count <= Self.maxTextBytes else {
      throw SelectorError("the label selector is longer than \(Self.maxTextBytes) bytes")
    }
    var parser = LabelSelectorParser(tokens: LabelSelectorLexer.tokens(Array(text.utf8)))
    self.init(try parser.requirements())
  }
}

private enum Token: Equatable {
  case identifier
  case comma, open, close
  /// `!`
  case not
  case relation(LabelSelector.Requirement.Relation)
  case end
}

private struct LabelSelectorLexer {
  private static let symbols = Set("=!(),><".utf8)

  private static func isSpace(_ byte: UInt8) -> Bool { byte == 32 || byte == 9 || byte == 10 || byte == 13 }

  /// Ends with `.end`.
  static func tokens(_ bytes: [UInt8]) -> [(token: Token, text: String)] {
    var tokens: [(token: Token, text: String)] = []
    var index = 0
    while index < bytes.count {
      if isSpace(bytes[index]) {
        index += 1
      } else if symbols.contains(bytes[index]) {
        tokens.append(symbol(bytes, &index))
      } else {
        let start = index
        while index < bytes.count, !isSpace(bytes[index]), !symbols.contains(bytes[index]) { index += 1 }
        let text = String(decoding: bytes[start..<index], as: UTF8.self)
        tokens.append((word(text), text))
      }
    }
    tokens.append((.end, ""))
    return tokens
  }

  private static func word(_ text: String) -> Token {
    switch text {
    case "in": .relation(.isIn)
    case "notin": .relation(.isNotIn)
    default: .identifier
    }
  }

  private static func symbol(_ bytes: [UInt8], _ index: inout Int) -> (token: Token, text: String) {
    let isFollowedByEquals = index + 1 < bytes.count && bytes[index + 1] == UInt8(ascii: "=")
    let byte = bytes[index]
    index += 1
    switch byte {
    case UInt8(ascii: "="):
      guard isFollowedByEquals else { return (.relation(.equals), "=") }
      index += 1
      return (.relation(.doubleEquals), "==")
    case UInt8(ascii: "!"):
      guard isFollowedByEquals else { return (.not, "!") }
      index += 1
      return (.relation(.notEquals), "!=")
    case UInt8(ascii: "("): return (.open, "(")
    case UInt8(ascii: ")"): return (.close, ")")
    case UInt8(ascii: ","): return (.comma, ",")
    case UInt8(ascii: ">"): return (.relation(.greaterThan), ">")
    default: return (.relation(.lessThan), "<")
    }
  }
}

/// A recursive descent whose sentences are those of a Kubernetes server.
private struct LabelSelectorParser {
  let tokens: [(token: Token, text: String)]
  private var position = 0

  init(tokens: [(token: Token, text: String)]) {
    self.tokens = tokens
  }

  /// `in` and `notin` are names where no operator can stand.
  private var next: (token: Token, text: String) {
    let item = tokens[min(position, tokens.count - 1)]
    return item.token == .relation(.isIn) || item.token == .relation(.isNotIn) ? (.identifier, item.text) : item
  }

  private mutating func take() -> (token: Token, text: String) {
    defer { position += 1 }
    return next
  }

  mutating func requirements() throws -> [LabelSelector.Requirement] {
    var found: [LabelSelector.Requirement] = []
    while next.token != .end {
      guard next.token == .identifier || next.token == .not else {
        throw SelectorError("found '\(next.text)', expected: !, identifier, or 'end of string'")
      }
      guard found.count < LabelSelector.maxRequirements else {
        throw SelectorError("the label selector has more than \(LabelSelector.maxRequirements) requirements")
      }
      do {
        found.append(try requirement())
      } catch let error as SelectorError {
        throw SelectorError("unable to parse requirement: \(error.message)")
      }
      let separator = take()
      if separator.token == .end { break }
      guard separator.token == .comma else {
        throw SelectorError("found '\(separator.text)', expected: ',' or 'end of string'")
      }
      guard next.token == .identifier || next.token == .not else {
        throw SelectorError("found '\(next.text)', expected: identifier after ','")
      }
    }
    return found
  }

  private mutating func requirement() throws -> LabelSelector.Requirement {
    var key = take()
    let isNegated = key.token == .not
    if isNegated { key = take() }
    guard key.token == .identifier else { throw SelectorError("found '\(key.text)', expected: identifier") }
    let problems = NameRule.qualifiedName.problems(key.text)
    guard problems.isEmpty else {
      throw SelectorError(FieldError.invalid("<nil>", key.text, problems.joined(separator: "; ")).text)
    }
    if isNegated { return LabelSelector.Requirement(key: key.text, relation: .doesNotExist) }
    if next.token == .end || next.token == .comma { return LabelSelector.Requirement(key: key.text, relation: .exists) }
    let relation = try relation()
    let values = relation == .isIn || relation == .isNotIn ? try valueList() : [try exactValue()]
    try check(key.text, relation, Set(values).sorted())
    return LabelSelector.Requirement(key: key.text, relation: relation, values: values)
  }

  private mutating func relation() throws -> LabelSelector.Requirement.Relation {
    let item = tokens[min(position, tokens.count - 1)]
    position += 1
    guard case .relation(let relation) = item.token else {
      throw SelectorError("found '\(item.text)', expected: in, notin, =, ==, !=, gt, lt")
    }
    return relation
  }

  private mutating func exactValue() throws -> String {
    if next.token == .end || next.token == .comma { return "" }
    let item = take()
    guard item.token == .identifier else { throw SelectorError("found '\(item.text)', expected: identifier") }
    return item.text
  }

  /// `(a,b)`; an item that is not there is the empty value.
  private mutating func valueList() throws -> [String] {
    let open = take()
    guard open.token == .open else { throw SelectorError("found '\(open.text)' expected: '('") }
    var values: [String] = []
    var isFirst = true
    while true {
      switch next.token {
      case .identifier:
        values.append(take().text)
        guard next.token == .comma || next.token == .close else {
          throw SelectorError("found '\(next.text)', expected: ',' or ')'")
        }
      case .comma, .close: values.append("")
      default:
        let expected = isFirst ? "',', ')' or identifier" : "',', or identifier"
        throw SelectorError("found '\(next.text)', expected: \(expected)")
      }
      isFirst = false
      if take().token == .close { return values }
    }
  }

  private func check(_ key: String, _ relation: LabelSelector.Requirement.Relation, _ values: [String]) throws {
    var errors: [FieldError] = []
    if relation == .greaterThan || relation == .lessThan, Int64(values[0]) == nil {
      errors.append(.invalid("values[0]", values[0], "for 'Gt', 'Lt' operators, the value must be an integer"))
    }
    for (index, value) in values.enumerated() {
      let problems = NameRule.labelValue.problems(value)
      if problems.isEmpty { continue }
      errors.append(.invalid("values[\(index)][\(key)]", value, problems.joined(separator: "; ")))
    }
    guard let first = errors.first else { return }
    let text = errors.count == 1 ? first.text : "[\(errors.map(\.text).joined(separator: ", "))]"
    throw SelectorError(text)
  }
}
