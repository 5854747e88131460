import HTTPServing

/// What a value in a kind's document may be.
///
/// One declaration drives OpenAPI, defaulting, structural validation, pruning of unknown fields and every kind of merge.
/// Sources: Kubernetes API conventions; OpenAPI extensions `x-kubernetes-list-type`, `x-kubernetes-map-type`.
public indirect enum Schema: Sendable {
  /// `allowed`: the only values, where not empty.
  case string(format: String? = nil, allowed: [String] = [])
  case boolean
  /// `bits`: 32 or 64.
  case integer(bits: Int)
  case number
  /// `resource.Quantity`: a string, numbers are taken too.
  case quantity
  case intOrString
  /// RFC 3339, whole seconds; UTC.
  case time
  /// RFC 3339 with microseconds.
  case microTime
  /// A string of base64.
  case base64
  /// Any JSON, kept as it is.
  case anything
  case object(ObjectSchema)
  /// Names of the client's choice to values of one form. Atomic: replaced as a whole by server-side apply.
  case map(Schema, isAtomic: Bool = false)
  case list(Schema, ListForm)
}

extension Schema {
  /// The object that a value, or what a list or a map holds, is.
  var inner: ObjectSchema? {
    switch self {
    case .object(let schema): schema
    case .map(let schema, _), .list(let schema, _): schema.inner
    default: nil
    }
  }

  /// A string with a few values only, or a list or map of such.
  var isEnumeration: Bool {
    switch self {
    case .string(_, let allowed): !allowed.isEmpty
    case .map(let schema, _), .list(let schema, _): schema.isEnumeration
    default: false
    }
  }
}

/// How server-side apply merges a list, and what has to be unique in it.
public enum ListForm: Sendable, Equatable {
  case atomic
  case set
  case map(keys: [String])
}

/// An object with declared fields, shared by all kinds that hold it.
public final class ObjectSchema: Sendable {
  /// The name in OpenAPI's definitions: `io.k8s.api.core.v1.PodSpec`.
  public let name: String
  public let summary: String
  public let fields: [Field]
  /// Replaced as a whole by server-side apply.
  public let isAtomic: Bool
  private let index: [String: Int]
  /// Whether a field here or below has a default; walks pass by what has none.
  let holdsDefaults: Bool
  /// Whether a field here or below must be there or has a few values only.
  let holdsChecks: Bool

  public init(_ name: String, _ summary: String, isAtomic: Bool = false, fields: [Field]) {
    self.name = name
    self.summary = summary
    self.isAtomic = isAtomic
    self.fields = fields
    holdsDefaults = fields.contains { $0.defaultValue != nil || $0.schema.inner?.holdsDefaults == true }
    holdsChecks = fields.contains {
      $0.isRequired || $0.schema.isEnumeration || $0.schema.inner?.holdsChecks == true
    }
    index = Dictionary(uniqueKeysWithValues: fields.enumerated().map { ($1.name, $0) })
  }

  public func field(_ name: some StringProtocol) -> Field? {
    index[String(name)].map { fields[$0] }
  }
}

/// A field of an object.
public struct Field: Sendable {
  public let name: String
  public let summary: String
  public let schema: Schema
  /// Whether OpenAPI says so. Validation refuses a missing or empty string, list or object unless `allowsEmpty`; whether 0 is
  /// a value, the kind's own rules know.
  public let isRequired: Bool
  /// OpenAPI calls it required, yet an empty value does no harm.
  public let allowsEmpty: Bool
  /// Set where the client says nothing.
  public let defaultValue: JSONValue?
  /// What strategic merge patch does with it; nil: replaces it (objects are always merged).
  public let merge: MergeRule?

  public init(
    _ name: String, _ schema: Schema, _ summary: String, isRequired: Bool = false,
    allowsEmpty: Bool = false, default defaultValue: JSONValue? = nil, merge: MergeRule? = nil
  ) {
    self.name = name
    self.summary = summary
    self.schema = schema
    self.isRequired = isRequired
    self.allowsEmpty = allowsEmpty
    self.defaultValue = defaultValue
    self.merge = merge
  }
}

/// `patchStrategy` and `patchMergeKey` of a field.
/// Source: Kubernetes API conventions, *Strategic merge patch*.
public struct MergeRule: Sendable, Equatable {
  /// The items of a list are merged: by the value of this key, or as a set of plain values where nil.
  public let key: String?
  public let mergesItems: Bool
  /// Members that the patch does not name in `$retainKeys` are dropped.
  public let retainsKeys: Bool

  public init(key: String? = nil, mergesItems: Bool = true, retainsKeys: Bool = false) {
    self.key = key
    self.mergesItems = mergesItems
    self.retainsKeys = retainsKeys
  }
}
