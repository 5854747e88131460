/// A regular expression of the kind that `name` filters hold, matched in time linear in the text.
///
/// Literals, `.`, `[a-z]`, `[^…]`, `\w \d \s` and escaped characters, groups, `|`, `* + ?`, `{n,m}`, `^` and `$`. All
/// alternatives are followed at once, so no pattern is slow.
struct NamePattern: Sendable {
  private indirect enum Node {
    case empty
    case set(CharacterSet)
    case start
    case end
    case sequence([Node])
    case choice([Node])
    case loop(Node, minimum: Int, maximum: Int?)
  }

  private struct CharacterSet: Sendable {
    var ranges: [ClosedRange<UInt32>] = []
    var isNegated = false

    func contains(_ scalar: Unicode.Scalar) -> Bool {
      ranges.contains { $0.contains(scalar.value) } != isNegated
    }

    static let any = CharacterSet(ranges: [], isNegated: true)
  }

  private enum Step: Sendable {
    case match(CharacterSet)
    case atStart
    case atEnd
    case split(Int, Int)
    case jump(Int)
    case accept
  }

  static let maxPatternLength = 256
  static let maxSteps = 2_000
  private static let maxDepth = 32

  private var steps: [Step] = []
  /// Turns of loops written out so far; a turn of nothing adds no step.
  private var turns = 0

  /// Nil for a pattern that is malformed or too large.
  init?(_ pattern: String) {
    guard pattern.unicodeScalars.count <= Self.maxPatternLength else { return nil }
    var reader = Reader(scalars: Array(pattern.unicodeScalars))
    guard let node = reader.choice(depth: 0), reader.isAtEnd, emit(node) else { return nil }
    steps.append(.accept)
  }

  /// Whether the pattern occurs anywhere in the text.
  func matches(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    var current = Set<Int>()
    for position in 0...scalars.count {
      // A match may begin at every place.
      follow(0, position, scalars.count, into: &current)
      if current.contains(steps.count - 1) { return true }
      guard position < scalars.count else { return false }
      var next = Set<Int>()
      for step in current {
        if case .match(let set) = steps[step], set.contains(scalars[position]) {
          follow(step + 1, position + 1, scalars.count, into: &next)
        }
      }
      current = next
      if current.contains(steps.count - 1) { return true }
    }
    return false
  }

  private func follow(_ start: Int, _ position: Int, _ count: Int, into states: inout Set<Int>) {
    var pending = [start]
    while let step = pending.popLast() {
      guard states.insert(step).inserted else { continue }
      switch steps[step] {
      case .atStart: if position == 0 { pending.append(step + 1) }
      case .atEnd: if position == count { pending.append(step + 1) }
      case .split(let one, let other): pending += [one, other]
      case .jump(let target): pending.append(target)
      case .match, .accept: break
      }
    }
  }

  private mutating func emit(_ node: Node) -> Bool {
    guard steps.count < Self.maxSteps else { return false }
    switch node {
    case .empty: return true
    case .set(let set): steps.append(.match(set))
    case .start: steps.append(.atStart)
    case .end: steps.append(.atEnd)
    case .sequence(let nodes): return nodes.allSatisfy { emit($0) }
    case .choice(let nodes): return emitChoice(nodes)
    case .loop(let body, let minimum, let maximum): return emitLoop(body, minimum, maximum)
    }
    return true
  }

  private mutating func emitChoice(_ nodes: [Node]) -> Bool {
    var exits: [Int] = []
    for (index, node) in nodes.enumerated() {
      guard index < nodes.count - 1 else {
        guard emit(node) else { return false }
        break
      }
      let split = steps.count
      steps.append(.jump(0))
      guard emit(node) else { return false }
      exits.append(steps.count)
      steps.append(.jump(0))
      steps[split] = .split(split + 1, steps.count)
    }
    for exit in exits { steps[exit] = .jump(steps.count) }
    return true
  }

  private mutating func emitLoop(_ body: Node, _ minimum: Int, _ maximum: Int?) -> Bool {
    for _ in 0..<minimum { guard emitTurn(body) else { return false } }
    guard let maximum else {
      let split = steps.count
      steps.append(.jump(0))
      guard emit(body) else { return false }
      steps.append(.jump(split))
      steps[split] = .split(split + 1, steps.count)
      return true
    }
    var splits: [Int] = []
    for _ in minimum..<max(minimum, maximum) {
      splits.append(steps.count)
      steps.append(.jump(0))
      guard emitTurn(body) else { return false }
    }
    for split in splits { steps[split] = .split(split + 1, steps.count) }
    return true
  }

