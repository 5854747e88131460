import KubeMachinery

/// What the index must show before a controller looks at a key again: all that it changed itself the last time. Without that it
/// would miss its own pods and make them a second time.
struct Expectations {
  /// Changes of a resource up to this revision.
  private var revisions: [ResourceName: Int64] = [:]
  /// Objects with their uids that are deleted.
  private var gone: [ObjectKey: String] = [:]

  var isEmpty: Bool { revisions.isEmpty && gone.isEmpty }

  mutating func expect(_ resource: ResourceName, _ revision: Int64) {
    revisions[resource] = max(revision, revisions[resource] ?? 0)
  }

  mutating func expectGone(_ key: ObjectKey, uid: String) { gone[key] = uid }

  func areMet(by index: ObjectIndex) -> Bool {
    revisions.allSatisfy { resource, revision in (index.revision(of: resource) ?? 0) >= revision }
      && gone.allSatisfy { key, uid in index.object(key)?.uid != uid }
  }
}
