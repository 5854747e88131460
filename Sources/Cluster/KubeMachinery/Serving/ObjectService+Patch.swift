import HTTPServing

/// How a patch is written, by its media type.
public enum PatchForm: String, Sendable, CaseIterable {
  /// RFC 6902.
  case json = "application/json-patch+json"
  /// RFC 7386.
  case merge = "application/merge-patch+json"
  case strategic = "application/strategic-merge-patch+json"
  case apply = "application/apply-patch+yaml"
}

extension ObjectService {
  /// Changes an object by a patch. Throws `StatusError`: 400, 404, 409, 413, 415, 422.
  public func patch(
    _ kind: Kind, in namespace: String, _ name: String, _ part: Part, _ form: PatchForm, _ patch: JSONValue,
    _ options: WriteOptions, at now: Timestamp
  ) async throws -> WriteResult {
    if form == .apply { return try await apply(kind, in: namespace, name, part, patch, options, at: now) }
    guard !options.isForced else {
      throw Self.invalidOptions(.forbidden("force", "may not be specified for non-apply patch"))
    }
    let isBound = !["", "0"].contains(patch.meta.resourceVersion)
    return try await change(
      kind, in: namespace, name, part, options, warnings: [], isBound: isBound, at: now
    ) { old, warnings in
      let patched = try Self.patched(kind, name, form, patch, old)
      let object = try kind.accept(patched, options.fieldValidation, &warnings)
      try Self.checkName(object.meta.name, name)
      try Self.checkNamespace(kind, object.meta.namespace, namespace)
      return object
    }
  }

  static func patched(
    _ kind: Kind, _ name: String, _ form: PatchForm, _ patch: JSONValue, _ old: JSONValue
  ) throws -> JSONValue {
    do {
      switch form {
      case .json: return try JSONPatch(patch).apply(to: old)
      case .merge: return try MergePatch.apply(patch, to: old)
      case .strategic, .apply: return try StrategicMergePatch(kind.schema).apply(patch, to: old)
      }
    } catch let error as PatchError {
      switch error.code {
      case .malformed: throw StatusError.badRequest(error.message)
      case .tooLarge: throw StatusError.tooLarge(error.message)
      case .unprocessable:
        // The text is the one that kubectl's users know; what is wrong stands in the causes.
        throw StatusError(
          422, "Invalid", "the server rejected our request due to an error in our request",
          details: StatusError.Details(
            name: name, group: kind.name.group, kind: kind.plural,
            causes: [StatusError.Cause(reason: "FieldValueInvalid", message: error.message)]))
      }
    }
  }

  private static func invalidOptions(_ error: FieldError) -> StatusError {
    .invalid(KindName(group: "meta.k8s.io", version: "v1", kind: "PatchOptions"), "", [error])
  }

  /// Server-side apply: makes the object where it is not there.
  private func apply(
    _ kind: Kind, in namespace: String, _ name: String, _ part: Part, _ config: JSONValue, _ options: WriteOptions,
    at now: Timestamp
  ) async throws -> WriteResult {
    guard !options.fieldManager.isEmpty else {
      throw Self.invalidOptions(.required("fieldManager", "is required for apply patch"))
    }
    var config = config
    if config.meta.name.isEmpty { config.meta.name = name }
    try Self.checkName(config.meta.name, name)
    try Self.checkNamespace(kind, config.meta.namespace, namespace)
    do {
      try kind.management(part).check(config)
    } catch let error as ApplyError {
      throw StatusError.badRequest(error.message)
    }
    var warnings: [String] = []
    // For its kind and version only: what is applied is what was sent.
    _ = try kind.accept(config, options.fieldValidation, &warnings)
    let place = key(kind, namespace, name)
    for _ in 0..<Self.maxTries {
      guard try await store.get(place) == nil else {
        return try await change(
          kind, in: namespace, name, part, options, warnings: warnings, isBound: !config.meta.resourceVersion.isEmpty,
          isTracked: true, at: now
        ) { old, _ in try applied(kind, part, config, old, options, at: now) }
      }
      guard part == .whole else { throw StatusError.notFound(kind.resource, name) }
      if !config.meta.uid.isEmpty || !["", "0"].contains(config.meta.resourceVersion) {
        throw StatusError.notFound(kind.resource, name)
      }
      do {
        let object = try applied(kind, part, config, nil, options, at: now)
        return try await create(kind, in: namespace, object, options, warnings, isTracked: true, at: now)
      } catch let error as StatusError where error.reason == "AlreadyExists" {
        continue
      }
    }
    throw StatusError.modified(kind.resource, name)
  }

  private func applied(
    _ kind: Kind, _ part: Part, _ config: JSONValue, _ old: JSONValue?, _ options: WriteOptions, at now: Timestamp
  ) throws -> JSONValue {
    do {
      let object = try kind.management(part).apply(
        live: old, config: config, manager: options.fieldManager, isForced: options.isForced, time: now.text)
      var warnings: [String] = []
      return try kind.accept(object, .ignore, &warnings)
    } catch ApplyError.conflict(let conflicts) {
      throw Self.conflict(conflicts)
    } catch let error as ApplyError {
      throw StatusError.badRequest(error.message)
    }
  }

  private static func conflict(_ conflicts: [FieldConflict]) -> StatusError {
    let error = ApplyError.conflict(conflicts)
    return StatusError(
      409, "Conflict", error.message,
      details: StatusError.Details(
        causes: conflicts.map {
          StatusError.Cause(reason: "FieldManagerConflict", message: $0.message, field: $0.path)
        }))
  }
}
