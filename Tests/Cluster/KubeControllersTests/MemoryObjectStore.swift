import Synchronization

@testable import KubeMachinery

/// A store that lasts as long as its test. It never waits: where there are no changes it says so.
final class MemoryObjectStore: ObjectStore {
  private struct State {
    var objects: [ObjectKey: StoredObject] = [:]
    var log: [ResourceName: [ObjectEvent]] = [:]
    var revision: Int64 = 0
  }

  private let state = Mutex(State())

  var revision: Int64 { state.withLock { $0.revision } }

  func get(_ key: ObjectKey) async throws -> StoredObject? { state.withLock { $0.objects[key] } }

  func list(_ request: ListRequest) async throws -> ObjectList {
    state.withLock { state in
      let all = state.objects.values.filter { object in
        object.key.resource == request.resource && request.namespace.map { object.key.namespace == $0 } ?? true
          && request.matches?(object.key, object.attributes) ?? true
          && request.after.map { object.key.place > $0 } ?? true
      }.sorted { $0.key.place < $1.key.place }
      let page = Array(all.prefix(request.limit ?? all.count))
      return ObjectList(
        objects: page, revision: state.revision, next: page.count < all.count ? page.last?.key.place : nil,
        remaining: all.count - page.count)
    }
  }

  func write(_ key: ObjectKey, _ write: ObjectWrite) async throws -> StoredObject {
    try state.withLock { state in
      let old = state.objects[key]
      let revision = state.revision + 1
      func made(_ draft: ObjectDraft) -> StoredObject {
        StoredObject(
          key: key, revision: revision, attributes: draft.attributes, document: draft.document(at: revision))
      }
      let event: ObjectEvent
      switch write {
      case .create(let draft):
        guard old == nil else { throw StorageError.alreadyExists }
        event = ObjectEvent(change: .added, object: made(draft), before: nil)
      case .update(let draft, let expected), .delete(let draft, let expected):
        guard let old else { throw StorageError.notFound }
        guard old.revision == expected else { throw StorageError.changed }
        let isDeletion = if case .delete = write { true } else { false }
        event = ObjectEvent(change: isDeletion ? .deleted : .modified, object: made(draft), before: old.attributes)
      }
      state.revision = revision
      state.objects[key] = event.change == .deleted ? nil : event.object
      state.log[key.resource, default: []].append(event)
      return event.object
    }
  }

  func events(of resource: ResourceName, in namespace: String?, after revision: Int64) async throws -> EventSlice {
    state.withLock { state in
      let all = (state.log[resource] ?? [])
      var start = all.count
      while start > 0, all[start - 1].revision > revision { start -= 1 }
      return EventSlice(
        events: all[start...].filter { event in namespace.map { event.object.key.namespace == $0 } ?? true },
        revision: state.revision)
    }
  }

  func nudge() {}

  /// All that is there of a resource.
  func all(_ resource: ResourceName) -> [StoredObject] {
    state.withLock { $0.objects.values.filter { $0.key.resource == resource } }.sorted { $0.key.place < $1.key.place }
  }
}
