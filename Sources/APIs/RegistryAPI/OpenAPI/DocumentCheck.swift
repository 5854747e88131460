import HTTPServing
import Model

/// A body of a request, and the schema of `APIDocument` that says what may be in it.
protocol DescribedBody: Decodable, Sendable {
  static var schema: String { get }
}

/// Compares what a client sent with the schema that the document publishes, so that neither can say more than the other: names of
/// members, which of them are needed, and kinds of values. Bounds of values are the domain's business.
///
/// `null` stands for a member that is left out. A misspelt member must not be ignored: what it was to protect would stay open.
enum DocumentCheck {
  /// Throws `invalidArgument` with the path of the member that is wrong: `immutability[0].tag`.
  static func check(_ value: JSONValue, against schema: DocumentValue, at path: String = "") throws {
    let schema = try resolve(schema)
    if case .list(let choices)? = schema["oneOf"] { return try check(value, oneOf: choices, at: path) }
    guard case .text(let type)? = schema["type"] else { return }
    switch (type, value) {
    case ("object", .object(let members)): try check(members, against: schema, at: path)
    case ("array", .array(let items)):
      guard let kind = schema["items"] else { return }
      for (index, item) in items.enumerated() { try check(item, against: kind, at: "\(path)[\(index)]") }
    case ("string", .string), ("boolean", .bool), ("integer", .integer): break
    default: throw wrong(path, "expected \(name(of: type)), found \(found(value))")
    }
  }

  private static func check(
    _ members: [(name: String, value: JSONValue)], against schema: DocumentValue, at path: String
  ) throws {
    let properties = schema.properties
    if case .object? = schema["additionalProperties"] { return }
    for (name, value) in members {
      guard let property = properties[name] else { throw unknown(name, properties.keys.sorted(), at: path) }
      if value == .null, !schema.required.contains(name) { continue }
      try check(value, against: property, at: place(name, below: path))
    }
    for name in schema.required where !members.contains(where: { $0.name == name }) {
      throw wrong(place(name, below: path), "it is missing; needed: \(schema.required.joined(separator: ", "))")
    }
  }

  /// Objects of which the one member that is there says which it is.
  private static func check(_ value: JSONValue, oneOf choices: [DocumentValue], at path: String) throws {
    let names = choices.flatMap(\.required)
    guard case .object(let members) = value else {
      throw wrong(path, "expected an object with one of \(names.joined(separator: ", ")), found \(found(value))")
    }
    for member in members where !names.contains(member.name) { throw unknown(member.name, names, at: path) }
    guard members.count == 1, let choice = choices.first(where: { $0.required == [members[0].name] }) else {
      throw wrong(path, "exactly one of \(names.joined(separator: ", ")) has to be there")
    }
    try check(value, against: choice, at: path)
  }

  private static func resolve(_ schema: DocumentValue) throws -> DocumentValue {
    guard let name = schema.referenced else { return schema }
    guard let found = APIDocument.schemas[name] else {
      throw PlatformError(.internal, "the API's description has no schema '\(name)'")
    }
    return found
  }

  private static func place(_ name: String, below path: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  private static func unknown(_ name: String, _ known: [String], at path: String) -> PlatformError {
    let shown = String(name.prefix(64))
    let rest = known.isEmpty ? "nothing is taken there" : "known: \(known.joined(separator: ", "))"
    return wrong(place(shown, below: path), "it is not known; \(rest)")
  }

  private static func wrong(_ path: String, _ reason: String) -> PlatformError {
    PlatformError(.invalidArgument, path.isEmpty ? "the request's body: \(reason)" : "field '\(path)': \(reason)")
  }

  private static func name(of type: String) -> String {
    switch type {
    case "object": "an object"
    case "array": "a list"
    case "integer": "a whole number"
    default: "a \(type)"
    }
  }

  private static func found(_ value: JSONValue) -> String {
    if case .double = value { return "a number with a fraction or out of range" }
    return value.kindName
  }
}

extension DocumentValue {
  subscript(_ name: String) -> DocumentValue? {
    if case .object(let members) = self { members[name] } else { nil }
  }

  /// Members of the object that a schema describes.
  var properties: [String: DocumentValue] {
    if case .object(let members)? = self["properties"] { members } else { [:] }
  }

  /// Those of them that have to be there, in order.
  var required: [String] {
    guard case .list(let names)? = self["required"] else { return [] }
    return names.compactMap { if case .text(let name) = $0 { name } else { nil } }
  }

  /// The schema that it stands for.
  var referenced: String? {
    guard case .text(let target)? = self["$ref"], target.hasPrefix(DocumentValue.schemaPrefix) else { return nil }
    return String(target.dropFirst(DocumentValue.schemaPrefix.count))
  }

  static let schemaPrefix = "#/components/schemas/"

  /// The same schema, in which every object takes only the members that it names.
  var closed: DocumentValue {
    switch self {
    case .object(let members):
      var members = members.mapValues(\.closed)
      if members["type"] == "object", members["properties"] != nil { members["additionalProperties"] = false }
      return .object(members)
    case .list(let values): return .list(values.map(\.closed))
    case .text, .number, .flag: return self
    }
  }

  /// Adds the names of the schemas that are named below this.
  func collectReferences(into names: inout Set<String>) {
    if let referenced { names.insert(referenced) }
    switch self {
    case .object(let members): for member in members.values { member.collectReferences(into: &names) }
    case .list(let values): for value in values { value.collectReferences(into: &names) }
    case .text, .number, .flag: break
    }
  }
}
