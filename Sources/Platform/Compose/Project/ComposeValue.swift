/// A document in canonical form: every short form written out, every value of its type, members sorted by name.
///
/// It is what `compose config` prints and what hashes of services are made of.
public indirect enum ComposeValue: Sendable, Hashable {
  case null
  case bool(Bool)
  /// The digits as JSON (RFC 8259) writes them.
  case number(String)
  case string(String)
  case list([ComposeValue])
  case map([String: ComposeValue])

  public static func int(_ value: some BinaryInteger) -> ComposeValue { .number(String(value)) }

  /// A member of a map; nil where there is none, and for anything that is no map.
  public subscript(name: String) -> ComposeValue? {
    if case .map(let members) = self { members[name] } else { nil }
  }

  public var string: String? { if case .string(let text) = self { text } else { nil } }
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  public var int: Int64? { if case .number(let digits) = self { Int64(digits) } else { nil } }
  public var items: [ComposeValue] { if case .list(let values) = self { values } else { [] } }
  public var members: [String: ComposeValue] { if case .map(let values) = self { values } else { [:] } }
}
