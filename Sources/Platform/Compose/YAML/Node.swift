/// A value of a compose file with its place. Anchors, aliases and merge keys are resolved.
struct Node: Sendable, Equatable {
  enum Content: Sendable, Equatable {
    case scalar(Scalar)
    case list([Node])
    case map([Member])
  }

  struct Member: Sendable, Equatable {
    var key: String
    var at: ComposeLocation
    var value: Node
  }

  /// What a value does to that of an earlier file (compose specification, *Merge*).
  enum MergeTag: Sendable, Hashable { case reset, override }

  var content: Content
  var at: ComposeLocation
  var tag: MergeTag?

  init(_ content: Content, at location: ComposeLocation, tag: MergeTag? = nil) {
    self.content = content
    self.at = location
    self.tag = tag
  }

  static func string(_ text: String, at location: ComposeLocation) -> Node {
    Node(.scalar(Scalar(text: text, type: .string)), at: location)
  }

  static func int(_ value: some BinaryInteger, at location: ComposeLocation) -> Node {
    Node(.scalar(Scalar(text: String(value), type: .int)), at: location)
  }

  static func bool(_ value: Bool, at location: ComposeLocation) -> Node {
    Node(.scalar(Scalar(text: value ? "true" : "false", type: .bool)), at: location)
  }

  static func null(at location: ComposeLocation) -> Node {
    Node(.scalar(Scalar(text: "", type: .null)), at: location)
  }

  static func map(_ members: [(String, Node)], at location: ComposeLocation) -> Node {
    Node(.map(members.map { Member(key: $0.0, at: $0.1.at, value: $0.1) }), at: location)
  }

  // MARK: Looking inside

  var scalar: Scalar? { if case .scalar(let scalar) = content { scalar } else { nil } }
  var isNull: Bool { scalar?.type == .null }
  /// The text of any scalar but null.
  var text: String? { scalar.flatMap { $0.type == .null ? nil : $0.text } }
  var items: [Node]? { if case .list(let items) = content { items } else { nil } }
  var members: [Member]? { if case .map(let members) = content { members } else { nil } }

  subscript(key: String) -> Node? {
    get { members?.first { $0.key == key }?.value }
    set {
      guard case .map(var members) = content else { return }
      let index = members.firstIndex { $0.key == key }
      if let newValue {
        if let index {
          members[index].value = newValue
        } else {
          members.append(Member(key: key, at: newValue.at, value: newValue))
        }
      } else if let index {
        members.remove(at: index)
      }
      content = .map(members)
    }
  }

  /// How much it takes of the bounds on a project.
  var extent: (nodes: Int, textBytes: Int) {
    switch content {
    case .scalar(let scalar): (1, scalar.text.utf8.count)
    case .list(let items): Self.sum(items.map(\.extent))
    case .map(let members):
      Self.sum(
        members.map { member in
          let inner = member.value.extent
          return (inner.nodes, inner.textBytes + member.key.utf8.count)
        })
    }
  }

  private static func sum(_ parts: [(nodes: Int, textBytes: Int)]) -> (nodes: Int, textBytes: Int) {
    parts.reduce((1, 0)) { ($0.0 + $1.nodes, $0.1 + $1.textBytes) }
  }

  /// What it is, for messages.
  var kindName: String {
    switch content {
    case .list: "a list"
    case .map: "a mapping"
    case .scalar(let scalar):
      switch scalar.type {
      case .null: "nothing"
      case .bool: "a truth value"
      case .int, .float: "a number"
      case .string: "a text"
      }
    }
  }

  var value: ComposeValue {
    switch content {
    case .list(let items): .list(items.map(\.value))
    case .map(let members): .map(Dictionary(members.map { ($0.key, $0.value.value) }) { $1 })
    case .scalar(let scalar): scalar.value
    }
  }
}

/// One scalar: its text and what it stands for.
struct Scalar: Sendable, Hashable {
  enum ScalarType: Sendable, Hashable { case null, bool, int, float, string }

  var text: String
  var type: ScalarType

  init(text: String, type: ScalarType) {
    self.text = text
    self.type = type
  }

  /// A plain scalar by YAML's core schema (YAML 1.2.2, 10.3.2), with `0644` and `0b1` as Go's parsers of compose files know them.
  init(plain text: String) {
    self.text = text
    type =
      switch text {
      case "", "~", "null", "Null", "NULL": .null
      case "true", "True", "TRUE", "false", "False", "FALSE": .bool
      case _ where Self.integer(text) != nil: .int
      case _ where Self.isFloat(text): .float
      default: .string
      }
  }

  /// `12`, `-3`, `0x1f`, `0o17`, `017`, `0b101`, `1_000`.
  static func integer(_ text: String) -> Int64? {
    guard let first = text.utf8.first, first <= UInt8(ascii: "9"), text.utf8.count <= 64, text.utf8.last != 0x5F else {
      return nil
    }
    var digits = text.filter { $0 != "_" }[...]
    let sign = digits.first == "-" || digits.first == "+" ? String(digits.removeFirst()) : ""
    guard digits.first?.isASCII == true, digits.first?.isNumber == true else { return nil }
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where digits.hasPrefix(prefix) {
      return Int64(sign + digits.dropFirst(2), radix: radix)
    }
    let isOctal = digits.count > 1 && digits.first == "0" && digits.allSatisfy { ("0"..."7").contains($0) }
    return Int64(sign + digits, radix: isOctal ? 8 : 10)
  }

  private static func isFloat(_ text: String) -> Bool {
    guard let first = text.utf8.first, first <= UInt8(ascii: "9"), text.utf8.count <= 64 else { return false }
    if [".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"].contains(where: { text.hasSuffix($0) }) {
      return text.utf8.count <= 5 && (text.hasPrefix(".") || text.hasPrefix("-.") || text.hasPrefix("+."))
    }
    let allowed = text.utf8.allSatisfy { (0x30...0x39).contains($0) || [0x2B, 0x2D, 0x2E, 0x45, 0x65].contains($0) }
    return allowed && text.utf8.contains { (0x30...0x39).contains($0) } && Double(text) != nil
  }

  var value: ComposeValue {
    switch type {
    case .null: .null
    case .bool: .bool(text.lowercased() == "true")
    case .int: Self.integer(text).map { .int($0) } ?? .string(text)
    case .float: Self.number(text).map { .number($0) } ?? .string(text)
    case .string: .string(text)
    }
  }

  /// Digits as JSON has them; nil for what JSON cannot say (1e999, .inf, .nan).
  private static func number(_ text: String) -> String? {
    guard let value = Double(text), value.isFinite else { return nil }
    if value == value.rounded(), abs(value) < 1e15 { return String(Int64(value)) }
    return String(value)
  }
}