  private mutating func emitTurn(_ body: Node) -> Bool {
    turns += 1
    return turns <= Self.maxSteps && emit(body)
  }

  /// Reads a pattern's text.
  private struct Reader {
    let scalars: [Unicode.Scalar]
    var index = 0

    var isAtEnd: Bool { index == scalars.count }
    private var peek: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
      guard peek == scalar else { return false }
      index += 1
      return true
    }

    mutating func choice(depth: Int) -> Node? {
      guard depth < NamePattern.maxDepth else { return nil }
      var nodes: [Node] = []
      repeat {
        guard let node = sequence(depth: depth) else { return nil }
        nodes.append(node)
      } while take("|")
      return nodes.count == 1 ? nodes[0] : .choice(nodes)
    }

    private mutating func sequence(depth: Int) -> Node? {
      var nodes: [Node] = []
      while let scalar = peek, scalar != "|", scalar != ")" {
        guard let atom = atom(depth: depth), let node = repeated(atom) else { return nil }
        nodes.append(node)
      }
      return .sequence(nodes)
    }

    private mutating func atom(depth: Int) -> Node? {
      guard let scalar = peek else { return nil }
      index += 1
      switch scalar {
      case "^": return .start
      case "$": return .end
      case ".": return .set(.any)
      case "[": return characterClass().map { .set($0) }
      case "(":
        if take("?") { guard take(":") else { return nil } }
        guard let node = choice(depth: depth + 1), take(")") else { return nil }
        return node
      case "*", "+", "?": return nil
      case "\\": return escape().map { .set($0) }
      default: return .set(CharacterSet(ranges: [scalar.value...scalar.value]))
      }
    }

    private mutating func repeated(_ atom: Node) -> Node? {
      var node = atom
      while let scalar = peek {
        switch scalar {
        case "*": node = .loop(node, minimum: 0, maximum: nil)
        case "+": node = .loop(node, minimum: 1, maximum: nil)
        case "?": node = .loop(node, minimum: 0, maximum: 1)
        case "{":
          guard let (minimum, maximum) = bounds() else { return nil }
          node = .loop(node, minimum: minimum, maximum: maximum)
          continue
        default: return node
        }
        index += 1
        // A lazy form matches the same texts.
        _ = take("?")
      }
      return node
    }

    private mutating func number() -> Int? {
      let start = index
      while let scalar = peek, ("0"..."9").contains(scalar), index - start < 3 { index += 1 }
      return Int(String(String.UnicodeScalarView(scalars[start..<index])))
    }

    private mutating func bounds() -> (Int, Int?)? {
      guard take("{"), let minimum = number() else { return nil }
      if take("}") { return (minimum, minimum) }
      guard take(",") else { return nil }
      if take("}") { return (minimum, nil) }
      guard let maximum = number(), maximum >= minimum, take("}") else { return nil }
      return (minimum, maximum)
    }

    private mutating func characterClass() -> CharacterSet? {
      var set = CharacterSet()
      set.isNegated = take("^")
      var isFirst = true
      while let scalar = peek {
        index += 1
        if scalar == "]", !isFirst { return set }
        isFirst = false
        if scalar == "\\" {
          guard let escaped = escape(), !escaped.isNegated else { return nil }
          set.ranges += escaped.ranges
          continue
        }
        if peek == "-", index + 1 < scalars.count, scalars[index + 1] != "]" {
          let last = scalars[index + 1]
          guard last.value >= scalar.value else { return nil }
          set.ranges.append(scalar.value...last.value)
          index += 2
        } else {
          set.ranges.append(scalar.value...scalar.value)
        }
      }
      return nil
    }

    private mutating func escape() -> CharacterSet? {
      guard let scalar = peek else { return nil }
      index += 1
      let digits: [ClosedRange<UInt32>] = [48...57]
      let words = digits + [65...90, 95...95, 97...122]
      switch scalar {
      case "d": return CharacterSet(ranges: digits)
      case "D": return CharacterSet(ranges: digits, isNegated: true)
      case "w": return CharacterSet(ranges: words)
      case "W": return CharacterSet(ranges: words, isNegated: true)
      case "s": return CharacterSet(ranges: [9...13, 32...32])
      case "S": return CharacterSet(ranges: [9...13, 32...32], isNegated: true)
      case "a"..."z", "A"..."Z", "0"..."9": return nil
      default: return CharacterSet(ranges: [scalar.value...scalar.value])
      }
    }
  }
}
