import HTTPServing

extension ObjectService {
  /// What became of an object that was to be deleted.
  public enum Deletion: Sendable {
    /// It is gone; `uid` was its.
    case gone(name: String, uid: String)
    /// It waits: for its grace period or for those whose finalizers it has.
    case waits(document: [UInt8])
  }

  /// Deletes an object, or marks it for deletion where somebody has to do something first.
  /// Throws `StatusError`: 404, 409.
  public func delete(
    _ kind: Kind, in namespace: String, _ name: String, _ options: DeleteOptions, at now: Timestamp
  ) async throws -> Deletion {
    try await translating(kind, name) {
      for attempt in 1... {
        let stored = try await stored(kind, namespace, name)
        do {
          return try await delete(kind, stored, options, at: now)
        } catch StorageError.changed where options.resourceVersion == nil && attempt < Self.maxTries {
          continue
        }
      }
      preconditionFailure("an endless loop has ended")
    }
  }

  private func delete(
    _ kind: Kind, _ stored: StoredObject, _ options: DeleteOptions, at now: Timestamp
  ) async throws -> Deletion {
    let old = try stored.value()
    try Self.checkPreconditions(kind, old.meta, options)
    var object = old
    var meta = old.meta
    // A second deletion that says nothing leaves what the first has said.
    let usual = meta.deletionTimestamp == nil ? kind.rules.propagation : nil
    meta.finalizers = Self.finalizers(meta.finalizers, options.propagation ?? usual)
    let grace = kind.rules.graceSeconds(old, options.gracePeriodSeconds)
    let mustWait = !meta.finalizers.isEmpty || grace > 0 || kind.rules.holdsBack(old)
    if mustWait {
      if meta.deletionTimestamp == nil {
        meta.deletionTimestamp = now.adding(seconds: grace).text
        meta.deletionGracePeriodSeconds = grace
        if meta.generation > 0 { meta.generation += 1 }
      } else if grace < meta.deletionGracePeriodSeconds ?? 0 {
        // A second deletion can only make it sooner.
        meta.deletionTimestamp = now.adding(seconds: grace).text
        meta.deletionGracePeriodSeconds = grace
      }
    }
    object.meta = meta
    if mustWait { kind.rules.beginDeletion(&object) }
    if mustWait, object.means(old) { return .waits(document: stored.document) }
    if options.isDryRun {
      return mustWait ? .waits(document: object.encoded()) : .gone(name: meta.name, uid: meta.uid)
    }
    guard mustWait else {
      _ = try await store.write(stored.key, .delete(draft(kind, object), expecting: stored.revision))
      return .gone(name: meta.name, uid: meta.uid)
    }
    let changed = try await store.write(stored.key, .update(draft(kind, object), expecting: stored.revision))
    return .waits(document: changed.document)
  }

  private static func checkPreconditions(_ kind: Kind, _ meta: ObjectMeta, _ options: DeleteOptions) throws {
    func refused(_ what: String, _ wanted: String, _ found: String) -> StatusError {
      // The kind stands here where other messages have the resource.
      var error = StatusError.conflict(
        ResourceName(group: kind.name.group, resource: kind.name.kind), meta.name,
        "the \(what) in the precondition (\(wanted)) does not match the \(what) in record (\(found))."
          + " The object might have been \(what == "UID" ? "deleted and then recreated" : "modified")")
      error.details = StatusError.Details(name: meta.name, group: kind.name.group, kind: kind.name.kind)
      return error
    }
    if let uid = options.uid, uid != meta.uid { throw refused("UID", uid, meta.uid) }
    if let revision = options.resourceVersion, revision != meta.resourceVersion {
      throw refused("ResourceVersion", revision, meta.resourceVersion)
    }
  }

  private static func finalizers(_ old: [String], _ propagation: DeleteOptions.Propagation?) -> [String] {
    guard let propagation else { return old }
    let others = old.filter { $0 != Finalizer.orphan && $0 != Finalizer.foreground }
    switch propagation {
    case .background: return others
    case .orphan: return others + [Finalizer.orphan]
    case .foreground: return others + [Finalizer.foreground]
    }
  }

  /// Deletes what a page of a list shows. Goes on where an object is gone meanwhile. Throws `StatusError`.
  public func delete(
    _ kind: Kind, shownBy page: Listing, _ options: DeleteOptions, at now: Timestamp
  ) async throws {
    for object in page.objects {
      do {
        _ = try await delete(kind, in: object.key.namespace, object.key.name, options, at: now)
      } catch let error as StatusError where error.code == 404 {
        continue
      }
    }
  }
}
