import HTTPServing

/// Reading and changing members of documents.
extension JSONValue {
  /// A member; nil where there is none, or where this is no object. Setting nil removes it; setting a member of what is no
  /// object makes it one.
  public subscript(_ name: String) -> JSONValue? {
    get {
      guard case .object(let members) = self else { return nil }
      return members.first { $0.name == name }?.value
    }
    set {
      var members = takeMembers()
      if let index = members.firstIndex(where: { $0.name == name }) {
        if let newValue { members[index].value = newValue } else { members.remove(at: index) }
      } else if let newValue {
        members.append((name, newValue))
      }
      self = .object(members)
    }
  }

  /// The value below these names of members; nil where one is missing. Setting makes the objects on the way; setting nil
  /// removes the last name and makes nothing.
  public subscript(path names: [String]) -> JSONValue? {
    get {
      var value = self
      for name in names {
        guard let next = value[name] else { return nil }
        value = next
      }
      return value
    }
    set { set(newValue, at: names[...]) }
  }

  /// `self[path:]` for names in a row: `object.at("spec", "replicas")`.
  public func at(_ names: String...) -> JSONValue? { self[path: names] }

  private mutating func set(_ newValue: JSONValue?, at names: ArraySlice<String>) {
    guard let first = names.first else {
      self = newValue ?? .null
      return
    }
    guard names.count > 1 else {
      self[first] = newValue
      return
    }
    if newValue == nil && self[first] == nil { return }
    var inner = self[first] ?? .object([])
    inner.set(newValue, at: names.dropFirst())
    self[first] = inner
  }

  /// The members, taken out so that they can be changed without a copy.
  private mutating func takeMembers() -> [(name: String, value: JSONValue)] {
    guard case .object(let members) = self else { return [] }
    self = .null
    return members
  }

  /// An object's members; none for anything else. Setting makes it an object.
  public var members: [(name: String, value: JSONValue)] {
    get { if case .object(let members) = self { members } else { [] } }
    set { self = .object(newValue) }
  }

  /// A list's items; none for anything else. Setting makes it a list.
  public var items: [JSONValue] {
    get { if case .array(let items) = self { items } else { [] } }
    set { self = .array(newValue) }
  }

  /// The text of a string; nil for anything else.
  public var text: String? { if case .string(let text) = self { text } else { nil } }

  /// A whole number, also where it was written with a fraction of zero (`3.0`, `3e2`); nil for anything else.
  public var integer: Int64? {
    switch self {
    case .integer(let value): value
    case .double(let value): Int64(exactly: value)
    default: nil
    }
  }

  public var flag: Bool? { if case .bool(let flag) = self { flag } else { nil } }

  public var isObject: Bool { if case .object = self { true } else { false } }
  public var isArray: Bool { if case .array = self { true } else { false } }

  /// An object's members that are strings, by name: labels, annotations.
  public var texts: [String: String] {
    var texts: [String: String] = [:]
    for (name, value) in members { if case .string(let text) = value { texts[name] = text } }
    return texts
  }

  /// An object of strings, names in order.
  public static func texts(_ texts: [String: String]) -> JSONValue {
    .object(texts.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
  }

  /// Whether both mean the same: the order of members does not matter, numbers count by their value.
  /// Source: Kubernetes `apiequality.Semantic.DeepEqual`, without its leniency about empty lists.
  public func means(_ other: JSONValue) -> Bool {
    switch (self, other) {
    case (.object(let one), .object(let two)):
      guard one.count == two.count else { return false }
      // Most documents keep their order, and then no lookup is needed.
      if zip(one, two).allSatisfy({ $0.name == $1.name }) {
        return zip(one, two).allSatisfy { $0.value.means($1.value) }
      }
      let values = Dictionary(two.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
      return one.allSatisfy { member in values[member.name].map { member.value.means($0) } ?? false }
    case (.array(let one), .array(let two)):
      return one.count == two.count && zip(one, two).allSatisfy { $0.means($1) }
    case (.integer(let one), .double(let two)), (.double(let two), .integer(let one)): return Double(one) == two
    default: return self == other
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByFloatLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int64) { self = .integer(value) }
  public init(floatLiteral value: Double) { self = .double(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { (name: $0.0, value: $0.1) })
  }
}
