import ContentStore
import Foundation
import Model
import OCITypes
import RegistryClient
import RegistryDouble
import Testing

@testable import Distribution

@Suite struct PullTests {
  @Test func `an image comes with its files, names and digest`() async throws {
    let registry = try MemoryRegistry()
    let image = try RemoteImage([("a", "one"), ("b", "two"), ("c", "three"), ("d", "four")])
    let digest = image.add(to: registry, "team/app", tag: "v1")
    let fixture = try DistributionFixture([registry])
    let name = "\(registry.address)/team/app"
    let pulled = try await fixture.pull("\(name):v1")
    #expect(pulled.image.id == image.id)
    #expect(pulled.image.repoTags == ["\(name):v1"])
    #expect(pulled.image.repoDigests == ["\(name)@\(digest)"])
    #expect(pulled.image.manifest == digest)
    #expect(!pulled.isUpToDate)
    #expect(try fixture.text(pulled.image, layer: 1, "b") == "two")
    #expect(try fixture.content.read(digest, maxBytes: 1 << 20) == image.bytes)
    let again = try await fixture.pull("\(name):v1")
    #expect(again.isUpToDate)
    // Each blob once: what is there is not fetched.
    #expect(registry.requests(.GET, "blobs").count == 5)
    #expect(fixture.told.contains { $0.status == "Pull complete" && $0.id == image.manifest.layers[0].digest.short })
    #expect(fixture.told.last?.status == "Status: Image is up to date for \(name):v1")
  }

  @Test func `an image comes by its digest, and has no tag then`() async throws {
    let registry = try MemoryRegistry()
    let digest = try RemoteImage([("a", "one")]).add(to: registry, "app")
    let fixture = try DistributionFixture([registry])
    let pulled = try await fixture.pull("\(registry.address)/app@\(digest)")
    #expect(pulled.image.repoTags.isEmpty)
    #expect(pulled.image.repoDigests == ["\(registry.address)/app@\(digest)"])
  }

