import HTTPServing

extension ObjectService {
  /// Changes an object as the server itself does, past the rules on what clients may change: binds a pod, ends a namespace. What the
  /// function throws refuses it; it runs again where others were quicker. The object's metadata other than labels, annotations,
  /// finalizers and owners stay.
  ///
  /// An object that waits for its deletion goes with its last finalizer. Throws `StatusError` (404, 409), and what `make` throws.
  public func amend(
    _ kind: Kind, in namespace: String, _ name: String, _ options: WriteOptions, at now: Timestamp,
    _ make: @Sendable (_ object: JSONValue) throws -> JSONValue
  ) async throws -> WriteResult {
    try await translating(kind, name) {
      for attempt in 1... {
        let stored = try await stored(kind, namespace, name)
        let old = try stored.value()
        var object = try make(old)
        object.meta = Self.kept(object.meta, old.meta)
        if object.means(old) { return WriteResult(document: stored.document, warnings: [], isCreated: false) }
        object = kind.tracked(object, old: old, .whole, options, at: now)
        if options.isDryRun { return WriteResult(document: object.encoded(), warnings: [], isCreated: false) }
        do {
          let made = try await store.write(stored.key, write(kind, object, stored))
          return WriteResult(document: made.document, warnings: [], isCreated: false)
        } catch StorageError.changed where attempt < Self.maxTries {
          continue
        }
      }
      preconditionFailure("an endless loop has ended")
    }
  }

  private static func kept(_ new: ObjectMeta, _ old: ObjectMeta) -> ObjectMeta {
    var meta = old
    for name in ["labels", "annotations", "finalizers", "ownerReferences"] { meta.document[name] = new.document[name] }
    return meta
  }
}
