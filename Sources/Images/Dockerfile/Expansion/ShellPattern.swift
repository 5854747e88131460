/// The pattern of `${x#…}`, `${x%…}` and `${x/…/…}`: `*`, `?` and characters (POSIX XCU 2.13.1 without brackets, as in
/// BuildKit). Matching takes time proportional to the lengths of both, whatever the pattern. Neither wildcard matches a
/// line feed.
struct ShellPattern {
  private enum Token: Hashable {
    case any
    case one
    case literal(Unicode.Scalar)
  }

  private var tokens: [Token] = []

  /// Nil for an escape that means nothing.
  init?(_ text: [Unicode.Scalar]) {
    var index = 0
    while index < text.count {
      let scalar = text[index]
      index += 1
      switch scalar {
      case "*": if tokens.last != .any { tokens.append(.any) }
      case "?": tokens.append(.one)
      case "\\":
        guard index < text.count, "}/*?\\".unicodeScalars.contains(text[index]) else { return nil }
        tokens.append(.literal(text[index]))
        index += 1
      default: tokens.append(.literal(scalar))
      }
    }
  }

  var reversed: ShellPattern {
    var other = self
    other.tokens.reverse()
    return other
  }

  /// How much of the text's beginning it matches: the most or the least; nil where it does not.
  func prefixLength(of text: [Unicode.Scalar], isGreedy: Bool) -> Int? {
    matchEnd(in: text, from: 0, isGreedy: isGreedy)
  }

  /// The first match replaced, or all of them; nil when the result would be longer than `limit`.
  func replacing(
    in text: [Unicode.Scalar], with replacement: [Unicode.Scalar], all: Bool, limit: Int
  ) -> [Unicode.Scalar]? {
    var result: [Unicode.Scalar] = []
    var position = 0
    var lastEnd = -1
    while position <= text.count {
      guard let (start, end) = firstMatch(in: text, from: position) else { break }
      result += text[position..<start]
      // An empty match right behind a match is none.
      if end > start || start != lastEnd { result += replacement }
      lastEnd = end
      position = end
      if end == start {
        if start < text.count { result.append(text[start]) }
        position = start + 1
      }
      guard result.count <= limit else { return nil }
      if !all { break }
    }
    if position < text.count { result += text[position...] }
    return result.count <= limit ? result : nil
  }

  /// The match that begins first, and of those the longest. Threads carry where they began; the earliest wins a state.
  private func firstMatch(in text: [Unicode.Scalar], from first: Int) -> (Int, Int)? {
    let last = tokens.count
    var starts = [Int](repeating: Int.max, count: last + 1)
    var best: (start: Int, end: Int)?
    var position = first
    while true {
      if best == nil { starts[0] = min(starts[0], position) }
      for state in 0..<last where tokens[state] == .any { starts[state + 1] = min(starts[state + 1], starts[state]) }
      if starts[last] != Int.max, starts[last] <= best?.start ?? Int.max { best = (starts[last], position) }
      guard position < text.count else { break }
      var following = [Int](repeating: Int.max, count: last + 1)
      var isAlive = false
      for state in 0..<last where starts[state] <= best?.start ?? Int.max - 1 {
        guard accepts(tokens[state], text[position]) else { continue }
        let next = tokens[state] == .any ? state : state + 1
        following[next] = min(following[next], starts[state])
        isAlive = true
      }
      if best != nil && !isAlive { break }
      starts = following
      position += 1
    }
    return best
  }

  private func matchEnd(in text: [Unicode.Scalar], from first: Int, isGreedy: Bool) -> Int? {
    let last = tokens.count
    var states = [Bool](repeating: false, count: last + 1)
    states[0] = true
    var best: Int?
    for position in first...text.count {
      for state in 0..<last where states[state] && tokens[state] == .any { states[state + 1] = true }
      if states[last] {
        best = position
        if !isGreedy { return best }
      }
      guard position < text.count else { break }
      var following = [Bool](repeating: false, count: last + 1)
      var isAlive = false
      for state in 0..<last where states[state] && accepts(tokens[state], text[position]) {
        following[tokens[state] == .any ? state : state + 1] = true
        isAlive = true
      }
      guard isAlive else { break }
      states = following
    }
    return best
  }

  private func accepts(_ token: Token, _ scalar: Unicode.Scalar) -> Bool {
    switch token {
    case .any, .one: scalar != "\n"
    case .literal(let literal): literal == scalar
    }
  }
}
