import HTTPServing

/// A document that is not one of its kind: a field has a value of the wrong type.
public struct DocumentError: Error, Sendable, Equatable {
  /// As Go's decoder words it: `json: cannot unmarshal string into Go struct field …`.
  public let message: String

  public init(message: String) {
    self.message = message
  }
}

/// A document in the form that its kind declares.
public struct ReadDocument: Sendable {
  /// Without members that nobody declared and without nulls; quantities, times and base64 in canonical form.
  public let object: JSONValue
  /// What was left out: `unknown field "spec.foo"`, `duplicate field "data.a"`; at most 100, in the order of the document.
  public let complaints: [String]
}

/// Brings documents into the form that their schema declares.
/// Source: Kubernetes *Field validation*; `sigs.k8s.io/json`.
public struct DocumentReader {
  private enum Step {
    case field(String)
    case index(Int)
    case key(String)
  }

  static let maxComplaints = 100
  private var path: [Step] = []
  private var complaints: [String] = []

  private init() {}

  public static func read(_ document: JSONValue, as schema: ObjectSchema) throws(DocumentError) -> ReadDocument {
    var reader = DocumentReader()
    guard case .object(let members) = document else {
      throw DocumentError(
        message: "json: cannot unmarshal \(typeName(document)) into Go value of type \(goName(schema))")
    }
    let object = try reader.object(members, schema)
    return ReadDocument(object: object, complaints: reader.complaints)
  }

  /// The last part of a schema's name, as Go calls the type.
  private static func goName(_ schema: ObjectSchema) -> String {
    let parts = schema.name.split(separator: ".").suffix(2)
    return parts.joined(separator: ".")
  }

