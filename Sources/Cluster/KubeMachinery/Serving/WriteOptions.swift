import HTTPServing

/// What a client may say about a change. Source: Kubernetes `meta/v1.CreateOptions`, `UpdateOptions`, `PatchOptions`.
public struct WriteOptions: Sendable {
  /// What is done about fields that the kind does not have, and about names that are there twice.
  public enum FieldValidation: String, Sendable {
    case ignore = "Ignore"
    case warn = "Warn"
    case strict = "Strict"
  }

  public static let maxFieldManagerBytes = 128

  public var isDryRun = false
  /// Who is noted as the owner of the fields.
  public var fieldManager = ""
  public var fieldValidation = FieldValidation.warn
  /// Server-side apply takes over fields that belong to others.
  public var isForced = false
  /// Asked before a change is written, with the object as it would be and as it was (nil: it is new). What it throws refuses the
  /// change: rules that depend on who asks, or on other objects.
  public var admit: (@Sendable (_ object: JSONValue, _ old: JSONValue?) throws -> Void)?

  public init() {}

  /// From a query's parameters.
  /// - Parameters:
  ///   - kind: `CreateOptions`, as error messages begin.
  ///   - userAgent: whose first word is the manager where none is named.
  /// - Throws: `StatusError` (422).
  public init(_ query: QueryParameters, kind: String, userAgent: String) throws {
    var errors: [FieldError] = []
    let dryRun = query.all("dryRun").filter { !$0.isEmpty }
    for value in dryRun where value != "All" {
      errors.append(
        FieldError(.notSupported, "dryRun", "Unsupported value: \(GoText.quoted(value)): supported values: \"All\""))
    }
    isDryRun = !dryRun.isEmpty
    let validation = query["fieldValidation"] ?? ""
    if let known = FieldValidation(rawValue: validation) {
      fieldValidation = known
    } else if !validation.isEmpty {
      errors.append(
        FieldError(
          .notSupported, "fieldValidation",
          "Unsupported value: \(GoText.quoted(validation)): supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""))
    }
    isForced = try ListOptions.flag(query, "force") ?? false
    let manager = query["fieldManager"] ?? ""
    errors += MetadataNames.fieldManagerErrors(manager)
    guard errors.isEmpty else {
      throw StatusError.invalid(KindName(group: "meta.k8s.io", version: "v1", kind: kind), "", errors)
    }
    // The client's own word where it gave one: server-side apply insists on that.
    fieldManager = manager
    agent = String(
      userAgent.prefix { $0 != "/" }.unicodeScalars.filter(GoText.isPrintable).prefix(Self.maxFieldManagerBytes))
  }

  /// The first word of the client's name.
  private var agent = ""

  /// Who is noted for changes that are not server-side apply.
  public var managerOrAgent: String { fieldManager.isEmpty ? (agent.isEmpty ? "unknown" : agent) : fieldManager }
}

/// What a client may say about a deletion. Source: Kubernetes `meta/v1.DeleteOptions`.
public struct DeleteOptions: Sendable {
  public enum Propagation: String, Sendable {
    /// What it owns stays and loses its owner.
    case orphan = "Orphan"
    /// What it owns goes afterwards.
    case background = "Background"
    /// What it owns goes first.
    case foreground = "Foreground"
  }

  /// No object waits longer for its end than this, whatever a client wishes.
  public static let longestGraceSeconds = Int64(Int32.max)

  public var gracePeriodSeconds: Int64?
  public var uid: String?
  public var resourceVersion: String?
  public var propagation: Propagation?
  public var isDryRun = false

  public init() {}

  /// From a query's parameters and a body, which wins where there is one. Throws `StatusError` (400, 422).
  public init(_ query: QueryParameters, body: JSONValue?) throws {
    var errors: [FieldError] = []
    func text(_ name: String) -> String? { body.map { $0[name]?.text } ?? query[name] }
    var dryRun = query.all("dryRun")
    if let body {
      if !body.kind.isEmpty, body.kind != "DeleteOptions" {
        throw StatusError.badRequest("expected a DeleteOptions, the body is of the kind \(body.kind)")
      }
      gracePeriodSeconds = body["gracePeriodSeconds"]?.integer
      uid = body.at("preconditions", "uid")?.text
      resourceVersion = body.at("preconditions", "resourceVersion")?.text
      dryRun = body["dryRun"]?.items.compactMap(\.text) ?? []
    } else if let text = query["gracePeriodSeconds"], !text.isEmpty {
      guard let seconds = Int64(text) else {
        throw StatusError.badRequest("strconv.ParseInt: parsing \(GoText.quoted(text)): invalid syntax")
      }
      gracePeriodSeconds = seconds
    }
    gracePeriodSeconds = gracePeriodSeconds.map { min($0, Self.longestGraceSeconds) }
    let policy = text("propagationPolicy") ?? ""
    propagation = Propagation(rawValue: policy)
    if !policy.isEmpty, propagation == nil {
      errors.append(
        FieldError(
          .notSupported, "propagationPolicy",
          "Unsupported value: \(GoText.quoted(policy)): supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\""
        ))
    }
    let orphans =
      body.map { $0["orphanDependents"]?.flag } ?? ((try? ListOptions.flag(query, "orphanDependents")) ?? nil)
    if let orphans {
      if propagation != nil {
        errors.append(
          FieldError(
            .invalid, "propagationPolicy",
            "Invalid value: \(GoText.quoted(policy)): orphanDependents and deletionPropagation cannot be both set"))
      }
      propagation = orphans ? .orphan : .background
    }
    for value in dryRun where !value.isEmpty && value != "All" {
      errors.append(
        FieldError(.notSupported, "dryRun", "Unsupported value: \(GoText.quoted(value)): supported values: \"All\""))
    }
    isDryRun = dryRun.contains("All")
    guard errors.isEmpty else {
      throw StatusError.invalid(KindName(group: "meta.k8s.io", version: "v1", kind: "DeleteOptions"), "", errors)
    }
  }
}
