import HTTPServing

extension ObjectService {
  /// Makes an object. Throws `StatusError`: 400, 403, 404 (namespace), 409, 413, 422.
  public func create(
    _ kind: Kind, in namespace: String, _ body: JSONValue, _ options: WriteOptions, at now: Timestamp
  ) async throws -> WriteResult {
    var warnings: [String] = []
    let sent = try kind.accept(body, options.fieldValidation, &warnings)
    return try await create(kind, in: namespace, sent, options, warnings, isTracked: false, at: now)
  }

  /// The same of an object that is in its form already. `isTracked`: its managed fields are what they shall be.
  func create(
    _ kind: Kind, in namespace: String, _ sent: JSONValue, _ options: WriteOptions, _ warnings: [String],
    isTracked: Bool, at now: Timestamp
  ) async throws -> WriteResult {
    try Self.checkNamespace(kind, sent.meta.namespace, namespace)
    try await checkNamespaceIsOpen(kind, namespace, sent.meta.name)
    return try await completing(kind) {
      try await make(kind, in: namespace, sent, options, warnings, isTracked: isTracked, at: now)
    }
  }

  private func make(
    _ kind: Kind, in namespace: String, _ sent: JSONValue, _ options: WriteOptions, _ warnings: [String],
    isTracked: Bool, at now: Timestamp
  ) async throws -> WriteResult {
    var warnings = warnings
    for attempt in 1... {
      var object = sent
      let isGenerated = object.meta.name.isEmpty && !object.meta.generateName.isEmpty
      try prepare(kind, &object, namespace, at: now)
      if !isTracked { object = kind.tracked(object, old: nil, .whole, options, at: now) }
      for step in admission { try await step.complete(&object, of: kind, in: store) }
      let name = object.meta.name
      warnings += attempt == 1 ? kind.rules.warnings(object) : []
      let errors = try await complete(kind, &object, old: nil) + kind.createErrors(object)
      guard errors.isEmpty else { throw StatusError.invalid(kind.name, name, errors) }
      try options.admit?(object, nil)
      let draft = draft(kind, object)
      do {
        let place = key(kind, namespace, name)
        if options.isDryRun {
          if try await store.get(place) != nil { throw StorageError.alreadyExists }
          return WriteResult(document: object.encoded(), warnings: warnings, isCreated: true)
        }
        let made = try await store.write(place, .create(draft))
        return WriteResult(document: made.document, warnings: warnings, isCreated: true)
      } catch StorageError.alreadyExists {
        if isGenerated, attempt < Self.maxGeneratedNames { continue }
        throw StatusError.alreadyExists(kind.resource, name, wasGenerated: isGenerated)
      } catch let error as StorageError {
        throw StatusError(error, kind.resource, name)
      }
    }
    preconditionFailure("an endless loop has ended")
  }

  /// Puts what the server decides in place of what a client has sent.
  private func prepare(_ kind: Kind, _ object: inout JSONValue, _ namespace: String, at now: Timestamp) throws {
    var meta = object.meta
    if !meta.resourceVersion.isEmpty, meta.resourceVersion != "0" {
      throw StatusError(500, "", "resourceVersion should not be set on objects to be created")
    }
    if meta.name.isEmpty, !meta.generateName.isEmpty {
      var generator = SystemRandomNumberGenerator()
      meta.name = GeneratedName.make(base: meta.generateName, using: &generator)
    }
    meta.namespace = kind.isNamespaced ? namespace : ""
    meta.uid = Self.newUID()
    meta.resourceVersion = ""
    meta.creationTimestamp = now.text
    meta.deletionTimestamp = nil
    meta.deletionGracePeriodSeconds = nil
    meta.document["selfLink"] = nil
    object.meta = meta
    kind.prepareCreate(&object)
  }

  static func checkNamespace(_ kind: Kind, _ sent: String, _ namespace: String) throws {
    let expected = kind.isNamespaced ? namespace : ""
    guard sent.isEmpty || sent == expected else {
      throw StatusError.badRequest(
        "the namespace of the provided object does not match the namespace sent on the request")
    }
  }

  /// Nothing comes into a namespace that is not there or on its way out.
  private func checkNamespaceIsOpen(_ kind: Kind, _ namespace: String, _ name: String) async throws {
    guard kind.isNamespaced else { return }
    guard let found = try await store.get(ObjectKey(Self.namespaces, name: namespace)) else {
      throw StatusError.notFound(Self.namespaces, namespace)
    }
    guard found.attributes.fields["status.phase"] == "Terminating" else { return }
    var error = StatusError.forbidden(
      kind.resource, name, "unable to create new content in namespace \(namespace) because it is being terminated")
    error.details?.causes = [
      StatusError.Cause(
        reason: "NamespaceTerminating", message: "namespace \(namespace) is being terminated",
        field: "metadata.namespace")
    ]
    throw error
  }
}
