import ContentStore
import Foundation
import ImageCatalog
import LinuxSystem
import Model
import OCITypes
import RegistryClient
import RegistryDouble
import Testing

@testable import Distribution

@Suite struct PushTests {
  /// Makes an image of one layer, kept unpacked, with a name.
  private func make(_ fixture: DistributionFixture, _ name: String, _ text: String = "hello") throws -> Digest {
    let tar = try RemoteImage.tar("file", text)
    return try fixture.catalog.importTar(
      from: try MemoryFile.make(tar), reference: try ImageReference(parsing: name), message: "test", changes: [])
  }

  private func manifest(_ registry: MemoryRegistry, _ name: String) throws -> ImageManifest {
    let bytes = try #require(registry.read { $0.manifests[name]?.bytes })
    return try ImageDocuments.manifest(from: bytes)
  }

  @Test func `an image made here goes packed, and comes back the same`() async throws {
    let registry = try MemoryRegistry()
    let fixture = try DistributionFixture([registry])
    let name = "\(registry.address)/team/app:v1"
    let id = try make(fixture, name, String(repeating: "hello ", count: 150_000))
    try await fixture.push(name)
    let pushed = try manifest(registry, "team/app/v1")
    #expect(pushed.layers.map(\.mediaType) == [.ociLayerGzip])
    #expect(pushed.layers[0].size < 100_000)
    #expect(registry.openUploads == 0)
    let digest = try #require(fixture.told.last?.pushed?.digest)
    #expect(try fixture.catalog.image(id).repoDigests == ["\(registry.address)/team/app@\(digest)"])
    let other = try DistributionFixture([registry])
    let pulled = try await other.pull(name)
    #expect(pulled.image.id == id)
    #expect(try other.text(pulled.image, layer: 0, "file").hasPrefix("hello hello"))
  }

  @Test func `a second push sends nothing, to another repository only a mount`() async throws {
    let registry = try MemoryRegistry()
    let fixture = try DistributionFixture([registry])
    let name = "\(registry.address)/team/app:v1"
    let id = try make(fixture, name)
    try await fixture.push(name)
    let uploads = registry.requests(.POST, "uploads").count
    try await fixture.push(name)
    #expect(registry.requests(.POST, "uploads").count == uploads)
    #expect(registry.requests(.PUT, "manifests").count == 1)
    #expect(fixture.told.contains { $0.status == "Layer already exists" })
    try fixture.catalog.tag(id, as: try ImageReference(parsing: "\(registry.address)/team/copy:v1"))
    try await fixture.push("\(registry.address)/team/copy:v1")
    #expect(fixture.told.contains { $0.status == "Mounted from team/app" })
    #expect(registry.requests(.PATCH, "uploads").count == 1)
    #expect(
      registry.read { $0.manifests["team/copy/v1"]?.bytes } == registry.read { $0.manifests["team/app/v1"]?.bytes })
  }

  @Test(arguments: [true, false])
  func `what was pulled goes out byte by byte as it came`(packed: Bool) async throws {
    let registry = try MemoryRegistry()
    let image = try RemoteImage([("a", "one"), ("b", "two")], packed: packed)
    image.add(to: registry, "one", tag: "v1")
    let second = try MemoryRegistry()
    let fixture = try DistributionFixture([registry, second])
    let pulled = try await fixture.pull("\(registry.address)/one:v1")
    try fixture.catalog.tag(pulled.image.id, as: try ImageReference(parsing: "\(second.address)/two:v1"))
    try await fixture.push("\(second.address)/two:v1")
    #expect(second.read { $0.manifests["two/v1"]?.bytes } == image.bytes)
    #expect(second.read { $0.blobs["two"]?.count } == 3)
  }

  @Test func `all tags go where they are asked for`() async throws {
    let registry = try MemoryRegistry()
    let fixture = try DistributionFixture([registry])
    let repository = "\(registry.address)/app"
    _ = try make(fixture, "\(repository):v1", "one")
    _ = try make(fixture, "\(repository):v2", "two")
    try await fixture.push(repository, allTags: true)
    #expect(registry.read { state in ["app/v1", "app/v2"].allSatisfy { state.manifests[$0] != nil } })
  }

  @Test(arguments: [
    ("R/app:none", false, "An image does not exist locally with the tag: R/app"),
    ("R/app@sha256:" + String(repeating: "a", count: 64), false, "cannot push a digest reference"),
    ("R/app:v1", true, "tag can't be used with --all-tags/-a"),
  ])
  func `what cannot be pushed is told in docker's words`(name: String, all: Bool, message: String) async throws {
    let registry = try MemoryRegistry()
    let fixture = try DistributionFixture([registry])
    await #expect {
      try await fixture.push(name.replacingOccurrences(of: "R", with: registry.address), allTags: all)
    } throws: {
      ($0 as? PlatformError)?.message == message.replacingOccurrences(of: "R", with: registry.address)
    }
  }

  @Test func `a registry that fails once in a while gets the image all the same`() async throws {
    let registry = try MemoryRegistry()
    let fixture = try DistributionFixture([registry], attempts: 6)
    let name = "\(registry.address)/app:v1"
    _ = try make(fixture, name)
    let failures = Failures()
    registry.intercept { request in
      request.target.contains("app") && failures.isDue() ? .full(503, ["Retry-After": "0"]) : nil
    }
    try await fixture.push(name)
    #expect(try manifest(registry, "app/v1").layers.count == 1)
  }

  @Test(arguments: [
    (403, PlatformError.Code.forbidden, "denied: requested access to the resource is denied"),
    (401, .unauthenticated, "unauthorized: authentication required"),
  ])
  func `a refusal is told in docker's words`(status: Int, code: PlatformError.Code, words: String) async throws {
    let registry = try MemoryRegistry()
    let fixture = try DistributionFixture([registry])
    let name = "\(registry.address)/app:v1"
    _ = try make(fixture, name)
    registry.intercept { request in request.method == .POST || request.method == .HEAD ? .full(status) : nil }
    await #expect { try await fixture.push(name) } throws: { error in
      let error = error as? PlatformError
      return error?.code == code && error?.message.hasPrefix(words) == true
    }
  }

  @Test func `what is remembered is bounded and finds places of the same registry only`() throws {
    let fixture = try DistributionFixture([])
    let memory = fixture.distribution.memory
    let blob = ContentHasher.digest(of: [1])
    for index in 0..<20 { try memory.note("r.test/app\(index)", has: [blob]) }
    try memory.note("other.test/app", has: [blob])
    let places = try memory.places(of: blob, host: "r.test", except: "app19")
    #expect(places == (13..<19).reversed().map { "app\($0)" })
    let form = TransferMemory.Packed(digest: blob, sizeBytes: 7)
    try memory.note(form, of: ContentHasher.digest(of: [2]))
    #expect(try memory.packed(ContentHasher.digest(of: [2])) == form)
    #expect(try memory.packed(blob) == nil)
  }
}

/// Every third request fails.
final class Failures: @unchecked Sendable {
  private let lock = NSLock()
  private var count = 0
  func isDue() -> Bool {
    lock.withLock {
      count += 1
      return count % 3 == 0
    }
  }
}
