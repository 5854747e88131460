import HTTPServing

extension ObjectService {
  /// Which part of an object a change is about.
  public enum Part: Sendable, Equatable {
    case whole
    case status
    /// The number of replicas.
    case scale

    var subresource: String {
      switch self {
      case .whole: ""
      case .status: "status"
      case .scale: "scale"
      }
    }
  }

  /// Puts a whole object in the place of the one that is there. Throws `StatusError`: 400, 404, 409, 413, 422.
  public func update(
    _ kind: Kind, in namespace: String, _ name: String, _ part: Part, _ body: JSONValue, _ options: WriteOptions,
    at now: Timestamp
  ) async throws -> WriteResult {
    var warnings: [String] = []
    let sent = try kind.accept(body, options.fieldValidation, &warnings)
    try Self.checkName(sent.meta.name, name)
    try Self.checkNamespace(kind, sent.meta.namespace, namespace)
    let isBound = !["", "0"].contains(sent.meta.resourceVersion)
    return try await change(
      kind, in: namespace, name, part, options, warnings: warnings, isBound: isBound, at: now
    ) { _, _ in sent }
  }

  static func checkName(_ sent: String, _ name: String) throws {
    if sent.isEmpty {
      throw StatusError.badRequest(
        "the name of the object (\(name) based on URL) was undeterminable: name must be provided")
    }
    guard sent == name else {
      throw StatusError.badRequest("the name of the object (\(sent)) does not match the name on the URL (\(name))")
    }
  }

  /// Changes an object by a function of its old state, which runs again where others were quicker, unless the change `isBound` to a
  /// revision. `isTracked`: the function keeps the account of managed fields itself.
  func change(
    _ kind: Kind, in namespace: String, _ name: String, _ part: Part, _ options: WriteOptions, warnings: [String],
    isBound: Bool, isTracked: Bool = false, at now: Timestamp,
    _ make: (_ old: JSONValue, _ warnings: inout [String]) throws -> JSONValue
  ) async throws -> WriteResult {
    try await completing(kind) {
      try await changeWithin(
        kind, in: namespace, name, part, options, warnings: warnings, isBound: isBound, isTracked: isTracked, at: now,
        make)
    }
  }

  private func changeWithin(
    _ kind: Kind, in namespace: String, _ name: String, _ part: Part, _ options: WriteOptions, warnings: [String],
    isBound: Bool, isTracked: Bool, at now: Timestamp,
    _ make: (_ old: JSONValue, _ warnings: inout [String]) throws -> JSONValue
  ) async throws -> WriteResult {
    try await translating(kind, name) {
      for attempt in 1... {
        let stored = try await stored(kind, namespace, name)
        let old = try stored.value()
        var warnings = warnings
        var object = try make(old, &warnings)
        try prepare(kind, &object, old, part)
        if !isTracked { object = kind.tracked(object, old: old, part, options, at: now) }
        let missing = part == .whole ? try await complete(kind, &object, old: old) : []
        if object.means(old) { return WriteResult(document: stored.document, warnings: warnings, isCreated: false) }
        let errors =
          missing + (part == .status ? kind.statusUpdateErrors(object, old: old) : kind.updateErrors(object, old: old))
        guard errors.isEmpty else { throw StatusError.invalid(kind.name, name, errors) }
        if part == .whole { for step in admission { try await step.check(object, of: kind, in: store) } }
        try options.admit?(object, old)
        warnings += kind.rules.warnings(object)
        if options.isDryRun { return WriteResult(document: object.encoded(), warnings: warnings, isCreated: false) }
        do {
          let made = try await store.write(stored.key, write(kind, object, stored))
          return WriteResult(document: made.document, warnings: warnings, isCreated: false)
        } catch StorageError.changed where !isBound && attempt < Self.maxTries {
          continue
        }
      }
      preconditionFailure("an endless loop has ended")
    }
  }

  /// An object that waits for its deletion goes with its last finalizer.
  func write(_ kind: Kind, _ object: JSONValue, _ stored: StoredObject) -> ObjectWrite {
    let meta = object.meta
    let draft = draft(kind, object)
    let isOver =
      meta.deletionTimestamp != nil && meta.finalizers.isEmpty && (meta.deletionGracePeriodSeconds ?? 0) == 0
      && !kind.rules.holdsBack(object)
    return isOver ? .delete(draft, expecting: stored.revision) : .update(draft, expecting: stored.revision)
  }

  /// Puts back what a client cannot change.
  private func prepare(_ kind: Kind, _ object: inout JSONValue, _ old: JSONValue, _ part: Part) throws {
    let (oldMeta, sent) = (old.meta, object.meta)
    if !["", "0"].contains(sent.resourceVersion), sent.resourceVersion != oldMeta.resourceVersion {
      throw StatusError.modified(kind.resource, oldMeta.name)
    }
    if !sent.uid.isEmpty, sent.uid != oldMeta.uid {
      throw StatusError.conflict(
        kind.resource, oldMeta.name,
        "Precondition failed: UID in precondition: \(sent.uid), UID in object meta: \(oldMeta.uid)")
    }
    var meta = sent
    meta.resourceVersion = oldMeta.resourceVersion
    for name in Self.serversMembers { meta.document[name] = oldMeta.document[name] }
    meta.document["selfLink"] = nil
    object.meta = meta
    switch part {
    case .status: kind.prepareStatusUpdate(&object, old: old)
    case .whole, .scale: kind.prepareUpdate(&object, old: old)
    }
  }

  /// Members of the metadata that are not the client's to change; what he sends there is passed over.
  private static let serversMembers = [
    "uid", "namespace", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
  ]
}
