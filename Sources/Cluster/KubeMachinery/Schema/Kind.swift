import HTTPServing

/// One kind of object as the API serves it: all that discovery, OpenAPI, defaulting, validation, merging, tables and
/// storage need to know.
public struct Kind: Sendable {
  /// Where the objects of a kind come from.
  public enum Origin: Sendable {
    /// They are written and kept.
    case store
    /// Each is a question that is answered at once and not kept.
    case question
    /// They are measured when they are asked for: one for each object of the core kind with the same plural.
    case measurement
  }

  public let name: KindName
  public let origin: Origin
  /// In the plural, as addresses say it.
  public let plural: String
  public let singular: String
  public let shortNames: [String]
  /// `all`: what `kubectl get all` shows.
  public let categories: [String]
  public let isNamespaced: Bool
  /// Sorted, as discovery lists them.
  public let verbs: [String]
  /// Sorted by name.
  public private(set) var subresources: [Subresource]
  public let schema: ObjectSchema
  public let table: PrinterTable
  /// What field selectors may name besides `metadata.name` and `metadata.namespace`.
  public let selectableFields: [SelectableField]
  /// Whether `metadata.generation` counts the changes of what is wanted.
  public let countsGenerations: Bool
  public let rules: KindRules

  public static let allVerbs = [
    "create", "delete", "deletecollection", "get", "list", "patch", "update", "watch",
  ]

  public init(
    _ name: KindName, origin: Origin = .store, plural: String, singular: String? = nil, shortNames: [String] = [],
    categories: [String] = [], isNamespaced: Bool = true, verbs: [String] = Kind.allVerbs,
    subresources: [Subresource] = [],
    schema: ObjectSchema, table: PrinterTable = .nameAndAge, selectableFields: [SelectableField] = [],
    countsGenerations: Bool = false, rules: KindRules
  ) {
    self.name = name
    self.origin = origin
    self.plural = plural
    self.singular = singular ?? name.kind.lowercased()
    self.shortNames = shortNames
    self.categories = categories
    self.isNamespaced = isNamespaced
    self.verbs = verbs
    self.subresources = subresources.sorted { $0.name < $1.name }
    self.schema = schema
    self.table = table
    self.selectableFields = selectableFields
    self.countsGenerations = countsGenerations
    self.rules = rules
  }

  /// As roles and error messages name it.
  public var resource: ResourceName { ResourceName(group: name.group, resource: plural) }

  /// `Deployment.apps`, `Pod`: how `… is invalid` begins.
  public var qualifiedKind: String { name.group.isEmpty ? name.kind : "\(name.kind).\(name.group)" }

  /// The kind of its lists.
  public var listKind: String { name.kind + "List" }

  public func subresource(_ name: some StringProtocol) -> Subresource? {
    subresources.first { $0.name == name }
  }

  /// The same kind with some of its subresources only.
  public func keeping(_ isKept: (Subresource) -> Bool) -> Kind {
    var kind = self
    kind.subresources = subresources.filter(isKept)
    return kind
  }

  /// Whether its status is written through an address of its own, and is thus not of the client's choice elsewhere.
  public var hasStatus: Bool { subresources.contains { $0.name == "status" } }

  /// The value of a field for field selectors, empty where the object does not have it; nil where the kind does not let
  /// it be selected by.
  public func selectableValue(_ field: String, of object: JSONValue) -> String? {
    switch field {
    case "metadata.name": object["metadata"]?["name"]?.text ?? ""
    case "metadata.namespace": isNamespaced ? object["metadata"]?["namespace"]?.text ?? "" : nil
    default: selectableFields.first { $0.name == field }?.value(object)
    }
  }
}

/// A field that field selectors may name.
public struct SelectableField: Sendable {
  /// `status.phase`.
  public let name: String
  /// Empty where the object does not have it.
  public let value: @Sendable (_ object: JSONValue) -> String

  public init(_ name: String, _ value: @escaping @Sendable (_ object: JSONValue) -> String) {
    self.name = name
    self.value = value
  }

  /// The text, flag or number that stands at the field's own path.
  public init(_ name: String, default missing: String = "") {
    let names = name.split(separator: ".").map(String.init)
    self.init(name) { object in
      switch object[path: names] {
      case .string(let text): text
      case .bool(let flag): String(flag)
      case .integer(let number): String(number)
      default: missing
      }
    }
  }
}
