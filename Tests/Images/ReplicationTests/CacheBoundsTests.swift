import ContentStore
import Foundation
import Model
import Persistence
import Registry
import Testing

@testable import Replication

/// What cache projects know of tags and indexes, and how much of it.
@Suite struct CacheBoundsTests {
  private let fixture: Fixture
  private let store: ReplicationStore
  private let app: RepositoryName
  private let other: RepositoryName

  init() throws {
    fixture = try Fixture()
    store = try ReplicationStore(
      path: fixture.root + "/bounds.sqlite", now: 0, bounds: CacheBounds(tags: 3, indexes: 3, indexBytes: 1_000))
    app = try RepositoryName(parsing: "hub/app")
    other = try RepositoryName(parsing: "quay/app")
    try store.setPeer(ReplicationPeer(name: "there", host: "registry.test"))
    for project in ["hub", "quay"] { try store.setCacheProject(CacheProject(project: project, peer: "there")) }
  }

  private func digest(_ text: String) -> Digest { ContentHasher.digest(of: Array(text.utf8)) }

  private func cache(_ name: String = "hub") throws -> CacheProject { try #require(try store.cacheProject(name)) }

  private func keep(_ text: String, in repository: RepositoryName? = nil, bytes: Int = 10, now: Int64) throws {
    let repository = repository ?? app
    let index = ReplicationStore.CachedIndex(mediaType: "x", bytes: Data(repeating: 1, count: bytes))
    try store.setCachedIndex(digest(text), of: repository, index, by: cache(repository.project), now: now)
  }

  private func kept(_ texts: [String], in repository: RepositoryName? = nil) throws -> [String] {
    try texts.filter { try store.cachedIndex(digest($0), of: repository ?? app) != nil }
  }

  @Test func `what was used longest ago goes, within the project`() throws {
    let texts = ["a", "b", "c", "d", "e"]
    try keep("a", in: other, now: 1)
    for (time, text) in texts.prefix(3).enumerated() { try keep(text, now: 10_000 * Int64(time + 1)) }
    #expect(try kept(texts) == ["a", "b", "c"])
    try store.touch(.index(digest("a"), of: app), now: 40_000)
    try keep("d", now: 50_000)
    #expect(try kept(texts) == ["a", "c", "d"])
    // The same once more takes no place.
    try keep("d", now: 60_000)
    try keep("e", now: 70_000)
    #expect(try kept(texts) == ["a", "d", "e"])
    #expect(try kept(texts, in: other) == ["a"])
  }

  @Test func `indexes are bounded by their bytes`() throws {
    try keep("a", bytes: 600, now: 1)
    try keep("b", bytes: 300, now: 2)
    try keep("c", bytes: 300, now: 3)
    #expect(try kept(["a", "b", "c"]) == ["b", "c"])
    #expect(try store.forget(.index(digest("b"), of: app)))
    #expect(try !store.forget(.index(digest("b"), of: app)))
    try keep("d", bytes: 600, now: 4)
    #expect(try kept(["c", "d"]) == ["c", "d"])
  }

  @Test func `tags are bounded, too`() throws {
    let record = ReplicationStore.CachedTag(digest: digest("x"), checkedAt: 0)
    for number in 1...5 {
      try store.setCachedTag("v\(number)", of: app, record, by: cache(), now: Int64(number))
    }
    #expect(try store.cachedTags(of: "hub/app", limit: 10) == ["v3", "v4", "v5"])
  }

  @Test func `nothing is recorded for a cache that is gone or another by now`() throws {
    let old = try cache()
    let tag = ReplicationStore.CachedTag(digest: digest("x"), checkedAt: 0)
    func refused() {
      let error = #expect(throws: PlatformError.self) {
        try store.setCachedTag("v1", of: app, tag, by: old, now: 1)
      }
      #expect(error?.code == .notFound)
    }
    // Its upstream is elsewhere now.
    try store.setPeer(ReplicationPeer(name: "there", host: "elsewhere.test"))
    refused()
    try store.removeCacheProject("hub")
    refused()
    try store.setCacheProject(CacheProject(project: "hub", peer: "there"))
    refused()
    #expect(try store.cachedTag("v1", of: app) == nil)
    try store.setCachedTag("v1", of: app, tag, by: cache(), now: 1)
    #expect(try store.cachedTag("v1", of: app) != nil)
  }

  @Test func `what an earlier version kept counts`() throws {
    let path = fixture.root + "/old.sqlite"
    do {
      let first = try ReplicationStore(path: path, now: 0)
      try first.setPeer(ReplicationPeer(name: "there", host: "registry.test"))
      try first.setCacheProject(CacheProject(project: "hub", peer: "there"))
      try first.close()
    }
    let steps = ["replication-1", "replication-2", "replication-3"].map { Migration(name: $0, steps: []) }
    let database = try Database(path: path, migrations: steps)
    for text in ["a", "b", "c", "d", "e"] {
      let document = try JSONEncoder().encode(ReplicationStore.CachedIndex(mediaType: "x", bytes: Data([1])))
      try database.table("cached_indexes").put("hub/app@\(digest(text).hex)", document: document)
    }
    try database.close()
    let again = try ReplicationStore(
      path: path, now: 9, bounds: CacheBounds(tags: 3, indexes: 3, indexBytes: 1_000))
    let left = try ["a", "b", "c", "d", "e"].filter { try again.cachedIndex(digest($0), of: app) != nil }
    #expect(left.count == 3)
    try again.close()
  }
}
