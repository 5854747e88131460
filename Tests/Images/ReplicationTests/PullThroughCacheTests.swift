import ContentStore
import LinuxSystem
import Logging
import Model
import NIOHTTP1
import OCITypes
import Registry
import RegistryDouble
import Testing

@testable import Replication

@Suite struct PullThroughCacheTests {
  private let name = "hub/debian"

  private func ask(_ cache: PullThroughCache, _ tag: String = "12") async throws -> PullThroughCache.CachedManifest {
    try await cache.manifest(.tag(tag), in: RepositoryName(parsing: name))
  }

  @Test func bringsAnImageOnceWhileItIsFresh() async throws {
    let fixture = try Fixture()
    let digest = fixture.pushThere("a", "library/debian", "12")
    let cache = try fixture.cache()
    let first = try await ask(cache)
    #expect(first.digest == digest)
    let asked = fixture.peer.server.requests.count
    fixture.wait(299)
    #expect(try await ask(cache) == first)
    #expect(fixture.peer.server.requests.count == asked)
    for blob in Fixture.image("a").blobs {
      #expect(
        try fixture.registry.readBlob(
          ContentHasher.digest(of: blob), in: RepositoryName(parsing: name), maxBytes: 1_000) == blob)
    }
    // After that one HEAD tells that nothing has changed; how the upstream is spoken to is known.
    fixture.wait(1)
    #expect(try await ask(cache) == first)
    let later = fixture.peer.server.requests.dropFirst(asked).map { "\($0.method) \($0.target)" }
    #expect(later == ["HEAD /v2/library/debian/manifests/12"])
  }

  @Test func followsATagThatMoves() async throws {
    let fixture = try Fixture()
    fixture.pushThere("old", "library/debian", "12")
    let cache = try fixture.cache()
    _ = try await ask(cache)
    let new = fixture.pushThere("new", "library/debian", "12")
    fixture.wait(300)
    #expect(try await ask(cache).digest == new)
    #expect(try fixture.registry.check(readsContent: true).isClean)
  }

  @Test("what is kept is served while the upstream fails", arguments: [429, 500, 503])
  func stale(status: Int) async throws {
    let fixture = try Fixture()
    let digest = fixture.pushThere("a", "library/debian", "12")
    let cache = try fixture.cache()
    _ = try await ask(cache)
    fixture.wait(300)
    fixture.peer.intercept { _ in .full(status) }
    let served = try await ask(cache)
    #expect((served.digest, served.isStale) == (digest, true))
    // It rests: nobody asks it for a while.
    let asked = fixture.peer.server.requests.count
    fixture.wait(29)
    #expect(try await ask(cache).isStale)
    #expect(fixture.peer.server.requests.count == asked)
    fixture.wait(1)
    fixture.peer.intercept(nil)
    #expect(try await ask(cache).isStale == false)
    // What is not here cannot be served.
    fixture.peer.intercept { _ in .full(status) }
    let error = try await #require(throws: (any Error).self) { try await ask(cache, "13") }
    #expect((error as? PlatformError)?.code == (status == 429 ? .resourceExhausted : nil))
    #expect((error as? UpstreamFailure)?.kind == (status == 429 ? nil : .failed))
  }

  @Test func aTagThatIsGoneIsGone() async throws {
    let fixture = try Fixture()
    fixture.pushThere("a", "library/debian", "12")
    let cache = try fixture.cache()
    _ = try await ask(cache)
    fixture.wait(300)
    fixture.peer.intercept { _ in .full(404) }
    for _ in 0..<2 {
      let error = try await #require(throws: PlatformError.self) { try await ask(cache) }
      #expect(error.code == .notFound)
    }
  }

  @Test func manyWhoAskAtOnceShareOneFetch() async throws {
    let fixture = try Fixture()
    let digest = fixture.pushThere("a", "library/debian", "12")
    let cache = try fixture.cache()
    try await withThrowingTaskGroup(of: Digest.self) { group in
      for _ in 0..<50 { group.addTask { try await ask(cache).digest } }
      for try await found in group { #expect(found == digest) }
    }
    #expect(fixture.peer.requests(.GET, "manifests").count == 1)
    #expect(fixture.peer.requests(.GET, "blobs").count == 2)
  }

  @Test func imagesOfAnIndexComeWhenAskedFor() async throws {
    let fixture = try Fixture()
    let images = ["amd64", "arm64"].map(Fixture.image)
    for image in images {
      for blob in image.blobs { fixture.peer.add(blob: blob, to: "library/debian") }
      fixture.peer.add(manifest: image.manifest, type: .ociManifest, to: "library/debian")
    }
    let index = Fixture.encode(ImageIndex(manifests: images.map { Fixture.descriptor($0.manifest, .ociManifest) }))
    fixture.peer.add(manifest: index, type: .ociIndex, to: "library/debian", tag: "12")
    let cache = try fixture.cache()
    #expect(try await ask(cache).bytes == index)
    #expect(fixture.peer.requests(.GET, "blobs").isEmpty)
    let repository = try RepositoryName(parsing: name)
    let image = try await cache.manifest(.digest(images[1].digest), in: repository)
    #expect(image.bytes == images[1].manifest)
    #expect(fixture.peer.requests(.GET, "blobs").count == 2)
    // Both are served when nobody can be asked.
    fixture.peer.intercept { _ in .full(503) }
    fixture.wait(300)
    #expect(try await ask(cache).bytes == index)
    #expect(try await cache.manifest(.digest(images[1].digest), in: repository) == image)
  }

  @Test("ATT-015: an upstream that sends other content than it says")
  func hostile() async throws {
    let fixture = try Fixture()
    let digest = fixture.pushThere("a", "library/debian", "12")
    let wrong = Fixture.image("b").manifest
    fixture.peer.intercept { request in
      request.target.contains("/manifests/")
        ? .full(200, ["Content-Type": MediaType.ociManifest.rawValue], request.method == .HEAD ? [] : wrong) : nil
    }
    let cache = try fixture.cache()
    let error = try await #require(throws: PlatformError.self) {
      try await cache.manifest(.digest(digest), in: RepositoryName(parsing: name))
    }
    #expect(error.code == .invalidArgument)
    #expect(throws: RegistryError.self) {
      try fixture.registry.resolve(.digest(digest), in: RepositoryName(parsing: name))
    }
  }

  @Test func tagsAreTheUpstreamsAndWhileItIsAwayThoseKept() async throws {
    let fixture = try Fixture()
    for tag in ["12", "11", "sid"] { fixture.pushThere(tag, "library/debian", tag) }
    let cache = try fixture.cache()
    let repository = try RepositoryName(parsing: name)
    #expect(try await cache.tags(in: repository) == ["11", "12", "sid"])
    _ = try await ask(cache)
    fixture.peer.intercept { _ in .full(503) }
    #expect(try await cache.tags(in: repository) == ["12"])
    #expect(try cache.forget(.tag("12"), in: repository))
    #expect(try !cache.forget(.tag("12"), in: repository))
    let error = try await #require(throws: UpstreamFailure.self) { try await cache.tags(in: repository) }
    #expect(error.kind == .failed)
  }

  @Test func whatACacheKnewGoesWithIt() async throws {
    let fixture = try Fixture()
    fixture.pushThere("a", "library/debian", "12")
    let cache = try fixture.cache()
    _ = try await ask(cache)
    #expect(throws: PlatformError.self) { try fixture.store.removePeer("there") }
    try fixture.store.removeCacheProject("hub")
    try cache.reload()
    #expect(try !cache.isCache(RepositoryName(parsing: name)))
    #expect(try fixture.store.cachedTags(of: name, limit: 10).isEmpty)
    try fixture.store.removePeer("there")
  }

  @Test func aCacheWhosePeerCannotBeReadStaysOne() async throws {
    let fixture = try Fixture()
    fixture.pushThere("a", "library/debian", "12")
    try fixture.store.setPeer(
      ReplicationPeer(name: "there", host: fixture.peer.address, user: "ann", password: "s3cret"))
    _ = try fixture.cache()
    try fixture.store.close()
    try FileSystem.removeFile(fixture.root + "/replication.sqlite.key")
    let store = try ReplicationStore(path: fixture.root + "/replication.sqlite", now: 0)
    let cache = try PullThroughCache(
      client: fixture.client, registry: fixture.registry, store: store, executor: fixture.executor,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
    #expect(try cache.isCache(RepositoryName(parsing: name)))
    let error = try await #require(throws: PlatformError.self) { try await ask(cache) }
    #expect(error.code == .unavailable && error.message.contains("set again"))
    try store.setPeer(ReplicationPeer(name: "there", host: fixture.peer.address))
    try cache.reload()
    #expect(try await ask(cache).isStale == false)
    try store.close()
  }

  @Test func `an upstream that says nothing is given up soon, and what is kept is served`() async throws {
    let fixture = try Fixture()
    let digest = fixture.pushThere("a", "library/debian", "12")
    let soon = Gate()
    let cache = try fixture.cache(pause: { seconds in
      guard seconds == PullThroughCache.askSeconds else { return try await Gate().wait() }
      try await soon.wait()
    })
    _ = try await ask(cache)
    fixture.wait(300)
    // Zeroes come instead of a list of tags, and of a manifest, for as long as somebody reads.
    fixture.peer.intercept { _ in .endless(200, ["Content-Length": "1000000000000"]) }
    soon.open()
    let served = try await ask(cache)
    #expect((served.digest, served.isStale) == (digest, true))
    let error = try await #require(throws: UpstreamFailure.self) { try await ask(cache, "13") }
    #expect(error.kind == .silent && error.message.contains("within \(PullThroughCache.askSeconds) seconds"))
  }

  @Test func `a fetch brings nothing back into a project that was removed`() async throws {
    let fixture = try Fixture()
    fixture.pushThere("a", "library/debian", "12")
    let cache = try fixture.cache()
    let repository = try RepositoryName(parsing: name)
    // While the last blob is on its way the project is removed, and made again for others.
    fixture.peer.intercept { request in
      guard request.target.contains("/blobs/") else { return nil }
      try? fixture.registry.removeProject("hub")
      try? fixture.store.removeCacheProject("hub")
      try? fixture.store.setCacheProject(CacheProject(project: "hub", peer: "there", remotePath: "library"))
      return nil
    }
    await #expect(throws: (any Error).self) { try await ask(cache) }
    #expect(try fixture.registry.repositories(in: "hub", limit: 10).isEmpty)
    #expect(try fixture.store.cachedTags(of: name, limit: 10).isEmpty)
    fixture.peer.intercept(nil)
    try cache.reload()
    #expect(try await cache.manifest(.tag("12"), in: repository).isStale == false)
  }

  @Test func otherProjectsAreNoCaches() async throws {
    let fixture = try Fixture()
    let cache = try fixture.cache()
    #expect(try cache.isCache(RepositoryName(parsing: "hub/a/b")))
    #expect(try !cache.isCache(RepositoryName(parsing: "hubs/a")))
    let error = try await #require(throws: PlatformError.self) {
      try await cache.manifest(.tag("1"), in: RepositoryName(parsing: "team/app"))
    }
    #expect(error.code == .notFound)
    #expect(fixture.peer.server.requests.isEmpty)
  }
}