  private static func typeName(_ value: JSONValue) -> String {
    switch value {
    case .null: "null"
    case .bool: "bool"
    case .integer, .double: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }

  private mutating func object(
    _ members: [(name: String, value: JSONValue)], _ schema: ObjectSchema
  ) throws(DocumentError) -> JSONValue {
    var output: [(name: String, value: JSONValue)] = []
    output.reserveCapacity(members.count)
    for (name, value) in members {
      path.append(.field(name))
      if let field = schema.field(name) {
        let isKept = value != .null
        if let place = output.firstIndex(where: { $0.name == name }) {
          complain("duplicate")
          if isKept { output[place].value = try read(value, field.schema, in: schema) }
        } else if isKept {
          output.append((name, try read(value, field.schema, in: schema)))
        }
      } else {
        complain("unknown")
      }
      path.removeLast()
    }
    return .object(output)
  }

  private mutating func complain(_ what: String) {
    if complaints.count < Self.maxComplaints { complaints.append("\(what) field \"\(pathText)\"") }
  }

  private var pathText: String {
    path.reduce(into: "") { text, step in
      switch step {
      case .index(let index): text += "[\(index)]"
      case .field(let name), .key(let name): text += text.isEmpty ? name : "." + name
      }
    }
  }

  /// Only the names of fields, as Go's decoder tells the place of a wrong type.
  private var fieldsText: String {
    path.compactMap { if case .field(let name) = $0 { name } else { nil } }.joined(separator: ".")
  }

  private func mismatch(_ value: JSONValue, _ type: String, in owner: ObjectSchema) -> DocumentError {
    let structure = owner.name.split(separator: ".").last.map(String.init) ?? owner.name
    return DocumentError(
      message: "json: cannot unmarshal \(Self.typeName(value)) into Go struct field \(structure).\(fieldsText)"
        + " of type \(type)")
  }

  private mutating func read(
    _ value: JSONValue, _ schema: Schema, in owner: ObjectSchema
  ) throws(DocumentError) -> JSONValue {
    switch schema {
    case .anything: return value
    case .object(let inner):
      if case .null = value { return .object([]) }
      guard case .object(let members) = value else { throw mismatch(value, Self.goName(inner), in: owner) }
      return try object(members, inner)
    case .map(let inner, _):
      guard case .object(let members) = value else { throw mismatch(value, "map[string]\(goType(inner))", in: owner) }
      return try map(members, inner, in: owner)
    case .list(let inner, _):
      guard case .array(let items) = value else { throw mismatch(value, "[]\(goType(inner))", in: owner) }
      var output: [JSONValue] = []
      output.reserveCapacity(items.count)
      for (index, item) in items.enumerated() {
        path.append(.index(index))
        output.append(try read(item, inner, in: owner))
        path.removeLast()
      }
      return .array(output)
    default: return try scalar(value, schema, in: owner)
    }
  }

  private mutating func map(
    _ members: [(name: String, value: JSONValue)], _ inner: Schema, in owner: ObjectSchema
  ) throws(DocumentError) -> JSONValue {
    var output: [(name: String, value: JSONValue)] = []
    output.reserveCapacity(members.count)
    // Maps may have many members: looking for twins one by one would take time by the square of their number.
    var places: [String: Int] = [:]
    places.reserveCapacity(members.count)
    for (name, value) in members {
      path.append(.key(name))
      let read = try read(value, inner, in: owner)
      if let place = places[name] {
        complain("duplicate")
        output[place].value = read
      } else {
        places[name] = output.count
        output.append((name, read))
      }
      path.removeLast()
    }
    return .object(output)
  }

  private func goType(_ schema: Schema) -> String {
    switch schema {
    case .string, .time, .microTime: "string"
    case .boolean: "bool"
    case .integer(let bits): "int\(bits)"
    case .number: "float64"
    case .quantity: "resource.Quantity"
    case .intOrString: "intstr.IntOrString"
    case .base64: "[]uint8"
    case .anything: "runtime.RawExtension"
    case .object(let inner): Self.goName(inner)
    case .map(let inner, _): "map[string]\(goType(inner))"
    case .list(let inner, _): "[]\(goType(inner))"
    }
  }

  private func scalar(
    _ value: JSONValue, _ schema: Schema, in owner: ObjectSchema
  ) throws(DocumentError) -> JSONValue {
    switch (schema, value) {
    // What a list or a map holds where it says null: Go's zero value.
    case (.string, .null), (.base64, .null): return .string("")
    case (.quantity, .null): return .string("0")
    case (.integer, .null), (.intOrString, .null): return .integer(0)
    case (.boolean, .null): return .bool(false)
    case (.string, .string), (.boolean, .bool), (.number, .integer), (.number, .double): return value
    case (.integer(let bits), .integer(let number)):
      guard bits == 64 || Int32(exactly: number) != nil else { throw outOfRange("\(number)", "int32", owner) }
      return value
    case (.integer(let bits), .double(let number)): throw outOfRange("\(number)", "int\(bits)", owner)
    case (.intOrString, .string): return value
    case (.intOrString, .integer(let number)):
      guard Int32(exactly: number) != nil else {
        throw DocumentError(message: "json: cannot unmarshal number \(number) into Go value of type int32")
      }
      return value
    case (.intOrString, _):
      throw DocumentError(message: "json: cannot unmarshal \(Self.typeName(value)) into Go value of type int32")
    case (.quantity, .string(let text)): return .string(try quantity(text))
    case (.quantity, .integer(let number)): return .string(try quantity("\(number)"))
    case (.quantity, .double(let number)): return .string(try quantity("\(number)"))
    case (.quantity, _): throw DocumentError(message: Quantity.Failure.form.message)
    case (.time, .string(let text)): return .string(try moment(text, "2006-01-02T15:04:05Z07:00").text)
    case (.microTime, .string(let text)):
      return .string(try moment(text, "2006-01-02T15:04:05.000000Z07:00").microText)
    case (.base64, .string(let text)): return .string(try Base64Text.canonical(text))
    case (.time, _), (.microTime, _):
      throw DocumentError(message: "json: cannot unmarshal \(Self.typeName(value)) into Go value of type string")
    default: throw mismatch(value, goType(schema), in: owner)
    }
  }

  private func outOfRange(_ number: String, _ type: String, _ owner: ObjectSchema) -> DocumentError {
    let structure = owner.name.split(separator: ".").last.map(String.init) ?? owner.name
    return DocumentError(
      message: "json: cannot unmarshal number \(number) into Go struct field \(structure).\(fieldsText) of type \(type)"
    )
  }

  private func quantity(_ text: String) throws(DocumentError) -> String {
    do {
      return try Quantity(parsing: text).text
    } catch {
      throw DocumentError(message: error.message)
    }
  }

  private func moment(_ text: String, _ layout: String) throws(DocumentError) -> Timestamp {
    guard let moment = Timestamp(text) else {
      let quoted = GoText.quoted(text)
      throw DocumentError(message: "parsing time \(quoted) as \"\(layout)\": cannot parse \(quoted) as \"2006\"")
    }
    return moment
  }
}
