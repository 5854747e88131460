import HTTPServing

/// Keeps account of who sets which fields of the objects of a kind, and applies configurations by it.
///
/// A pure function of its arguments. Documents are whole objects; times are RFC 3339, whole seconds, UTC.
/// Source: Kubernetes *Server-Side Apply*.
public struct FieldManagement: Sendable {
  /// Who does not want to be asked applies under this name; its old client-side annotation is honoured.
  static let kubectl = "kubectl"
  private static let lastApplied = "kubectl.kubernetes.io/last-applied-configuration"
  /// Nobody owns what the server sets.
  private static let unowned = FieldSet(paths: [
    ["apiVersion"], ["kind"], ["metadata"], ["metadata", "name"], ["metadata", "namespace"],
    ["metadata", "creationTimestamp"], ["metadata", "selfLink"], ["metadata", "uid"], ["metadata", "clusterName"],
    ["metadata", "generation"], ["metadata", "managedFields"], ["metadata", "resourceVersion"],
  ])

  private let kind: KindName
  private let schema: ObjectSchema
  private let subresource: String
  private let ignored: FieldSet

  /// - Parameters:
  ///   - subresource: `status`, `scale`; empty for the object itself. The scale of an object is applied and updated as the
  ///     object's own `spec.replicas`.
  ///   - ignoring: fields that writes through this address do not change (`status`, for an object whose status has its
  ///     own address), with all below.
  public init(_ kind: KindName, _ schema: ObjectSchema, subresource: String = "", ignoring: [[String]] = []) {
    self.kind = kind
    self.schema = schema
    self.subresource = subresource
    ignored = FieldSet(paths: ignoring)
  }

  /// The manager of a request that names none: the product of its user agent, at most 128 bytes, printable.
  public static func manager(userAgent: String) -> String {
    var name = ""
    for scalar in userAgent.unicodeScalars {
      if scalar == "/" { break }
      if !GoText.isPrintable(scalar) { continue }
      if name.utf8.count + UTF8.width(scalar) > 128 { break }
      name.unicodeScalars.append(scalar)
    }
    return name
  }

  /// The new object with `metadata.managedFields` as they are after a create, an update or a patch.
  ///
  /// - Parameters:
  ///   - live: the stored object; nil where it is created.
  ///   - new: as it will be stored. Its own managed fields are taken where they can be read; an empty list, or one with an
  ///     empty entry, makes all fields nobody's.
  public func update(live: JSONValue?, new: JSONValue, manager: String, time: String) -> JSONValue {
    var managed = managedFields(live: live, new: new)
    var object = new
    object.setManagedFields(nil)
    if managed.isEmpty, live != nil { return object }
    let writer = ManagedFields.Manager(
      manager.isEmpty ? "unknown" : manager, .update, apiVersion: kind.apiVersion, subresource: subresource)
    track(live ?? .object([]), object, &managed, writer, time)
    managed.capUpdates()
    object.setManagedFields(managed.document)
    return object
  }

  private func managedFields(live: JSONValue?, new: JSONValue) -> ManagedFields {
    let stored = live?["metadata"]?["managedFields"]
    let sent = new["metadata"]?["managedFields"]
    if subresource.isEmpty, let sent, sent != .null {
      if sent.isArray, sent.items.isEmpty || sent.items == [.object([])] { return ManagedFields() }
      if let managed = ManagedFields(document: sent), !managed.isEmpty { return managed }
    }
    return ManagedFields(document: stored) ?? ManagedFields()
  }

  private func track(
    _ live: JSONValue, _ new: JSONValue, _ managed: inout ManagedFields, _ writer: ManagedFields.Manager, _ time: String
  ) {
    var old = live
    old.setManagedFields(nil)
    let changes = FieldComparison(old, new, .object(schema)).excluding(ignored)
    let changed = changes.added.union(changes.modified)
    managed.take(changed.union(changes.removed), fromAllBut: writer)
    let owned = managed[writer]
    let fields = (owned?.fields ?? FieldSet()).subtracting(changes.removed).union(changed)
    let kept = fields.subtracting(Self.unowned)
    let isChanged = !changed.subtracting(Self.unowned).isEmpty || kept != owned?.fields
    managed[writer] = ManagedFields.Entry(
      manager: writer, apiVersion: kind.apiVersion, time: isChanged ? time : owned?.time, fields: kept)
  }

