import HTTPServing
import KubeMachinery
import Synchronization
import Testing

/// What every implementation of `ObjectStore` has to do, as a function over a factory of empty stores.
func checkObjectStore(_ make: () throws -> any ObjectStore) async throws {
  try await checkWrites(make())
  try await checkLists(make())
  try await checkFollowing(make())
  try await checkManyWriters(make())
  try await checkWaiting(make())
}

let pods = ResourceName(group: "", resource: "pods")
let maps = ResourceName(group: "", resource: "configmaps")

func draft(_ name: String, _ value: String = "", labels: [String: String] = [:]) -> ObjectDraft {
  let object: JSONValue = [
    "kind": "Thing", "metadata": ["name": .string(name), "labels": .texts(labels)], "value": .string(value),
  ]
  return ObjectDraft(object, attributes: ObjectAttributes(labels: labels))
}

func key(_ name: String, in namespace: String = "default", of resource: ResourceName = maps) -> ObjectKey {
  ObjectKey(resource, namespace: namespace, name: name)
}

/// The error of a call that is to fail.
func refusal(_ body: () async throws -> some Any) async -> StorageError? {
  do {
    _ = try await body()
    return nil
  } catch {
    return error as? StorageError
  }
}

private func checkWrites(_ store: any ObjectStore) async throws {
  #expect(try await store.get(key("a")) == nil)
  let made = try await store.write(key("a"), .create(draft("a", "1", labels: ["x": "y"])))
  #expect(made.revision == store.revision)
  let read = try #require(try await store.get(key("a")))
  #expect(read.document == made.document && read.revision == made.revision)
  #expect(try read.value().meta.resourceVersion == String(made.revision))
  #expect(read.attributes.labels == ["x": "y"])

  #expect(await refusal { try await store.write(key("a"), .create(draft("a"))) } == .alreadyExists)
  #expect(await refusal { try await store.write(key("b"), .update(draft("b"), expecting: 1)) } == .notFound)
  #expect(await refusal { try await store.write(key("b"), .delete(draft("b"), expecting: 1)) } == .notFound)
  let changed = try await store.write(key("a"), .update(draft("a", "2"), expecting: made.revision))
  #expect(changed.revision > made.revision)
  #expect(await refusal { try await store.write(key("a"), .update(draft("a"), expecting: made.revision)) } == .changed)
  #expect(await refusal { try await store.write(key("a"), .delete(draft("a"), expecting: made.revision)) } == .changed)

  // The same name elsewhere is another object.
  _ = try await store.write(key("a", in: "other"), .create(draft("a")))
  _ = try await store.write(key("a", of: pods), .create(draft("a")))
  let gone = try await store.write(key("a"), .delete(draft("a", "last"), expecting: changed.revision))
  #expect(try gone.value().meta.resourceVersion == String(store.revision))
  #expect(try await store.get(key("a")) == nil)
  #expect(try await store.get(key("a", in: "other")) != nil)
  let again = try await store.write(key("a"), .create(draft("a", "3")))
  #expect(again.revision > gone.revision)
}

private func names(_ list: ObjectList) -> [String] { list.objects.map { "\($0.key.namespace)/\($0.key.name)" } }

private func checkLists(_ store: any ObjectStore) async throws {
  for name in ["c", "a", "b", "ab"] { _ = try await store.write(key(name), .create(draft(name, labels: ["n": name]))) }
  for name in ["z", "a"] { _ = try await store.write(key(name, in: "b"), .create(draft(name))) }
  _ = try await store.write(key("p", of: pods), .create(draft("p")))
  let all = try await store.list(ListRequest(maps))
  #expect(names(all) == ["b/a", "b/z", "default/a", "default/ab", "default/b", "default/c"])
  #expect(all.next == nil && all.revision == store.revision)
  #expect(names(try await store.list(ListRequest(maps, namespace: "b"))) == ["b/a", "b/z"])
  #expect(names(try await store.list(ListRequest(maps, namespace: "nothing"))) == [])

  // Pages show one revision, whatever happens between them.
  let first = try await store.list(ListRequest(maps, limit: 4))
  #expect(names(first) == ["b/a", "b/z", "default/a", "default/ab"] && first.remaining == 2)
  let b = try #require(try await store.get(key("b")))
  _ = try await store.write(key("b"), .delete(draft("b"), expecting: b.revision))
  _ = try await store.write(key("bb"), .create(draft("bb")))
  let c = try #require(try await store.get(key("c")))
  _ = try await store.write(key("c"), .update(draft("c", "new"), expecting: c.revision))
  let second = try await store.list(ListRequest(maps, revision: first.revision, after: first.next, limit: 4))
  #expect(names(second) == ["default/b", "default/c"] && second.next == nil)
  #expect(second.objects[1].document == c.document)
  #expect(names(try await store.list(ListRequest(maps, namespace: "default"))).count == 4)
  // A place whose object is gone meanwhile is one to go on from.
  let after = ObjectPlace(namespace: "default", name: "b")
  #expect(names(try await store.list(ListRequest(maps, after: after))) == ["default/bb", "default/c"])

  let some = try await store.list(ListRequest(maps, limit: 1) { $1.labels["n"]?.hasPrefix("a") == true })
  #expect(names(some) == ["default/a"] && some.next?.name == "a" && some.remaining == nil)
  try await checkByteLimits(store)
  let ahead = store.revision + 5
  #expect(
    await refusal { try await store.list(ListRequest(maps, revision: ahead)) }
      == .revisionAhead(requested: ahead, current: store.revision))
}