  @Test func `of several platforms the one wanted comes, and no attestation`() async throws {
    let registry = try MemoryRegistry()
    let other = Platform(architecture: "s390x", os: "linux")
    let images = [try RemoteImage([("a", "host")]), try RemoteImage([("a", "other")], platform: other)]
    var entries: [ContentDescriptor] = []
    var attestation = ContentDescriptor(mediaType: .ociManifest, digest: ContentHasher.digest(of: [1]), size: 1)
    attestation.platform = Platform(architecture: "unknown", os: "unknown")
    entries.append(attestation)
    for (image, platform) in zip(images, [Platform.host, other]) {
      let digest = image.add(to: registry, "app")
      entries.append(
        ContentDescriptor(mediaType: .ociManifest, digest: digest, size: Int64(image.bytes.count), platform: platform))
    }
    let index = registry.add(
      manifest: try ImageDocuments.encode(ImageIndex(manifests: entries)), type: .ociIndex, to: "app", tag: "latest")
    let fixture = try DistributionFixture([registry])
    let pulled = try await fixture.pull("\(registry.address)/app")
    #expect(pulled.image.id == images[0].id)
    #expect(pulled.digest == index)
    #expect(pulled.image.repoDigests == ["\(registry.address)/app@\(index)"])
    #expect(try await fixture.pull("\(registry.address)/app", platform: other).image.id == images[1].id)
    await #expect {
      try await fixture.pull("\(registry.address)/app", platform: Platform(architecture: "riscv64", os: "linux"))
    } throws: {
      ($0 as? PlatformError)?.code == .notFound
    }
  }

  @Test func `a plain variant is preferred to one for newer processors`() {
    func entry(_ variant: String?, _ byte: UInt8) -> ContentDescriptor {
      ContentDescriptor(
        mediaType: .ociManifest, digest: ContentHasher.digest(of: [byte]), size: 1,
        platform: Platform(architecture: "amd64", os: "linux", variant: variant))
    }
    let wanted = Platform(architecture: "amd64", os: "linux")
    #expect(PlatformChoice.choose([entry("v3", 1), entry(nil, 2)], wanted)?.digest == ContentHasher.digest(of: [2]))
    #expect(PlatformChoice.choose([entry("v3", 1)], wanted)?.digest == ContentHasher.digest(of: [1]))
    #expect(PlatformChoice.choose([], wanted) == nil)
  }

  @Test func `a connection that breaks in a layer is taken up`() async throws {
    let registry = try MemoryRegistry()
    let image = try RemoteImage([("a", String(repeating: "text ", count: 50_000))], packed: false)
    image.add(to: registry, "app", tag: "latest")
    let layer = image.layers[0]
    registry.intercept { request in
      guard request.method == .GET, request.target.contains("blobs/sha256"), !request.headers.contains(name: "Range"),
        request.target.hasSuffix(image.manifest.layers[0].digest.hex)
      else { return nil }
      return .cut(200, ["Content-Length": "\(layer.count)"], Array(layer[..<70_000]))
    }
    let fixture = try DistributionFixture([registry])
    let pulled = try await fixture.pull("\(registry.address)/app")
    #expect(try fixture.text(pulled.image, layer: 0, "a").utf8.count == 250_000)
  }

  @Test func `a mirror is asked first, and the registry where it has nothing`() async throws {
    let registry = try MemoryRegistry()
    let mirror = try MemoryRegistry()
    let both = try RemoteImage([("a", "one")])
    both.add(to: registry, "team/app", tag: "v1")
    both.add(to: mirror, "cache/team/app", tag: "v1")
    try RemoteImage([("a", "two")]).add(to: registry, "team/app", tag: "v2")
    let fixture = try DistributionFixture([registry, mirror]) {
      $0.mirrors = [.init(prefix: registry.address, replacement: "\(mirror.address)/cache")]
    }
    let pulled = try await fixture.pull("\(registry.address)/team/app:v1")
    #expect(pulled.image.repoTags == ["\(registry.address)/team/app:v1"])
    #expect(registry.requests(.GET, "blobs").isEmpty)
    try await fixture.pull("\(registry.address)/team/app:v2")
    #expect(!registry.requests(.GET, "blobs").isEmpty)
  }

  @Test func `a mirror without a layer sends on to the registry`() async throws {
    let registry = try MemoryRegistry()
    let mirror = try MemoryRegistry()
    let image = try RemoteImage([("a", "one"), ("b", "two")])
    image.add(to: registry, "app", tag: "latest")
    image.add(to: mirror, "app", tag: "latest", layers: false)
    let fixture = try DistributionFixture([registry, mirror]) {
      $0.mirrors = [.init(prefix: registry.address, replacement: mirror.address)]
    }
    #expect(try await fixture.pull("\(registry.address)/app").image.id == image.id)
  }

  @Test func `a mirror in place of the registry is all that is asked`() async throws {
    let registry = try MemoryRegistry()
    let mirror = try MemoryRegistry()
    try RemoteImage([("a", "one")]).add(to: registry, "app", tag: "latest")
    let fixture = try DistributionFixture([registry, mirror]) {
      $0.mirrors = [.init(prefix: registry.address, replacement: mirror.address, fallsBack: false)]
    }
    await #expect(throws: PlatformError.self) { try await fixture.pull("\(registry.address)/app") }
    #expect(registry.server.requests.isEmpty)
  }

  @Test(arguments: [
    ("team/app:none", "manifest for R/team/app:none not found: manifest unknown: manifest unknown"),
    (
      "none/app:v1",
      "pull access denied for R/none/app, repository does not exist or may require 'docker login': denied: requested access to the resource is denied"
    ),
  ])
  func `what is not there is told in docker's words`(name: String, message: String) async throws {
    let registry = try MemoryRegistry()
    try RemoteImage([("a", "one")]).add(to: registry, "team/app", tag: "v1")
    let fixture = try DistributionFixture([registry])
    await #expect { try await fixture.pull("\(registry.address)/\(name)") } throws: { error in
      let error = error as? PlatformError
      return error?.code == .notFound && error?.message == message.replacingOccurrences(of: "R", with: registry.address)
    }
  }

  @Test func `all tags are found`() async throws {
    let registry = try MemoryRegistry()
    for tag in ["v1", "v2"] { try RemoteImage([("a", tag)]).add(to: registry, "app", tag: tag) }
    let fixture = try DistributionFixture([registry])
    let names = try await fixture.distribution.tags(
      of: ImageReference(parsing: "\(registry.address)/app"), credentials: .anonymous)
    #expect(names.map(\.tag) == ["v1", "v2"])
  }

  @Test func `the words of a search may begin with a registry`() throws {
    #expect(try ImageDistribution.searchHost("debian").name == "docker.io")
    #expect(try ImageDistribution.searchHost("team/app").name == "docker.io")
    #expect(try ImageDistribution.searchHost("r.test:5000/app").authority == "r.test:5000")
    #expect(try ImageDistribution.host(ofServer: "https://index.docker.io/v1/").name == "docker.io")
    #expect(try ImageDistribution.host(ofServer: "r.test:5000").authority == "r.test:5000")
  }
}
