import HTTPServing

/// A failure as clients get it: a `Status` document with its HTTP status.
/// Source: Kubernetes `meta/v1.Status`; messages as a server of version 1.36 was seen to write them.
public struct StatusError: Error, Sendable, Equatable {
  /// One reason among several, for one field.
  public struct Cause: Sendable, Equatable {
    public let reason: String
    public let message: String
    public let field: String

    public init(reason: String, message: String, field: String = "") {
      self.reason = reason
      self.message = message
      self.field = field
    }
  }

  /// What the failure is about.
  public struct Details: Sendable, Equatable {
    public var name = ""
    public var group = ""
    /// The plural of the resource, or the kind where an object is invalid.
    public var kind = ""
    public var uid = ""
    public var causes: [Cause] = []
    public var retryAfterSeconds = 0

    public init(
      name: String = "", group: String = "", kind: String = "", uid: String = "", causes: [Cause] = [],
      retryAfterSeconds: Int = 0
    ) {
      self.name = name
      self.group = group
      self.kind = kind
      self.uid = uid
      self.causes = causes
      self.retryAfterSeconds = retryAfterSeconds
    }
  }

  /// Of HTTP.
  public let code: Int
  /// `NotFound`; empty where there is no word for it.
  public let reason: String
  public let message: String
  public var details: Details?
  /// Where a list is too old: a token to go on with nevertheless.
  public var continueToken: String?

  public init(_ code: Int, _ reason: String, _ message: String, details: Details? = nil) {
    self.code = code
    self.reason = reason
    self.message = message
    self.details = details
  }

  /// The `Status` document.
  public var document: JSONValue {
    var metadata: JSONValue = [:]
    if let continueToken { metadata["continue"] = .string(continueToken) }
    var status: JSONValue = [
      "kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": "Failure", "message": .string(message),
    ]
    if !reason.isEmpty { status["reason"] = .string(reason) }
    if let details { status["details"] = details.document }
    status["code"] = .integer(Int64(code))
    return status
  }
}

extension StatusError.Details {
  /// Members that say nothing are left out.
  public var document: JSONValue {
    var document: JSONValue = [:]
    func add(_ name: String, _ text: String) { if !text.isEmpty { document[name] = .string(text) } }
    add("name", name)
    add("group", group)
    add("kind", kind)
    add("uid", uid)
    if !causes.isEmpty {
      document["causes"] = .array(
        causes.map { cause in
          var item: JSONValue = ["reason": .string(cause.reason), "message": .string(cause.message)]
          if !cause.field.isEmpty { item["field"] = .string(cause.field) }
          return item
        })
    }
    if retryAfterSeconds > 0 { document["retryAfterSeconds"] = .integer(Int64(retryAfterSeconds)) }
    return document
  }
}

extension StatusError {
  private static func details(_ resource: ResourceName, _ name: String = "") -> Details {
    Details(name: name, group: resource.group, kind: resource.resource)
  }

  public static func notFound(_ resource: ResourceName, _ name: String) -> StatusError {
    StatusError(404, "NotFound", "\(resource) \"\(name)\" not found", details: details(resource, name))
  }

  public static func alreadyExists(_ resource: ResourceName, _ name: String, wasGenerated: Bool = false) -> StatusError
  {
    let generated =
      wasGenerated ? ", the server was not able to generate a unique name for the object" : ""
    return StatusError(
      409, "AlreadyExists", "\(resource) \"\(name)\" already exists\(generated)", details: details(resource, name))
  }

  /// `reason`: the whole sentence after the name.
  public static func conflict(_ resource: ResourceName, _ name: String, _ reason: String) -> StatusError {
    StatusError(
      409, "Conflict", "Operation cannot be fulfilled on \(resource) \"\(name)\": \(reason)",
      details: details(resource, name))
  }

  public static func modified(_ resource: ResourceName, _ name: String) -> StatusError {
    conflict(
      resource, name,
      "the object has been modified; please apply your changes to the latest version and try again")
  }

  /// `kind`: with its group (`Deployment.apps`), as messages begin.
  public static func invalid(_ kind: KindName, _ name: String, _ errors: [FieldError]) -> StatusError {
    let qualified = kind.group.isEmpty ? kind.kind : "\(kind.kind).\(kind.group)"
    // What several rules say in the same words is said once.
    var seen: Set<String> = []
    let texts = errors.map(\.text).filter { seen.insert($0).inserted }
    let list = texts.count == 1 ? texts[0] : "[\(texts.joined(separator: ", "))]"
    return StatusError(
      422, "Invalid", "\(qualified) \"\(name)\" is invalid: \(list)",
      details: Details(
        name: name, group: kind.group, kind: kind.kind,
        causes: errors.map { Cause(reason: $0.reason.rawValue, message: $0.message, field: $0.path) }))
  }

  public static func badRequest(_ message: String) -> StatusError { StatusError(400, "BadRequest", message) }

  public static func forbidden(_ resource: ResourceName, _ name: String, _ reason: String) -> StatusError {
    let subject = name.isEmpty ? resource.description : "\(resource) \"\(name)\""
    return StatusError(403, "Forbidden", "\(subject) is forbidden: \(reason)", details: details(resource, name))
  }

  public static let methodNotAllowed = StatusError(
    405, "MethodNotAllowed", "the server does not allow this method on the requested resource", details: Details())

  /// The resource is served, but not with this verb or form yet.
  public static func notImplemented(_ what: String) -> StatusError {
    StatusError(501, "NotImplemented", "this server does not implement \(what)")
  }

  public static func tooLarge(_ message: String) -> StatusError {
    StatusError(413, "RequestEntityTooLarge", message)
  }

  public static let tooManyRequests = StatusError(
    429, "TooManyRequests", "the server has received too many requests and has asked us to try again later",
    details: Details(retryAfterSeconds: 1))

  public static func expired(_ message: String) -> StatusError { StatusError(410, "Expired", message) }

  public static func revisionAhead(_ requested: Int64, current: Int64) -> StatusError {
    StatusError(
      504, "Timeout", "Timeout: Too large resource version: \(requested), current: \(current)",
      details: Details(
        causes: [Cause(reason: "ResourceVersionTooLarge", message: "Too large resource version")],
        retryAfterSeconds: 1))
  }

  /// What the store's refusals mean for one object.
  init(_ error: StorageError, _ resource: ResourceName, _ name: String) {
    switch error {
    case .alreadyExists: self = .alreadyExists(resource, name)
    case .notFound: self = .notFound(resource, name)
    case .changed: self = .modified(resource, name)
    case .expired: self = .expired("The resourceVersion for the provided list is too old.")
    case .revisionAhead(let requested, let current): self = .revisionAhead(requested, current: current)
    case .overloaded: self = .tooManyRequests
    case .tooLarge(let size, let limit):
      self = .tooLarge("request is too large: the object has \(size) bytes, at most \(limit) are stored")
    }
  }
}
