import HTTPServing
import KubeMachinery

/// OpenAPI 2.0 in protobuf, as kubectl reads it for `apply`, `diff` and, up to 1.28, `explain` and validation.
///
/// Source: the messages of gnostic's `openapi.v2` (field numbers); protobuf *Encoding*. Only what our own documents hold is written.
struct OpenAPIProtobuf {
  /// As answers name it, and as requests do: the older one is no media type to Go's own parser.
  static let contentType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf"
  static let mediaTypes = [contentType, "application/com.github.proto-openapi.spec.v2@v1.0+protobuf"]

  private enum WireType: UInt64 {
    case varint = 0
    case bytes = 2
  }

  private var bytes: [UInt8] = []

  static func encode(_ document: JSONValue) -> [UInt8] {
    var encoder = OpenAPIProtobuf()
    encoder.text(1, document["swagger"])
    encoder.message(2) { info in
      info.text(1, document.at("info", "title"))
      info.text(2, document.at("info", "version"))
    }
    encoder.message(8) { paths in
      for (name, item) in document["paths"]?.members ?? [] { paths.named(2, name) { $0.path(item) } }
    }
    encoder.message(9) { definitions in
      for (name, schema) in document["definitions"]?.members ?? [] { definitions.named(1, name) { $0.schema(schema) } }
    }
    return encoder.bytes
  }

  // MARK: wire

  private mutating func varint(_ number: UInt64) {
    var rest = number
    while rest >= 0x80 {
      bytes.append(UInt8(rest & 0x7F) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }

  private mutating func field(_ number: UInt64, _ content: some Collection<UInt8>) {
    varint(number << 3 | WireType.bytes.rawValue)
    varint(UInt64(content.count))
    bytes.append(contentsOf: content)
  }

  private mutating func message(_ number: UInt64, _ write: (inout OpenAPIProtobuf) -> Void) {
    var inner = OpenAPIProtobuf()
    write(&inner)
    field(number, inner.bytes)
  }

  /// An entry of a map: a message of a name and a value.
  private mutating func named(_ number: UInt64, _ name: String, _ write: (inout OpenAPIProtobuf) -> Void) {
    message(number) { entry in
      entry.field(1, name.utf8)
      entry.message(2, write)
    }
  }

  private mutating func text(_ number: UInt64, _ value: JSONValue?) {
    if let text = value?.text { field(number, text.utf8) }
  }

  private mutating func texts(_ number: UInt64, _ value: JSONValue?) {
    for item in value?.items ?? [] { text(number, item) }
  }

  private mutating func flag(_ number: UInt64, _ value: JSONValue?) {
    guard value?.flag == true else { return }
    varint(number << 3 | WireType.varint.rawValue)
    varint(1)
  }

  /// Any value, as YAML, which JSON is.
  private mutating func any(_ number: UInt64, _ value: JSONValue?) {
    guard let value else { return }
    message(number) { $0.field(2, value.encoded()) }
  }

  private mutating func extensions(_ number: UInt64, of object: JSONValue) {
    for (name, value) in object.members where name.hasPrefix("x-") {
      message(number) { entry in
        entry.field(1, name.utf8)
        entry.any(2, value)
      }
    }
  }

  // MARK: messages

  private mutating func schema(_ schema: JSONValue) {
    text(1, schema["$ref"])
    text(2, schema["format"])
    text(3, schema["title"])
    text(4, schema["description"])
    any(5, schema["default"])
    flag(16, schema["uniqueItems"])
    texts(19, schema["required"])
    for value in schema["enum"]?.items ?? [] { any(20, value) }
    if let additional = schema["additionalProperties"] {
      message(21) { item in
        if additional.isObject { item.message(1) { $0.schema(additional) } } else { item.flag(2, additional) }
      }
    }
    if let type = schema["type"] { message(22) { type.isArray ? $0.texts(1, type) : $0.text(1, type) } }
    if let items = schema["items"] { message(23) { $0.message(1) { $0.schema(items) } } }
    for part in schema["allOf"]?.items ?? [] { message(24) { $0.schema(part) } }
    if let properties = schema["properties"] {
      message(25) { list in
        for (name, property) in properties.members { list.named(1, name) { $0.schema(property) } }
      }
    }
    extensions(31, of: schema)
  }

  private static let methods: [(name: String, number: UInt64)] = [
    ("get", 2), ("put", 3), ("post", 4), ("delete", 5), ("options", 6), ("head", 7), ("patch", 8),
  ]

  private mutating func path(_ item: JSONValue) {
    for (name, number) in Self.methods {
      if let operation = item[name] { message(number) { $0.operation(operation) } }
    }
    for parameter in item["parameters"]?.items ?? [] { message(9) { $0.parameter(parameter) } }
    extensions(10, of: item)
  }

  private mutating func operation(_ operation: JSONValue) {
    texts(1, operation["tags"])
    text(2, operation["summary"])
    text(3, operation["description"])
    text(5, operation["operationId"])
    texts(6, operation["produces"])
    texts(7, operation["consumes"])
    for parameter in operation["parameters"]?.items ?? [] { message(8) { $0.parameter(parameter) } }
    message(9) { responses in
      for (code, response) in operation["responses"]?.members ?? [] {
        responses.named(1, code) { value in value.message(1) { $0.response(response) } }
      }
    }
    texts(10, operation["schemes"])
    extensions(13, of: operation)
  }

  private mutating func response(_ response: JSONValue) {
    text(1, response["description"])
    if let schema = response["schema"] { message(2) { $0.message(1) { $0.schema(schema) } } }
    extensions(5, of: response)
  }

  private mutating func parameter(_ parameter: JSONValue) {
    if let reference = parameter["$ref"] { return message(2) { $0.text(1, reference) } }
    message(1) { choice in
      if parameter["in"]?.text == "body" { return choice.message(1) { $0.body(parameter) } }
      choice.message(2) { other in
        let isPath = parameter["in"]?.text == "path"
        other.message(isPath ? 4 : 3) { $0.plain(parameter, isPath: isPath) }
      }
    }
  }

  private mutating func body(_ parameter: JSONValue) {
    text(1, parameter["description"])
    text(2, parameter["name"])
    text(3, parameter["in"])
    flag(4, parameter["required"])
    if let schema = parameter["schema"] { message(5) { $0.schema(schema) } }
    extensions(6, of: parameter)
  }

  /// A parameter of the query or the path; the query's has one field more in front of the type.
  private mutating func plain(_ parameter: JSONValue, isPath: Bool) {
    flag(1, parameter["required"])
    text(2, parameter["in"])
    text(3, parameter["description"])
    text(4, parameter["name"])
    let shift: UInt64 = isPath ? 0 : 1
    text(5 + shift, parameter["type"])
    text(6 + shift, parameter["format"])
    flag(19 + shift, parameter["uniqueItems"])
    extensions(22 + shift, of: parameter)
  }
}
