/// A JSON value that is put together by hand.
enum DocumentValue: Encodable, Sendable, Equatable {
  case text(String)
  case number(Int64)
  case flag(Bool)
  case list([DocumentValue])
  case object([String: DocumentValue])

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .text(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .flag(let value): try container.encode(value)
    case .list(let values): try container.encode(values)
    case .object(let members): try container.encode(members)
    }
  }

  /// This object with further members.
  func with(_ more: [String: DocumentValue]) -> DocumentValue {
    guard case .object(let members) = self else { return self }
    return .object(members.merging(more) { $1 })
  }
}

extension DocumentValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  init(stringLiteral value: String) { self = .text(value) }
  init(integerLiteral value: Int64) { self = .number(value) }
  init(booleanLiteral value: Bool) { self = .flag(value) }
  init(arrayLiteral elements: DocumentValue...) { self = .list(elements) }
  init(dictionaryLiteral elements: (String, DocumentValue)...) {
    self = .object(Dictionary(elements, uniquingKeysWith: { $1 }))
  }
}

// MARK: - JSON Schema (2020-12), as OpenAPI 3.1 uses it

extension DocumentValue {
  static func reference(_ schema: String) -> DocumentValue { ["$ref": .text(schemaPrefix + schema)] }

  static func string(_ description: String) -> DocumentValue { ["type": "string", "description": .text(description)] }

  /// A text of so many characters, and of the form of a regular expression where one is given.
  static func string(_ description: String, of lengths: ClosedRange<Int64>, like pattern: String? = nil)
    -> DocumentValue
  {
    let value = string(description).with([
      "minLength": .number(lengths.lowerBound), "maxLength": .number(lengths.upperBound),
    ])
    return pattern.map { value.with(["pattern": .text($0)]) } ?? value
  }

  static func choice(_ values: [String], _ description: String) -> DocumentValue {
    ["type": "string", "enum": .list(values.map { .text($0) }), "description": .text(description)]
  }

  static func integer(_ description: String, in range: ClosedRange<Int64>? = nil) -> DocumentValue {
    let value: DocumentValue = ["type": "integer", "format": "int64", "description": .text(description)]
    return range.map { value.with(["minimum": .number($0.lowerBound), "maximum": .number($0.upperBound)]) } ?? value
  }

  /// Seconds since 1970.
  static func moment(_ description: String) -> DocumentValue { integer("\(description), in seconds since 1970") }

  static func boolean(_ description: String) -> DocumentValue {
    ["type": "boolean", "description": .text(description)]
  }

  static func array(_ items: DocumentValue, _ description: String? = nil, atMost: Int64? = nil) -> DocumentValue {
    var value: DocumentValue = ["type": "array", "items": items]
    if let description { value = value.with(["description": .text(description)]) }
    return atMost.map { value.with(["maxItems": .number($0)]) } ?? value
  }

  static func map(_ values: DocumentValue, _ description: String) -> DocumentValue {
    ["type": "object", "additionalProperties": values, "description": .text(description)]
  }

  /// An object; members whose names end with `?` may be missing.
  static func object(_ description: String, _ members: [String: DocumentValue]) -> DocumentValue {
    var properties: [String: DocumentValue] = [:]
    var required: [String] = []
    for (name, schema) in members {
      if name.hasSuffix("?") {
        properties[String(name.dropLast())] = schema
      } else {
        properties[name] = schema
        required.append(name)
      }
    }
    let value: DocumentValue = [
      "type": "object", "description": .text(description), "properties": .object(properties),
    ]
    return required.isEmpty ? value : value.with(["required": .list(required.sorted().map { .text($0) })])
  }
}
