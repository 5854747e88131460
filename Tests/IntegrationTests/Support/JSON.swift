import FoundationEssentials

/// Any JSON value, looked into by key and index: `answer["State"]["Running"].bool`. What is not there is `.null`.
enum JSON: Decodable, Equatable, Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSON])
  case object([String: JSON])

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSON].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSON].self))
    }
  }

  init(_ text: String) throws {
    self = try JSONDecoder().decode(JSON.self, from: Data(text.utf8))
  }

  subscript(key: String) -> JSON {
    if case .object(let members) = self { return members[key] ?? .null }
    return .null
  }

  subscript(index: Int) -> JSON {
    if case .array(let items) = self, items.indices.contains(index) { return items[index] }
    return .null
  }

  var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  var number: Double? { if case .number(let value) = self { value } else { nil } }
  var integer: Int? { number.map { Int($0) } }
  var string: String? { if case .string(let value) = self { value } else { nil } }
  var array: [JSON] { if case .array(let items) = self { items } else { [] } }
  var object: [String: JSON] { if case .object(let members) = self { members } else { [:] } }
  var isNull: Bool { self == .null }
}
