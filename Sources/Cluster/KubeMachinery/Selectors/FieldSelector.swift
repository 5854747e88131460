/// A condition on a few fields of an object, by the query parameter `fieldSelector`.
///
/// Source: Kubernetes *Field Selectors*.
public struct FieldSelector: Sendable, Equatable, CustomStringConvertible {
  public struct Term: Sendable, Equatable {
    /// `metadata.name`, `status.phase`.
    public let field: String
    public let value: String
    /// Holds where the field has another value.
    public let isNegated: Bool
  }

  public static let maxTextBytes = 16 * 1024
  public static let maxTerms = 100
  public static let everything = FieldSelector(terms: [])
  /// The fields that every kind can be selected by.
  public static let commonFields = ["metadata.name", "metadata.namespace"]

  public let terms: [Term]

  private init(terms: [Term]) {
    self.terms = terms
  }

  /// `fields`: what the kind can be selected by besides its name and namespace; nil: anything. Throws `SelectorError`.
  public init(parsing text: String, fields: [String]? = []) throws {
    guard text.utf8.count <= Self.maxTextBytes else {
      throw SelectorError("the field selector is longer than \(Self.maxTextBytes) bytes")
    }
    let parts = Self.split(text).filter { !$0.isEmpty }.sorted { $0.lexicographicallyPrecedes($1) }
    guard parts.count <= Self.maxTerms else {
      throw SelectorError("the field selector has more than \(Self.maxTerms) terms")
    }
    terms = try parts.map { try Self.term($0, of: text, fields: fields) }
  }

  public var isEverything: Bool { terms.isEmpty }

  /// `value`: a field's value as text, empty where the object does not have it.
  public func matches(_ value: (_ field: String) -> String) -> Bool {
    terms.allSatisfy { term in
      value(term.field).utf8.elementsEqual(term.value.utf8) != term.isNegated
    }
  }

  /// The one value that `field` must have, where the selector says so.
  public func exactValue(of field: String) -> String? {
    terms.first { $0.field == field && !$0.isNegated }?.value
  }

  public var description: String {
    terms.map { "\($0.field)\($0.isNegated ? "!=" : "=")\(Self.escaped($0.value))" }.joined(separator: ",")
  }

  private static func escaped(_ value: String) -> String {
    value.reduce(into: "") { $0 += $1 == "\\" || $1 == "," || $1 == "=" ? "\\\($1)" : String($1) }
  }

  /// At commas that have no backslash before them.
  private static func split(_ text: String) -> [[UInt8]] {
    var parts: [[UInt8]] = [[]]
    var isEscaped = false
    for byte in text.utf8 {
      if !isEscaped, byte == UInt8(ascii: ",") {
        parts.append([])
        continue
      }
      isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
      parts[parts.count - 1].append(byte)
    }
    return parts
  }

  private static func term(_ part: [UInt8], of text: String, fields: [String]?) throws -> Term {
    let equals = UInt8(ascii: "=")
    guard let sign = part.firstIndex(of: equals) else {
      throw SelectorError(
        "invalid selector: '\(text)'; can't understand '\(String(decoding: part, as: UTF8.self))'")
    }
    let isNegated = sign > 0 && part[sign - 1] == UInt8(ascii: "!")
    let isDouble = !isNegated && sign + 1 < part.count && part[sign + 1] == equals
    let field = String(decoding: part[..<(isNegated ? sign - 1 : sign)], as: UTF8.self)
    let value = try unescaped(part[(sign + (isDouble ? 2 : 1))...])
    if let fields, !commonFields.contains(field), !fields.contains(field) {
      throw SelectorError(
        fields.isEmpty
          ? "\(GoText.quoted(field)) is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
          : "field label not supported: \(field)")
    }
    return Term(field: field, value: value, isNegated: isNegated)
  }

  private static func unescaped(_ raw: ArraySlice<UInt8>) throws -> String {
    let backslash = UInt8(ascii: "\\")
    let special: Set<UInt8> = [backslash, UInt8(ascii: ","), UInt8(ascii: "=")]
    var output: [UInt8] = []
    var isEscaped = false
    for byte in raw {
      if isEscaped, !special.contains(byte) {
        let sequence = String(decoding: [backslash, byte], as: UTF8.self)
        throw SelectorError("invalid field selector: invalid escape sequence: \(sequence)")
      }
      if !isEscaped, special.contains(byte), byte != backslash {
        throw SelectorError("invalid field selector: unescaped character in value: \(byte)")
      }
      if !isEscaped, byte == backslash {
        isEscaped = true
        continue
      }
      isEscaped = false
      output.append(byte)
    }
    if isEscaped { throw SelectorError("invalid field selector: invalid escape sequence: \\") }
    return String(decoding: output, as: UTF8.self)
  }
}
