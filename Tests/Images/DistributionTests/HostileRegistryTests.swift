import ContentStore
import Foundation
import Layers
import Model
import OCITypes
import RegistryClient
import RegistryDouble
import Testing

@testable import Distribution

/// Registries that lie: no pull succeeds, and nothing of it stays.
@Suite struct HostileRegistryTests {
  private func expectRefusal(
    _ registry: MemoryRegistry, _ name: String = "app", codes: Set<PlatformError.Code>,
    _ fixture: DistributionFixture? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) async throws {
    let fixture = try fixture ?? DistributionFixture([registry])
    do {
      try await fixture.pull("\(registry.address)/\(name)")
      Issue.record("the pull succeeded", sourceLocation: sourceLocation)
    } catch let error as PlatformError {
      #expect(codes.contains(error.code), "\(error)", sourceLocation: sourceLocation)
    }
    #expect(try fixture.isEmpty(), sourceLocation: sourceLocation)
  }

  @Test(arguments: [0, 1])
  func `ATT-015 a layer or configuration with other bytes`(which: Int) async throws {
    let registry = try MemoryRegistry()
    let image = try RemoteImage([("a", "one"), ("b", "two")])
    image.add(to: registry, "app", tag: "latest")
    let blob = which == 0 ? image.manifest.layers[1].digest : image.manifest.config.digest
    registry.intercept { request in
      guard request.method == .GET, request.target.hasSuffix(blob.hex) else { return nil }
      var bytes = which == 0 ? image.layers[1] : image.config
      bytes[bytes.count - 1] ^= 1
      return .full(200, [:], bytes)
    }
    try await expectRefusal(registry, codes: [.invalidArgument])
  }

  @Test(arguments: [Int64(-1), 1])
  func `ATT-016 a layer that is longer or shorter than its descriptor says`(difference: Int64) async throws {
    let registry = try MemoryRegistry()
    var image = try RemoteImage([("a", "one")])
    image.manifest.layers[0].size += difference
    image.add(to: registry, "app", tag: "latest")
    try await expectRefusal(registry, codes: [.invalidArgument])
  }

  @Test func `ATT-016 a layer without end`() async throws {
    let registry = try MemoryRegistry()
    let image = try RemoteImage([("a", "one")])
    image.add(to: registry, "app", tag: "latest")
    registry.intercept { request in
      request.method == .GET && request.target.hasSuffix(image.manifest.layers[0].digest.hex)
        ? .endless(200, ["Transfer-Encoding": "chunked"]) : nil
    }
    try await expectRefusal(registry, codes: [.invalidArgument])
  }

  @Test func `ATT-017 an index of 100,000 entries and annotations of 10 MiB`() async throws {
    let registry = try MemoryRegistry()
    let entry = ContentDescriptor(mediaType: .ociManifest, digest: ContentHasher.digest(of: [1]), size: 1)
    let index = ImageIndex(manifests: Array(repeating: entry, count: 100_000))
    registry.add(manifest: try ImageDocuments.encode(index), type: .ociIndex, to: "app", tag: "latest")
    try await expectRefusal(registry, codes: [.invalidArgument, .resourceExhausted])
    var image = try RemoteImage([("a", "one")])
    image.manifest.annotations = ["long": String(repeating: "x", count: 10 << 20)]
    image.add(to: registry, "app", tag: "v2")
    try await expectRefusal(registry, "app:v2", codes: [.invalidArgument])
  }

  @Test(arguments: ["file:///etc/passwd", "http://169.254.169.254/latest", "OTHER"])
  func `ATT-022 addresses that a manifest gives for its layers are never asked`(url: String) async throws {
    let registry = try MemoryRegistry()
    let other = try MemoryRegistry()
    var image = try RemoteImage([("a", "one")])
    other.add(blob: image.layers[0], to: "x")
    let blob = "http://\(other.address)/v2/x/blobs/\(image.manifest.layers[0].digest)"
    image.manifest.layers[0].urls = [url == "OTHER" ? blob : url]
    image.add(to: registry, "app", tag: "latest", layers: false)
    let fixture = try DistributionFixture([registry, other])
    try await expectRefusal(registry, codes: [.notFound], fixture)
    #expect(other.server.requests.isEmpty)
  }

  @Test func `ATT-022 a layer that redirects inwards`() async throws {
    let registry = try MemoryRegistry()
    let image = try RemoteImage([("a", "one")])
    image.add(to: registry, "app", tag: "latest")
    registry.intercept { request in
      request.method == .GET && request.target.hasSuffix(image.manifest.layers[0].digest.hex)
        ? .full(302, ["Location": "https://169.254.169.254/latest/meta-data"]) : nil
    }
    try await expectRefusal(registry, codes: [.forbidden])
  }

