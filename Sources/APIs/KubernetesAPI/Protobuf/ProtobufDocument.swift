import FoundationEssentials
import HTTPServing
import KubeMachinery

/// Reads documents that clients send in Kubernetes' protobuf form, which kubectl 1.32 and later take for most of `kubectl create`.
///
/// Sources: Kubernetes *API concepts*, *Kubernetes Protobuf encoding*; protobuf.dev *Encoding*. Answers are JSON always.
struct ProtobufDocument {
  static let mediaType = "application/vnd.kubernetes.protobuf"
  static let maxDepth = 64
  static let maxValues = 200_000

  private static let magic: [UInt8] = [0x6b, 0x38, 0x73, 0]

  private var values = 0

  /// The document as JSON. Throws `StatusError` (400) where it is malformed or not of this form.
  /// - Parameter schema: of a kind; nil for kinds that are not known.
  static func read(_ bytes: [UInt8], _ schema: (KindName) -> ObjectSchema?) throws -> JSONValue {
    guard bytes.starts(with: magic) else { throw malformed("it does not begin with the four bytes of its form") }
    var envelope = ProtobufFields(bytes[magic.count...])
    var name = KindName(group: "", version: "", kind: "")
    var raw: ArraySlice<UInt8> = []
    while let field = try envelope.next() {
      switch field.number {
      case 1: name = try typeMeta(field.bytes())
      case 2: raw = try field.bytes()
      case 3:
        guard try field.bytes().isEmpty else { throw malformed("its content is encoded once more") }
      default: break
      }
    }
    guard let schema = schema(name) else {
      throw StatusError.badRequest(
        "no kind \(GoText.quoted(name.kind)) is registered for version \(GoText.quoted(name.apiVersion))")
    }
    var reader = ProtobufDocument()
    let object = try reader.object(raw, schema, depth: 0)
    let members = object.members.filter { $0.name != "kind" && $0.name != "apiVersion" }
    return .object([("kind", .string(name.kind)), ("apiVersion", .string(name.apiVersion))] + members)
  }

  static func malformed(_ reason: String) -> StatusError {
    StatusError.badRequest("the protobuf document cannot be read: \(reason)")
  }

  private static func typeMeta(_ bytes: ArraySlice<UInt8>) throws -> KindName {
    var fields = ProtobufFields(bytes)
    var (apiVersion, kind) = ("", "")
    while let field = try fields.next() {
      switch field.number {
      case 1: apiVersion = try field.text()
      case 2: kind = try field.text()
      default: break
      }
    }
    return KindName(apiVersion: apiVersion, kind: kind)
  }

  private mutating func count() throws {
    values += 1
    guard values <= Self.maxValues else { throw Self.malformed("it has more than \(Self.maxValues) values") }
  }

  private mutating func object(_ bytes: ArraySlice<UInt8>, _ schema: ObjectSchema, depth: Int) throws -> JSONValue {
    var members = Members()
    try fill(&members, bytes, ProtobufNumbers.message(of: schema), schema, depth: depth)
    return .object(members.list)
  }

  private mutating func fill(
    _ members: inout Members, _ bytes: ArraySlice<UInt8>, _ message: String, _ schema: ObjectSchema, depth: Int
  ) throws {
    guard depth < Self.maxDepth else { throw Self.malformed("it nests deeper than \(Self.maxDepth) levels") }
    let numbers = ProtobufNumbers.messages[message] ?? [:]
    var fields = ProtobufFields(bytes)
    while let field = try fields.next() {
      try count()
      // What this version does not know is passed over, as every reader of protobuf does.
      switch numbers[field.number] {
      case nil: continue
      case .inline(let inner): try fill(&members, try field.bytes(), inner, schema, depth: depth + 1)
      case .field(let name, let keepsZero):
        guard let declared = schema.field(name) else { continue }
        switch declared.schema {
        case .list(let item, _):
          members.append(try value(field, item, depth: depth + 1), to: name)
        case .map(let item, _):
          let (key, value) = try entry(try field.bytes(), item, depth: depth + 1)
          members.set(value, for: key, in: name)
        case let single:
          let value = try value(field, single, depth: depth + 1)
          if keepsZero || !Self.saysNothing(value) { members.set(value, for: name) }
        }
      }
    }
  }

  /// A zero of a field that has no way to be left out.
  private static func saysNothing(_ value: JSONValue) -> Bool {
    switch value {
    case .string(""), .integer(0), .bool(false), .null: true
    default: false
    }
  }

  private mutating func entry(
    _ bytes: ArraySlice<UInt8>, _ schema: Schema, depth: Int
  ) throws -> (key: String, value: JSONValue) {
    var fields = ProtobufFields(bytes)
    var key = ""
    var found: JSONValue?
    while let field = try fields.next() {
      switch field.number {
      case 1: key = try field.text()
      case 2: found = try value(field, schema, depth: depth)
      default: break
      }
    }
    return (key, found ?? empty(schema))
  }

