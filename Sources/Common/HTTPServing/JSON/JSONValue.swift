/// A JSON document as read from a client.
public enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number without fraction and exponent that fits.
  case integer(Int64)
  case double(Double)
  case string(String)
  case array([JSONValue])
  /// Members in the order sent.
  case object([(name: String, value: JSONValue)])

  public static func == (left: JSONValue, right: JSONValue) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let one), .bool(let other)): one == other
    case (.integer(let one), .integer(let other)): one == other
    case (.double(let one), .double(let other)): one == other
    case (.string(let one), .string(let other)): one == other
    case (.array(let one), .array(let other)): one == other
    case (.object(let one), .object(let other)):
      one.count == other.count && zip(one, other).allSatisfy { $0.name == $1.name && $0.value == $1.value }
    default: false
    }
  }

  /// What a field must be, as error messages name it.
  public var kindName: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .integer, .double: "a number"
    case .string: "a string"
    case .array: "a list"
    case .object: "an object"
    }
  }

  /// Whether it says nothing: what clients send for fields that they do not use.
  public var isEmpty: Bool {
    switch self {
    case .null, .bool(false), .integer(0), .string(""): true
    case .double(let value): value == 0
    case .array(let items): items.allSatisfy(\.isEmpty)
    case .object(let members): members.allSatisfy { $0.value.isEmpty }
    default: false
    }
  }
}
