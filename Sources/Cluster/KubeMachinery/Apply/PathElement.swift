import HTTPServing

/// One step of a path to a field, as managed fields name it.
///
/// Source: Kubernetes `FieldsV1`: `f:NAME`, `k:{"KEY":VALUE}`, `v:VALUE`, `i:INDEX`.
public struct PathElement: Sendable, Hashable, Comparable {
  enum Kind: UInt8, Sendable {
    /// A member of an object.
    case field
    /// An item of a list, by its keys.
    case key
    /// An item of a set, by itself.
    case value
    case index
  }

  let kind: Kind
  /// A member's name, or canonical JSON text: what is the same has the same text.
  let text: String

  static func field(_ name: String) -> PathElement { PathElement(kind: .field, text: name) }

  /// `fields`: sorted by name.
  static func key(_ fields: [(name: String, value: JSONValue)]) -> PathElement {
    PathElement(kind: .key, text: JSONValue.object(fields.map { ($0.name, canonical($0.value)) }).encodedText)
  }

  static func value(_ value: JSONValue) -> PathElement {
    PathElement(kind: .value, text: canonical(value).encodedText)
  }

  private static func canonical(_ value: JSONValue) -> JSONValue {
    value.integer.map { .integer($0) } ?? value
  }

  public static func < (left: PathElement, right: PathElement) -> Bool {
    left.kind == right.kind ? left.text < right.text : left.kind.rawValue < right.kind.rawValue
  }

  /// As `FieldsV1` has it.
  var serialized: String {
    switch kind {
    case .field: "f:" + text
    case .key: "k:" + text
    case .value: "v:" + text
    case .index: "i:" + text
    }
  }

  /// Nil for what is no step of a path.
  init?(serialized: String) {
    let content = String(decoding: serialized.utf8.dropFirst(2), as: UTF8.self)
    switch serialized.utf8.prefix(2) {
    case let prefix where prefix.elementsEqual("f:".utf8): self = .field(content)
    case let prefix where prefix.elementsEqual("k:".utf8):
      guard case .object(let fields) = try? JSONParser.parse(Array(content.utf8)), !fields.isEmpty else { return nil }
      self = .key(fields.sorted { $0.name < $1.name })
    case let prefix where prefix.elementsEqual("v:".utf8):
      guard let value = try? JSONParser.parse(Array(content.utf8)) else { return nil }
      self = .value(value)
    case let prefix where prefix.elementsEqual("i:".utf8):
      guard Int(content) != nil else { return nil }
      self.init(kind: .index, text: content)
    default: return nil
    }
  }

  private init(kind: Kind, text: String) {
    self.kind = kind
    self.text = text
  }

  /// As messages have it: `.spec`, `[name="web"]`, `[="a"]`.
  var shown: String {
    switch kind {
    case .field: return "." + text
    case .value: return "[=\(text)]"
    case .index: return "[\(text)]"
    case .key:
      guard let fields = try? JSONParser.parse(Array(text.utf8)).members else { return "[\(text)]" }
      return "[" + fields.map { "\($0.name)=\($0.value.encodedText)" }.joined(separator: ",") + "]"
    }
  }
}