  /// What an entry without a value holds.
  private func empty(_ schema: Schema) -> JSONValue {
    switch schema {
    case .list: .array([])
    case .map, .object: .object([])
    case .boolean: false
    case .integer, .number: 0
    default: ""
    }
  }

  private mutating func value(_ field: ProtobufFields.Field, _ schema: Schema, depth: Int) throws -> JSONValue {
    try count()
    guard depth < Self.maxDepth else { throw Self.malformed("it nests deeper than \(Self.maxDepth) levels") }
    switch schema {
    case .string: return .string(try field.text())
    case .boolean: return .bool(try field.varint() != 0)
    case .integer: return .integer(Int64(bitPattern: try field.varint()))
    case .number: return .double(Double(bitPattern: try field.fixed64()))
    case .quantity: return .string(try Self.only(1, of: try field.bytes())?.text() ?? "0")
    case .intOrString: return try Self.intOrString(try field.bytes())
    case .time, .microTime: return try Self.moment(try field.bytes(), schema)
    case .base64: return .string(Data(try field.bytes()).base64EncodedString())
    case .anything: return try Self.anything(try field.bytes())
    case .object(let schema): return try object(try field.bytes(), schema, depth: depth)
    // A list or a map within one is a message with it as its only field.
    case .list(let item, _):
      var items: [JSONValue] = []
      var fields = ProtobufFields(try field.bytes())
      while let inner = try fields.next() {
        if inner.number == 1 { items.append(try value(inner, item, depth: depth + 1)) }
      }
      return .array(items)
    case .map: throw Self.malformed("it holds a map within a map")
    }
  }

  private static func only(_ number: UInt64, of bytes: ArraySlice<UInt8>) throws -> ProtobufFields.Field? {
    var fields = ProtobufFields(bytes)
    var found: ProtobufFields.Field?
    while let field = try fields.next() { if field.number == number { found = field } }
    return found
  }

  private static func intOrString(_ bytes: ArraySlice<UInt8>) throws -> JSONValue {
    let isText = try only(1, of: bytes)?.varint() == 1
    if isText { return .string(try only(3, of: bytes)?.text() ?? "") }
    return .integer(Int64(bitPattern: try only(2, of: bytes)?.varint() ?? 0))
  }

  /// No moment where the message is empty.
  private static func moment(_ bytes: ArraySlice<UInt8>, _ schema: Schema) throws -> JSONValue {
    guard !bytes.isEmpty else { return .null }
    let seconds = Int64(bitPattern: try only(1, of: bytes)?.varint() ?? 0)
    let nanoseconds = Int64(bitPattern: try only(2, of: bytes)?.varint() ?? 0)
    guard (0..<1_000_000_000).contains(nanoseconds), (-62_135_596_800...253_402_300_799).contains(seconds) else {
      throw malformed("a moment in it is out of range")
    }
    let time = Timestamp(seconds: seconds, nanoseconds: Int32(nanoseconds))
    if case .microTime = schema { return .string(time.microText) }
    return .string(time.text)
  }

  /// JSON in a message with one field.
  private static func anything(_ bytes: ArraySlice<UInt8>) throws -> JSONValue {
    guard let raw = try only(1, of: bytes)?.bytes(), !raw.isEmpty else { return .null }
    do {
      return try JSONParser.parse(Array(raw))
    } catch let refusal as HTTPRefusal { throw malformed(refusal.message) }
  }

  /// An object on the way: found by name, kept in order.
  private struct Members {
    private(set) var list: [(name: String, value: JSONValue)] = []
    private var places: [String: Int] = [:]
    /// Keys of maps, by the map's place.
    private var keys: [Int: [String: Int]] = [:]

    mutating func set(_ value: JSONValue, for name: String) { list[place(name, .null)].value = value }

    mutating func append(_ value: JSONValue, to name: String) {
      let place = place(name, .array([]))
      guard case .array(var items) = list[place].value else { return }
      list[place].value = .null
      items.append(value)
      list[place].value = .array(items)
    }

    /// The last one of a key counts.
    mutating func set(_ value: JSONValue, for key: String, in name: String) {
      let place = place(name, .object([]))
      guard case .object(var members) = list[place].value else { return }
      list[place].value = .null
      if let index = keys[place]?[key] {
        members[index].value = value
      } else {
        keys[place, default: [:]][key] = members.count
        members.append((key, value))
      }
      list[place].value = .object(members)
    }

    private mutating func place(_ name: String, _ fresh: JSONValue) -> Int {
      if let place = places[name] { return place }
      places[name] = list.count
      list.append((name, fresh))
      return list.count - 1
    }
  }
}
