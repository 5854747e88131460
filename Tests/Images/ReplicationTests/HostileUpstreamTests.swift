import ContentStore
import LinuxSystem
import Model
import OCITypes
import Registry
import RegistryDouble
import Testing

@testable import Replication

/// Upstreams that lie: nothing of it is served, and nothing stays.
@Suite struct HostileUpstreamTests {
  private let name = "hub/debian"

  /// Asks for a tag, which has to fail with a code, and looks whether the registry is as empty as before.
  private func expectRefusal(
    _ fixture: Fixture, _ code: PlatformError.Code, sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let cache = try fixture.cache()
    let error = try await #require(throws: PlatformError.self, sourceLocation: sourceLocation) {
      try await cache.manifest(.tag("12"), in: RepositoryName(parsing: name))
    }
    #expect(error.code == code, "\(error.message)", sourceLocation: sourceLocation)
    let names = try fixture.registry.repositories(limit: 10).filter { $0.manifests > 0 }
    #expect(names.isEmpty, sourceLocation: sourceLocation)
    #expect(try FileSystem.list(fixture.root + "/uploads").isEmpty, sourceLocation: sourceLocation)
    #expect(try fixture.registry.check(readsContent: true).isClean, sourceLocation: sourceLocation)
  }

  @Test("ATT-015: a configuration or layer with other bytes", arguments: [0, 1])
  func wrongBytes(which: Int) async throws {
    let fixture = try Fixture()
    fixture.pushThere("a", "library/debian", "12")
    let blob = Fixture.image("a").blobs[which]
    fixture.peer.intercept { request in
      guard request.method == .GET, request.target.hasSuffix(ContentHasher.digest(of: blob).hex) else { return nil }
      return .full(200, [:], blob.dropLast() + [blob[blob.count - 1] ^ 1])
    }
    try await expectRefusal(fixture, .invalidArgument)
  }

  @Test("ATT-016: a layer that is longer or shorter than its descriptor says", arguments: [Int64(-1), 1])
  func wrongSize(difference: Int64) async throws {
    let fixture = try Fixture()
    let image = Fixture.image("a")
    for blob in image.blobs { fixture.peer.add(blob: blob, to: "library/debian") }
    var manifest = try ImageDocuments.manifest(from: image.manifest)
    manifest.layers[0].size += difference
    fixture.peer.add(manifest: Fixture.encode(manifest), type: .ociManifest, to: "library/debian", tag: "12")
    try await expectRefusal(fixture, .invalidArgument)
  }

  @Test("ATT-016: a body without end", arguments: ["/blobs/", "/manifests/"])
  func endless(kind: String) async throws {
    let fixture = try Fixture()
    fixture.pushThere("a", "library/debian", "12")
    fixture.peer.intercept { request in
      request.method == .GET && request.target.contains(kind)
        ? .endless(200, ["Transfer-Encoding": "chunked", "Content-Type": MediaType.ociManifest.rawValue]) : nil
    }
    try await expectRefusal(fixture, .invalidArgument)
  }

  @Test("ATT-017: manifests beyond the bounds")
  func huge() async throws {
    let fixture = try Fixture()
    let entry = ContentDescriptor(mediaType: .ociManifest, digest: ContentHasher.digest(of: [1]), size: 1)
    for count in [1_001, 100_000] {
      let index = Fixture.encode(ImageIndex(manifests: Array(repeating: entry, count: count)))
      fixture.peer.add(manifest: index, type: .ociIndex, to: "library/debian", tag: "12")
      try await expectRefusal(fixture, .invalidArgument)
    }
    let long = Array(#"{"schemaVersion":2,"annotations":{"a":""#.utf8) + [UInt8](repeating: 97, count: 4 << 20)
    fixture.peer.add(manifest: long, type: .ociManifest, to: "library/debian", tag: "12")
    try await expectRefusal(fixture, .invalidArgument)
  }

  @Test("ATT-022: addresses of layers are never asked", arguments: ["http://169.254.169.254/x", "file:///etc/passwd"])
  func foreignAddresses(url: String) async throws {
    let fixture = try Fixture()
    let image = Fixture.image("a")
    fixture.peer.add(blob: image.blobs[0], to: "library/debian")
    var manifest = try ImageDocuments.manifest(from: image.manifest)
    manifest.layers[0].urls = [url]
    fixture.peer.add(manifest: Fixture.encode(manifest), type: .ociManifest, to: "library/debian", tag: "12")
    // A layer that is not here and may be distributed has to come from the upstream itself.
    try await expectRefusal(fixture, .notFound)
    // One that may not is left out.
    manifest.layers[0].mediaType = .ociForeignLayer
    let digest = fixture.peer.add(
      manifest: Fixture.encode(manifest), type: .ociManifest, to: "library/debian", tag: "13")
    let found = try await fixture.cache().manifest(.tag("13"), in: RepositoryName(parsing: name))
    #expect(found.digest == digest)
  }

  @Test("ATT-022: a layer that redirects inwards is not followed")
  func redirect() async throws {
    let fixture = try Fixture()
    fixture.pushThere("a", "library/debian", "12")
    fixture.peer.intercept { request in
      request.target.contains("/blobs/") ? .full(302, ["Location": "https://169.254.169.254/latest"]) : nil
    }
    try await expectRefusal(fixture, .forbidden)
  }

  @Test("ATT-023: the upstream's password goes to nobody else")
  func password() async throws {
    let fixture = try Fixture()
    let other = try MemoryRegistry()
    try fixture.store.setPeer(
      ReplicationPeer(name: "there", host: fixture.peer.address, user: "ann", password: "s3cret", isInsecure: true))
    fixture.peer.intercept { _ in
      .full(401, ["WWW-Authenticate": "Bearer realm=\"http://localhost:\(other.server.port)/token\""])
    }
    try await expectRefusal(fixture, .forbidden)
    #expect(other.server.requests.isEmpty)
  }

  @Test func aProjectThatIsFullTakesNothingMore() async throws {
    let fixture = try Fixture()
    fixture.pushThere("a", "library/debian", "12")
    try fixture.registry.setProject("hub", ProjectSettings(quotaBytes: 10))
    let cache = try fixture.cache()
    let error = try await #require(throws: RegistryError.self) {
      try await cache.manifest(.tag("12"), in: RepositoryName(parsing: name))
    }
    #expect(error.code == .quotaExceeded)
    #expect(try fixture.registry.project("hub").usedBytes <= 10)
  }

  @Test func aProjectThatIsGoneIsNotBroughtBack() async throws {
    let fixture = try Fixture()
    fixture.pushThere("a", "library/debian", "12")
    let cache = try fixture.cache()
    fixture.peer.intercept { [store = fixture.store] request in
      if request.method == .GET, request.target.contains("/blobs/") {
        try? store.removeCacheProject("hub")
        try? cache.reload()
      }
      return nil
    }
    let error = try await #require(throws: PlatformError.self) {
      try await cache.manifest(.tag("12"), in: RepositoryName(parsing: name))
    }
    #expect(error.code == .notFound)
    #expect(try fixture.registry.repositories(limit: 10).allSatisfy { $0.manifests == 0 })
  }
}
