import FoundationEssentials
import HTTPServing
import Model
import Persistence
import Synchronization
import Testing

@testable import KubeMachinery

@Suite struct SQLiteObjectStoreTests {
  @Test func itIsAnObjectStore() async throws {
    let fixtures = Mutex<[StoreFixture]>([])
    try await checkObjectStore {
      let fixture = try StoreFixture()
      fixtures.withLock { $0.append(fixture) }
      return try fixture.open()
    }
  }

  /// Nothing in memory, and history short: the same is read from the file.
  @Test func itIsAnObjectStoreFromTheFileAlone() async throws {
    let fixtures = Mutex<[StoreFixture]>([])
    var bounds = SQLiteObjectStore.Bounds()
    bounds.cachedBytes = 0
    bounds.batch = 3
    bounds.compactionStep = 16
    try await checkObjectStore {
      let fixture = try StoreFixture()
      fixtures.withLock { $0.append(fixture) }
      return try fixture.open(bounds: bounds)
    }
  }

  @Test func everythingIsThereAfterANewStart() async throws {
    let fixture = try StoreFixture()
    let store = try fixture.open()
    for index in 0..<600 {
      _ = try await store.write(key("m\(index)"), .create(draft("m\(index)", labels: ["i": "\(index)"])))
    }
    let old = try #require(try await store.get(key("m7")))
    let gone = try await store.write(key("m7"), .delete(draft("m7"), expecting: old.revision))
    let again = try fixture.open(path: fixture.copy())
    #expect(again.revision == gone.revision)
    #expect(try await again.get(key("m7")) == nil)
    let list = try await again.list(ListRequest(maps) { $1.labels["i"]?.hasSuffix("9") == true })
    #expect(list.objects.count == 60)
    // Followers go on where they were, from the file; older states are there too.
    let events = try await follow(again, maps, after: 0, to: again.revision)
    #expect(events.map(\.revision) == Array(1...601) && events.last?.change == .deleted)
    #expect(try await again.list(ListRequest(maps, revision: 600)).objects.count == 600)
    #expect(try await again.write(key("n"), .create(draft("n"))).revision == 602)
  }

