import HTTPServing

/// What a client may say about a list or a watch. Source: Kubernetes `meta/v1.ListOptions`; *Resource versions in metadata*.
public struct ListOptions: Sendable {
  public enum Match: String, Sendable {
    case exact = "Exact"
    case notOlderThan = "NotOlderThan"
  }

  public var labels = LabelSelector.everything
  public var fields = FieldSelector.everything
  /// Nil where it was not given.
  public var resourceVersion: Int64?
  public var match: Match?
  /// Nil: no bound.
  public var limit: Int?
  /// Of the documents that are read at once, at least one; nil: no bound. Not the client's to say.
  public var byteLimit: Int?
  public var continueToken: ContinueToken?
  public var isWatch = false
  public var allowsBookmarks = false
  public var sendsInitialEvents: Bool?
  public var timeoutSeconds: Int64?

  public init() {}

  /// From a query's parameters. Throws `StatusError` (400, 422).
  public init(_ query: QueryParameters, kind: Kind) throws {
    do {
      labels = try LabelSelector(parsing: query["labelSelector"] ?? "")
      fields = try FieldSelector(parsing: query["fieldSelector"] ?? "", fields: kind.selectableFields.map(\.name))
    } catch let error as SelectorError {
      throw StatusError.badRequest(error.message)
    }
    resourceVersion = try Self.revision(query["resourceVersion"])
    isWatch = try Self.flag(query, "watch") ?? false
    allowsBookmarks = try Self.flag(query, "allowWatchBookmarks") ?? false
    sendsInitialEvents = try Self.flag(query, "sendInitialEvents")
    timeoutSeconds = try Self.number(query, "timeoutSeconds")
    if let limit = try Self.number(query, "limit"), limit != 0 {
      guard limit > 0 else {
        throw Self.invalid([
          FieldError(.invalid, "limit", "Invalid value: \(limit): must be greater than or equal to 0")
        ])
      }
      self.limit = Int(clamping: limit)
    }
    if let text = query["continue"], !text.isEmpty { continueToken = try ContinueToken(parsing: text) }
    let match = query["resourceVersionMatch"] ?? ""
    self.match = Match(rawValue: match)
    guard match.isEmpty || self.match != nil else {
      throw Self.invalid([
        FieldError(
          .notSupported, "resourceVersionMatch",
          "Unsupported value: \(GoText.quoted(match)): supported values: \"Exact\", \"NotOlderThan\", \"\"")
      ])
    }
    let errors = isWatch ? watchErrors : listErrors
    guard errors.isEmpty else { throw Self.invalid(errors) }
    if continueToken != nil, let resourceVersion, resourceVersion != 0 {
      throw StatusError.badRequest("specifying resource version is not allowed when using continue")
    }
  }

  private var listErrors: [FieldError] {
    var errors: [FieldError] = []
    func forbid(_ field: String, _ reason: String) {
      errors.append(FieldError(.forbidden, field, "Forbidden: \(reason)"))
    }
    if let match {
      if resourceVersion == nil {
        forbid("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided")
      }
      if continueToken != nil {
        forbid("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided")
      }
      if match == .exact, resourceVersion == 0 {
        forbid("resourceVersionMatch", "resourceVersionMatch \"Exact\" is forbidden for resourceVersion \"0\"")
      }
    }
    if sendsInitialEvents != nil { forbid("sendInitialEvents", "sendInitialEvents is forbidden for list") }
    return errors
  }

  private var watchErrors: [FieldError] {
    var errors: [FieldError] = []
    func forbid(_ field: String, _ reason: String) {
      errors.append(FieldError(.forbidden, field, "Forbidden: \(reason)"))
    }
    if sendsInitialEvents == nil, match != nil {
      forbid("resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
    }
    if sendsInitialEvents != nil, match != .notOlderThan {
      forbid("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan")
    }
    return errors
  }

  private static func invalid(_ errors: [FieldError]) -> StatusError {
    .invalid(KindName(group: "meta.k8s.io", version: "v1", kind: "ListOptions"), "", errors)
  }

  /// A revision in a parameter; nil where it is not given or empty. Throws `StatusError` (400).
  public static func revision(_ text: String?) throws -> Int64? {
    guard let text, !text.isEmpty else { return nil }
    guard let number = Int64(text), number >= 0, !text.hasPrefix("+") else {
      let quoted = GoText.quoted(text)
      throw StatusError.badRequest(
        "invalid resource version: resourceVersion: Invalid value: \(quoted):"
          + " strconv.ParseUint: parsing \(quoted): invalid syntax")
    }
    return number
  }

  private static func number(_ query: QueryParameters, _ name: String) throws -> Int64? {
    guard let text = query[name], !text.isEmpty else { return nil }
    guard let number = Int64(text) else {
      throw StatusError.badRequest("strconv.ParseInt: parsing \(GoText.quoted(text)): invalid syntax")
    }
    return number
  }

  /// A parameter without a value, and any value but these, in whatever case, is a yes. Source: `conversion.Convert_Slice_string_To_bool`.
  static func flag(_ query: QueryParameters, _ name: String) throws -> Bool? {
    guard let text = query[name] else { return nil }
    return !["false", "0"].contains(text.lowercased())
  }

  /// Whether an object is wanted, by its place and what it is found by.
  var filter: (@Sendable (ObjectKey, ObjectAttributes) -> Bool)? {
    if labels.isEverything, fields.isEverything { return nil }
    let (labels, fields) = (labels, fields)
    return { key, attributes in
      labels.matches(attributes.labels)
        && fields.matches { field in
          switch field {
          case "metadata.name": key.name
          case "metadata.namespace": key.namespace
          default: attributes.fields[field] ?? ""
          }
        }
    }
  }
}
