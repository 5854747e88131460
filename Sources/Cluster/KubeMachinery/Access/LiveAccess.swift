import HTTPServing
import LinuxSystem

/// The roles and bindings as they are now: read once, then kept up by following the store.
///
/// A change of a role is seen a moment after it was written; who has to see it at once calls `reload`.
public final class LiveAccess: Sendable {
  private struct State {
    var policy = AccessPolicy()
    /// Up to which revision the changes of a resource are in the policy.
    var revisions: [ResourceName: Int64] = [:]
  }

  private let store: any ObjectStore
  private let kinds: [Kind]
  private let state = Locked(State())

  /// Reads all roles and bindings. Throws what the store throws.
  public init(_ service: ObjectService) async throws {
    store = service.store
    kinds = service.catalog.kinds.filter { $0.name.group == AccessPolicy.group }
    for kind in kinds { try await reload(kind) }
  }

  /// A copy that later changes leave alone.
  public var policy: AccessPolicy { state.withLock { $0.policy } }

  /// Reads all objects of a kind anew; kinds that are no roles or bindings are passed over.
  public func reload(_ kind: Kind) async throws {
    guard kind.name.group == AccessPolicy.group else { return }
    let (objects, revision) = try await store.collect(ListRequest(kind.resource)) { try $0.value() }
    state.withLock { state in
      guard revision >= state.revisions[kind.resource] ?? 0 else { return }
      state.revisions[kind.resource] = revision
      state.policy.removeAll(kind: kind.name.kind)
      for object in objects { state.policy.put(object) }
    }
  }

  /// Follows the store until cancelled. Throws where it cannot; it may be called again then and begins with a look at everything.
  public func follow() async throws {
    for kind in kinds { try await reload(kind) }
    try await withThrowingTaskGroup(of: Void.self) { group in
      for kind in kinds { group.addTask { try await self.follow(kind) } }
      try await group.waitForAll()
    }
  }

  private func follow(_ kind: Kind) async throws {
    var revision = state.withLock { $0.revisions[kind.resource] ?? 0 }
    while true {
      let slice = try await store.events(of: kind.resource, in: nil, after: revision)
      let events = try slice.events.map { (event: $0, object: try $0.object.value()) }
      state.withLock { state in
        // What a look at everything has seen already must not be undone by older changes.
        let known = state.revisions[kind.resource] ?? 0
        for (event, object) in events where event.revision > known {
          switch event.change {
          case .added, .modified: state.policy.put(object)
          case .deleted:
            state.policy.remove(
              kind: kind.name.kind, namespace: event.object.key.namespace, name: event.object.key.name)
          }
        }
        state.revisions[kind.resource] = max(known, slice.revision)
      }
      revision = slice.revision
    }
  }
}
