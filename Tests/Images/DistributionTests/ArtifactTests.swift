import ContentStore
import LinuxSystem
import Model
import OCITypes
import RegistryClient
import RegistryDouble
import Testing

@testable import Distribution

@Suite struct ArtifactTests {
  private static let type = MediaType(rawValue: "application/vnd.test.v1")
  private static let document = MediaType(rawValue: "application/vnd.test.v1+json")

  private func push(_ fixture: DistributionFixture, _ name: String, _ texts: [String]) async throws -> Digest {
    var layers: [ContentDescriptor] = []
    for text in texts {
      let tar = try RemoteImage.tar("file", text)
      try fixture.content.write(tar)
      layers.append(
        ContentDescriptor(mediaType: .ociLayer, digest: ContentHasher.digest(of: tar), size: Int64(tar.count)))
    }
    return try await fixture.distribution.push(
      artifact: Self.type, config: Array("{}".utf8), Self.document, layers: layers,
      as: try ImageReference(parsing: name), credentials: .anonymous)
  }

  private func read(_ fixture: DistributionFixture, _ name: String) async throws -> RemoteArtifact? {
    try await fixture.distribution.artifact(
      try ImageReference(parsing: name), type: Self.type, configType: Self.document, credentials: .anonymous)
  }

  private func file(_ fixture: DistributionFixture) throws -> Descriptor {
    try Descriptor.open(fixture.path + "/got", flags: 0o102 | 0o1000, mode: 0o600)
  }

  @Test func `an artifact goes packed, and comes back`() async throws {
    let registry = try MemoryRegistry()
    let name = "\(registry.address)/team/cache:1"
    let fixture = try DistributionFixture([registry])
    let digest = try await push(fixture, name, [String(repeating: "hello ", count: 150_000), "two"])
    let pushed = try #require(registry.read { $0.manifests["team/cache/1"]?.bytes })
    #expect(ContentHasher.digest(of: pushed) == digest)
    let other = try DistributionFixture([registry])
    let artifact = try #require(try await read(other, name))
    #expect(artifact.config == Array("{}".utf8))
    #expect(artifact.layers.map(\.mediaType) == [.ociLayerGzip, .ociLayerGzip] && artifact.layers[0].size < 100_000)
    try await artifact.download(artifact.layers[0], to: try file(other))
    let bytes = try FileSystem.read(other.path + "/got", maxBytes: 1 << 20)
    #expect(ContentHasher.digest(of: bytes) == artifact.layers[0].digest)
    // Nothing of it is an image, and the document is not kept.
    #expect(try other.isEmpty())
    #expect(try !fixture.content.contains(ContentHasher.digest(of: Array("{}".utf8))))
  }

  @Test func `images and other artifacts are not taken for it`() async throws {
    let registry = try MemoryRegistry()
    let fixture = try DistributionFixture([registry])
    try RemoteImage([("a", "one")]).add(to: registry, "image", tag: "1")
    #expect(try await read(fixture, "\(registry.address)/image:1") == nil)
    _ = try await push(fixture, "\(registry.address)/cache:1", [])
    let none = try await fixture.distribution.artifact(
      try ImageReference(parsing: "\(registry.address)/cache:1"), type: Self.type, configType: Self.type,
      credentials: .anonymous)
    #expect(none == nil)
    await #expect(throws: PlatformError.self) { try await read(fixture, "\(registry.address)/none:1") }
  }

  @Test func `ATT-016 a layer with other content is refused`() async throws {
    let registry = try MemoryRegistry()
    let fixture = try DistributionFixture([registry])
    _ = try await push(fixture, "\(registry.address)/cache:1", ["one"])
    let artifact = try #require(try await read(fixture, "\(registry.address)/cache:1"))
    let size = Int(artifact.layers[0].size)
    registry.intercept { request in
      request.method == .GET && request.target.contains("/blobs/")
        ? .full(200, [:], [UInt8](repeating: 7, count: size)) : nil
    }
    let file = try file(fixture)
    await #expect { try await artifact.download(artifact.layers[0], to: file) } throws: { error in
      (error as? PlatformError)?.message.contains("has other content") == true
    }
  }
}