  @Test func `a layer that unpacks to something else than the configuration says`() async throws {
    let registry = try MemoryRegistry()
    var image = try RemoteImage([("a", "one")])
    let other = try RemoteImage([("a", "evil")])
    image.layers = other.layers
    image.manifest.layers = other.manifest.layers
    image.add(to: registry, "app", tag: "latest")
    try await expectRefusal(registry, codes: [.invalidArgument])
  }

  @Test func `ATT-001 a layer that leads out of its root`() async throws {
    let registry = try MemoryRegistry()
    let image = try RemoteImage([("../../../tmp/att-001-distribution", "evil")])
    image.add(to: registry, "app", tag: "latest")
    let fixture = try DistributionFixture([registry])
    do {
      let pulled = try await fixture.pull("\(registry.address)/app")
      #expect(try fixture.text(pulled.image, layer: 0, "tmp/att-001-distribution") == "evil")
    } catch let error as PlatformError {
      #expect(error.code == .invalidArgument)
    }
    #expect(!FileManager.default.fileExists(atPath: "/tmp/att-001-distribution"))
  }

  @Test func `ATT-012 a layer that unpacks to far more than it is`() async throws {
    let registry = try MemoryRegistry()
    let bomb = try RemoteImage.gzip([UInt8](repeating: 0, count: 4 << 20))
    let packed = Array(bomb)
    var image = try RemoteImage([("a", "one")])
    // 300 members of 4 MiB of zeroes: more than the limit's grace, and 1,000 times the packed size.
    image.layers[0] = (0..<300).flatMap { _ in packed }
    image.manifest.layers[0] = ContentDescriptor(
      mediaType: .ociLayerGzip, digest: ContentHasher.digest(of: image.layers[0]), size: Int64(image.layers[0].count))
    image.add(to: registry, "app", tag: "latest")
    try await expectRefusal(registry, codes: [.invalidArgument, .resourceExhausted])
  }

  @Test func `what is no image`() async throws {
    let registry = try MemoryRegistry()
    var artifact = try RemoteImage([("a", "one")])
    artifact.manifest.config.mediaType = MediaType(rawValue: "application/vnd.example.thing")
    artifact.add(to: registry, "app", tag: "artifact")
    var fewer = try RemoteImage([("a", "one"), ("b", "two")])
    fewer.manifest.layers.removeLast()
    fewer.add(to: registry, "app", tag: "fewer")
    var strange = try RemoteImage([("a", "one")])
    strange.manifest.layers[0].mediaType = MediaType(rawValue: "application/x-unknown")
    strange.add(to: registry, "app", tag: "strange")
    var huge = try RemoteImage([("a", "one")])
    huge.manifest.layers[0].size = .max
    huge.manifest.layers.append(huge.manifest.layers[0])
    huge.add(to: registry, "app", tag: "huge")
    for tag in ["artifact", "fewer", "strange"] {
      try await expectRefusal(registry, "app:\(tag)", codes: [.invalidArgument])
    }
    try await expectRefusal(registry, "app:huge", codes: [.resourceExhausted])
  }

  @Test func `indexes that lead in a circle`() async throws {
    let registry = try MemoryRegistry()
    var inner = registry.add(
      manifest: try ImageDocuments.encode(ImageIndex(manifests: [])), type: .ociIndex, to: "app")
    for depth in 0..<5 {
      var entry = ContentDescriptor(mediaType: .ociIndex, digest: inner, size: 0, platform: .host)
      entry.size = Int64(registry.read { $0.manifests["app/\(entry.digest)"]?.bytes.count ?? 0 })
      let bytes = try ImageDocuments.encode(ImageIndex(manifests: [entry]))
      inner = registry.add(manifest: bytes, type: .ociIndex, to: "app", tag: depth == 4 ? "latest" : nil)
    }
    try await expectRefusal(registry, codes: [.invalidArgument])
  }

  @Test func `a pull that is given up in the middle`() async throws {
    let registry = try MemoryRegistry()
    let image = try RemoteImage([("a", "one"), ("b", "two")])
    image.add(to: registry, "app", tag: "latest")
    registry.intercept { request in
      request.method == .GET && request.target.hasSuffix(image.manifest.layers[1].digest.hex) ? .full(500) : nil
    }
    try await expectRefusal(registry, codes: [.unavailable])
  }
}