/// Pages of so many bytes have one object at least, and together all.
private func checkByteLimits(_ store: any ObjectStore) async throws {
  let all = try await store.list(ListRequest(maps))
  for limit in [1, all.objects[0].document.count * 2 + 20] {
    var request = ListRequest(maps, revision: all.revision)
    request.byteLimit = limit
    var found: [String] = []
    repeat {
      let page = try await store.list(request)
      found += names(page)
      #expect(page.objects.count == 1 || page.objects.reduce(0) { $0 + $1.document.count } <= limit)
      #expect(page.remaining ?? 0 == all.objects.count - found.count)
      request.after = page.next
    } while request.after != nil
    #expect(found == names(all))
  }
  var both = ListRequest(maps, limit: 3)
  both.byteLimit = 1
  let page = try await store.list(both)
  #expect(page.objects.count == 1 && page.remaining == all.objects.count - 1)
}

/// Follows until `revision`, as a client does.
func follow(
  _ store: any ObjectStore, _ resource: ResourceName, in namespace: String? = nil, after start: Int64, to end: Int64
) async throws -> [ObjectEvent] {
  var events: [ObjectEvent] = []
  var at = start
  while at < end {
    let slice = try await store.events(of: resource, in: namespace, after: at)
    #expect(slice.revision > at)
    at = slice.revision
    events += slice.events
  }
  return events
}

private func checkFollowing(_ store: any ObjectStore) async throws {
  let start = store.revision
  let one = try await store.write(key("a"), .create(draft("a", labels: ["x": "1"])))
  _ = try await store.write(key("p", of: pods), .create(draft("p")))
  let two = try await store.write(key("a"), .update(draft("a", labels: ["x": "2"]), expecting: one.revision))
  _ = try await store.write(key("o", in: "other"), .create(draft("o")))
  let three = try await store.write(key("a"), .delete(draft("a", labels: ["x": "2"]), expecting: two.revision))
  let events = try await follow(store, maps, in: "default", after: start, to: three.revision)
  #expect(events.map(\.revision) == [one.revision, two.revision, three.revision])
  #expect(events.map(\.change) == [.added, .modified, .deleted])
  #expect(events.map { $0.before?.labels["x"] } == [nil, "1", "2"])
  #expect(events.map(\.object.document) == [one.document, two.document, three.document])
  // One who sees x=1 only sees the object come and go.
  #expect(events.map { $0.change { $1.labels["x"] == "1" } } == [.added, .deleted, nil])
  #expect(events.map { $0.change { $1.labels["x"] == "2" } } == [nil, .added, .deleted])
  #expect(try await follow(store, maps, after: two.revision, to: three.revision).map(\.change) == [.added, .deleted])
  let ahead = store.revision + 1
  #expect(
    await refusal { try await store.events(of: maps, in: nil, after: ahead) }
      == .revisionAhead(requested: ahead, current: store.revision))
}

/// Writers side by side, with followers from different points: every change comes once and in order to all.
private func checkManyWriters(_ store: any ObjectStore) async throws {
  let start = store.revision
  let writers = 16
  let each = 40
  let end = start + Int64(writers * each * 2)
  let seen = try await withThrowingTaskGroup(of: [Int64].self) { group in
    for writer in 0..<writers {
      group.addTask {
        for index in 0..<each {
          let place = key("w\(writer)-\(index)")
          let made = try await store.write(place, .create(draft(place.name)))
          // All writers fight for one object; each wins in the end.
          while true {
            let old = try await store.get(key("shared"))
            let write: ObjectWrite =
              old.map { .update(draft("shared", place.name), expecting: $0.revision) } ?? .create(draft("shared"))
            do {
              let changed = try await store.write(key("shared"), write)
              #expect(changed.revision > made.revision)
              break
            } catch StorageError.changed {} catch StorageError.alreadyExists {}
          }
        }
        return []
      }
    }
    for _ in 0..<4 {
      group.addTask { try await follow(store, maps, after: start, to: end).map(\.revision) }
    }
    return try await group.reduce(into: [[Int64]]()) { if !$1.isEmpty { $0.append($1) } }
  }
  #expect(store.revision == end)
  #expect(seen.count == 4 && seen.allSatisfy { $0 == Array((start + 1)...end) })
  #expect(try await store.list(ListRequest(maps)).objects.count == writers * each + 1)
}

private final class Flag: Sendable {
  let isSet = Atomic(false)
}

private func checkWaiting(_ store: any ObjectStore) async throws {
  // A nudge ends waits and says how far all is told.
  _ = try await store.write(key("p", of: pods), .create(draft("p")))
  let start = store.revision
  let flag = Flag()
  let slice = try await withThrowingTaskGroup(of: EventSlice?.self) { group in
    group.addTask {
      let slice = try await store.events(of: maps, in: nil, after: start)
      flag.isSet.store(true, ordering: .releasing)
      return slice
    }
    group.addTask {
      while !flag.isSet.load(ordering: .acquiring) {
        store.nudge()
        await Task.yield()
      }
      return nil
    }
    return try await group.reduce(EventSlice?.none) { $0 ?? $1 }
  }
  #expect(slice?.events.isEmpty == true && slice?.revision == start)
  let waiting = Task { try await store.events(of: maps, in: nil, after: start) }
  waiting.cancel()
  await #expect(throws: CancellationError.self) { try await waiting.value }
}