  @Test func compactionForgetsWhatWasReplacedAndNothingElse() async throws {
    let fixture = try StoreFixture()
    let store = try fixture.open()
    var revision = try await store.write(key("a"), .create(draft("a"))).revision
    let kept = try await store.write(key("kept"), .create(draft("kept")))
    for _ in 0..<10 {
      revision = try await store.write(key("a"), .update(draft("a"), expecting: revision)).revision
    }
    _ = try await store.write(key("a"), .delete(draft("a"), expecting: revision))
    let floor = store.revision
    let b = try await store.write(key("b"), .create(draft("b")))
    try store.compact(to: floor)
    for reopened in [store, try fixture.open(path: fixture.copy())] {
      #expect(
        await refusal { try await reopened.list(ListRequest(maps, revision: floor - 1)) }
          == .expired(requested: floor - 1, oldest: floor))
      #expect(
        await refusal { try await reopened.events(of: maps, in: nil, after: floor - 1) }
          == .expired(requested: floor - 1, oldest: floor))
      #expect(try await follow(reopened, maps, after: floor, to: b.revision).map(\.revision) == [b.revision])
      #expect(try await reopened.list(ListRequest(maps)).objects.map(\.revision) == [b.revision, kept.revision])
      let rows = try reopened.reader.read {
        try $0.revisions(of: SQLiteObjectStore.table, after: 0, limit: 100, byteLimit: .max)
      }
      #expect(rows.records.map(\.revision) == [kept.revision, b.revision])
    }
    // All is compacted, the last change too: numbers go on nevertheless.
    _ = try await store.write(key("b"), .delete(draft("b"), expecting: b.revision))
    try store.compact(to: store.revision)
    #expect(try fixture.open(path: fixture.copy()).revision == b.revision + 1)
  }

  @Test func historyIsBoundedByItself() async throws {
    let fixture = try StoreFixture()
    var bounds = SQLiteObjectStore.Bounds()
    bounds.historyRevisions = 20
    bounds.compactionStep = 8
    let store = try fixture.open(bounds: bounds)
    var revision = try await store.write(key("a"), .create(draft("a"))).revision
    for _ in 0..<200 {
      revision = try await store.write(key("a"), .update(draft("a"), expecting: revision)).revision
    }
    #expect(store.compactedRevision >= revision - 28)
    let rows = try store.reader.read {
      try $0.revisions(of: SQLiteObjectStore.table, after: 0, limit: 1_000, byteLimit: .max)
    }
    #expect(rows.records.count <= 29)
  }

  /// A follower that does not read costs nothing and goes on from the file; one that compaction overtook is told.
  @Test func aSlowFollowerLosesNothingOrIsTold() async throws {
    let fixture = try StoreFixture()
    let store = try fixture.open()
    let count = Int64(EventRing.maxEvents + 300)
    for index in 0..<count { _ = try await store.write(key("m\(index)"), .create(draft("m"))) }
    #expect(try await follow(store, maps, after: 0, to: count).map(\.revision) == Array(1...count))
    try store.compact(to: 50)
    #expect(
      await refusal { try await store.events(of: maps, in: nil, after: 49) } == .expired(requested: 49, oldest: 50))
  }

  /// From memory and from the file: what one who follows is given at once is bounded, and together it is all.
  @Test(arguments: [1, 2_000, 100_000])
  func whatIsGivenAtOnceIsBoundedInBytes(_ limit: Int) async throws {
    let fixture = try StoreFixture()
    var bounds = SQLiteObjectStore.Bounds()
    bounds.sliceBytes = limit
    bounds.sliceEvents = 16
    let store = try fixture.open(bounds: bounds)
    for index in 0..<40 {
      let text = String(repeating: "x", count: index % 4 * 500)
      _ = try await store.write(key("m\(index)"), .create(draft("m\(index)", text)))
      _ = try await store.write(key("p\(index)", of: pods), .create(draft("p\(index)")))
    }
    let fromFile = try fixture.open(path: fixture.copy(), bounds: bounds)
    for followed in [store, fromFile] {
      var (at, seen): (Int64, [Int64]) = (0, [])
      while at < 80 {
        let slice = try await followed.events(of: maps, in: nil, after: at)
        let bytes = slice.events.reduce(0) { $0 + $1.object.document.count }
        #expect(slice.events.count == 1 || slice.events.count <= 16 && bytes <= limit)
        #expect(slice.revision >= slice.events.last?.revision ?? .max)
        seen += slice.events.map(\.revision)
        at = slice.revision
      }
      #expect(seen == Array(stride(from: 1, to: 80, by: 2)) && at == 80)
    }
  }

  /// Forgets history once the first page of a list is read.
  private final class Forgetful: ObjectStore {
    private let store: SQLiteObjectStore
    private let isFirst = Atomic(true)

    init(_ store: SQLiteObjectStore) { self.store = store }

    var revision: Int64 { store.revision }
    func get(_ key: ObjectKey) async throws -> StoredObject? { try await store.get(key) }
    func write(_ key: ObjectKey, _ write: ObjectWrite) async throws -> StoredObject {
      try await store.write(key, write)
    }
    func nudge() { store.nudge() }

    func list(_ request: ListRequest) async throws -> ObjectList {
      let list = try await store.list(request)
      if isFirst.exchange(false, ordering: .relaxed) {
        _ = try await store.write(key("z"), .create(draft("z")))
        try store.compact(to: store.revision)
      }
      return list
    }

    func events(of resource: ResourceName, in namespace: String?, after revision: Int64) async throws -> EventSlice {
      try await store.events(of: resource, in: namespace, after: revision)
    }
  }

  @Test func allObjectsAreCollectedInPagesOfOneMoment() async throws {
    let fixture = try StoreFixture()
    let store = try fixture.open()
    let text = String(repeating: "x", count: ListRequest.pageBytes * 2 / 5)
    for index in 0..<5 { _ = try await store.write(key("m\(index)"), .create(draft("m\(index)", text))) }
    let (names, revision) = try await store.collect(ListRequest(maps)) { $0.key.name == "m2" ? nil : $0.key.name }
    #expect(names == ["m0", "m1", "m3", "m4"] && revision == 5)
    let again = try await Forgetful(store).collect(ListRequest(maps)) { $0.key.name }
    #expect(again.items == ["m0", "m1", "m2", "m3", "m4", "z"] && again.revision == 6)
  }

  @Test func aDocumentBeyondTheBoundIsRefused() async throws {
    let fixture = try StoreFixture()
    var bounds = SQLiteObjectStore.Bounds()
    bounds.documentBytes = 200
    let store = try fixture.open(bounds: bounds)
    let big = draft("a", String(repeating: "x", count: 300))
    #expect(
      await refusal { try await store.write(key("a"), .create(big)) }
        == .tooLarge(sizeBytes: big.sizeBytes, limitBytes: 200))
    #expect(store.revision == 0)
  }

  struct Crash: Error {}

  /// Killed between the steps of a commit: what was acknowledged is there, what was not is there as a whole or not at all.
  @Test(arguments: SQLiteObjectStore.CommitStep.allCases)
  func aCrashLosesNothingThatWasAcknowledged(_ step: SQLiteObjectStore.CommitStep) async throws {
    let fixture = try StoreFixture()
    let crashes = Atomic(false)
    let found = Mutex<String?>(nil)
    let store = try fixture.open { reached in
      guard reached == step, crashes.load(ordering: .relaxed) else { return }
      found.withLock { $0 = try? fixture.copy() }
      throw Crash()
    }
    let a = try await store.write(key("a"), .create(draft("a", "old")))
    crashes.store(true, ordering: .relaxed)
    await #expect(throws: Crash.self) {
      try await store.write(key("a"), .update(draft("a", "new"), expecting: a.revision))
    }
    let copy: String = try #require(found.withLock { $0 })
    let again = try fixture.open(path: copy)
    let state = try #require(try await again.get(key("a")))
    let isCommitted = step == .committed || step == .published
    #expect(try state.value()["value"]?.text == (isCommitted ? "new" : "old"))
    #expect(again.revision == (isCommitted ? 2 : 1))
    #expect(try await follow(again, maps, after: 0, to: again.revision).count == (isCommitted ? 2 : 1))
  }
}