  /// The object as it is after the configuration was applied, before defaulting. Throws `ApplyError`.
  ///
  /// - Parameters:
  ///   - live: the stored object; nil where the configuration creates it.
  ///   - isForced: takes the fields that others own.
  public func apply(
    live: JSONValue?, config: JSONValue, manager: String, isForced: Bool, time: String
  ) throws -> JSONValue {
    try check(config)
    var stored = live ?? .object([("apiVersion", .string(kind.apiVersion)), ("kind", .string(kind.kind))])
    guard var managed = ManagedFields(document: stored["metadata"]?["managedFields"]) else {
      throw ApplyError.invalid("failed to decode managed fields: an entry of metadata.managedFields cannot be read")
    }
    stored.setManagedFields(nil)
    if managed.isEmpty, live != nil {
      let before = ManagedFields.Manager(
        "before-first-apply", .update, apiVersion: kind.apiVersion, subresource: subresource)
      track(.object([]), stored, &managed, before, time)
    }
    let writer = ManagedFields.Manager(manager, .apply, apiVersion: kind.apiVersion, subresource: subresource)
    let application = Application(config, .object(schema), ignoring: ignored, by: writer)
    var (object, changes) = application.merge(stored, managed)
    let conflicts = isForced ? [] : application.conflicts(changes, managed)
    if !conflicts.isEmpty {
      let allowed = manager == Self.kubectl ? lastAppliedFields(stored) : FieldSet()
      let left = conflicts.filter { !allowed.contains($0.path) }
      guard left.isEmpty else {
        throw ApplyError.conflict(left.map { FieldConflict($0.manager, $0.path) }.sorted { $0.manager < $1.manager })
      }
    }
    let isChanged = live == nil || !object.means(stored)
    if !isChanged { object = stored }
    let before = managed[writer]
    managed.take(changes.added.union(changes.modified).union(changes.removed), fromAllBut: writer)
    let fields = application.fields.subtracting(Self.unowned)
    let isSame = !isChanged && before?.fields == fields
    managed[writer] = ManagedFields.Entry(
      manager: writer, apiVersion: kind.apiVersion, time: isSame ? before?.time : time, fields: fields)
    if manager == Self.kubectl { renewLastApplied(&object, config) }
    object.setManagedFields(managed.document)
    return object
  }

  func check(_ config: JSONValue) throws {
    guard config.isObject else { throw ApplyError.invalid("error decoding YAML: the configuration is no object") }
    guard config.apiVersion == kind.apiVersion, config.kind == kind.kind else {
      throw ApplyError.invalid("invalid object type: \(config.apiVersion), Kind=\(config.kind)")
    }
    if let sent = config["metadata"]?["managedFields"], sent != .null {
      throw ApplyError.invalid("metadata.managedFields must be nil")
    }
    let problems = ConfigurationCheck.problems(config, schema)
    guard problems.isEmpty else {
      let meta = config["metadata"]
      let name = "\(meta?["namespace"]?.text ?? "")/\(meta?["name"]?.text ?? "")"
      let text = problems.count == 1 ? problems[0] : "errors:\n  " + problems.joined(separator: "\n  ")
      throw ApplyError.invalid(
        "failed to create typed patch object (\(name); \(kind.apiVersion), Kind=\(kind.kind)): \(text)")
    }
  }

  /// What `kubectl apply` without the server's help has set, as far as the object still has it so.
  private func lastAppliedFields(_ stored: JSONValue) -> FieldSet {
    guard let text = stored["metadata"]?["annotations"]?[Self.lastApplied]?.text,
      let document = try? JSONParser.parse(Array(text.utf8)), document.apiVersion == kind.apiVersion,
      ConfigurationCheck.problems(document, schema).isEmpty
    else { return FieldSet() }
    let changes = FieldComparison(document, stored, .object(schema))
    return FieldSet(of: document, .object(schema)).subtracting(changes.modified).subtracting(changes.added)
      .subtracting(changes.removed)
  }

  /// A `kubectl apply` without the server's help finds what was applied with it.
  private func renewLastApplied(_ object: inout JSONValue, _ config: JSONValue) {
    guard let text = object["metadata"]?["annotations"]?[Self.lastApplied]?.text, !text.isEmpty else { return }
    var applied = config
    if applied["metadata"]?["annotations"] != nil { applied["metadata"]?["annotations"]?[Self.lastApplied] = nil }
    object["metadata"]?["annotations"]?[Self.lastApplied] = .string(applied.encodedText + "\n")
    let annotations = object["metadata"]?["annotations"]
    if !MetadataNames.annotationErrors(annotations, at: "").filter({ $0.reason == .tooLong }).isEmpty {
      object["metadata"]?["annotations"]?[Self.lastApplied] = nil
    }
  }
}

extension JSONValue {
  /// Nil removes them.
  mutating func setManagedFields(_ fields: JSONValue?) {
    guard fields != nil || self["metadata"]?["managedFields"] != nil else { return }
    self["metadata"]?["managedFields"] = fields
  }
}
