/// Any JSON document (RFC 8259). Objects keep the order of their members and numbers their digits, so that what the
/// engine said can be shown as it was said.
enum JSONValue: Equatable, Sendable {
  struct Member: Equatable, Sendable {
    var name: String
    var value: JSONValue
  }

  case null
  case bool(Bool)
  /// The digits as written.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object([Member])

  static func int(_ value: some BinaryInteger) -> JSONValue { .number(String(value)) }
  static func strings(_ values: [String]) -> JSONValue { .array(values.map { .string($0) }) }
  static func map(_ values: [(String, String)]) -> JSONValue {
    .object(values.map { Member(name: $0.0, value: .string($0.1)) })
  }

  /// A member of an object; `.null` where there is none, and for anything that is no object.
  subscript(name: String) -> JSONValue {
    get {
      guard case .object(let members) = self else { return .null }
      return members.first { $0.name == name }?.value ?? .null
    }
    set {
      var members: [Member] = []
      if case .object(let present) = self { members = present }
      if let index = members.firstIndex(where: { $0.name == name }) {
        members[index].value = newValue
      } else {
        members.append(Member(name: name, value: newValue))
      }
      self = .object(members)
    }
  }

  var isNull: Bool { self == .null }
  var string: String? { if case .string(let text) = self { text } else { nil } }
  var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  var int: Int64? {
    if case .number(let digits) = self { Int64(digits) ?? Double(digits).map { Int64(clamping: $0) } } else { nil }
  }
  var double: Double? { if case .number(let digits) = self { Double(digits) } else { nil } }
  var items: [JSONValue] { if case .array(let values) = self { values } else { [] } }
  var members: [Member] { if case .object(let values) = self { values } else { [] } }
  /// The text of a string member, or nothing.
  func text(_ name: String) -> String { self[name].string ?? "" }
}

extension Int64 {
  /// The sum, or the nearest number that fits: what an engine says must not end the client.
  func plus(_ other: Int64) -> Int64 {
    let (sum, overflow) = addingReportingOverflow(other)
    return overflow ? (other < 0 ? .min : .max) : sum
  }

  /// The difference, or the nearest number that fits.
  func minus(_ other: Int64) -> Int64 {
    let (difference, overflow) = subtractingReportingOverflow(other)
    return overflow ? (other < 0 ? .max : .min) : difference
  }

  /// The product, or the nearest number that fits.
  func times(_ other: Int64) -> Int64 {
    let (product, overflow) = multipliedReportingOverflow(by: other)
    return overflow ? ((self < 0) == (other < 0) ? .max : .min) : product
  }

  /// The nearest value that fits; 0 for not-a-number.
  init(clamping value: Double) {
    if value.isNaN {
      self = 0
    } else if value >= 9.2e18 {
      self = .max
    } else if value <= -9.2e18 {
      self = .min
    } else {
      self = Int64(value)
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  init(stringLiteral value: String) { self = .string(value) }
  init(booleanLiteral value: Bool) { self = .bool(value) }
  init(integerLiteral value: Int64) { self = .int(value) }
  init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Member(name: $0.0, value: $0.1) })
  }
}
