import ContentStore
import LinuxSystem
import Model
import OCITypes
import Testing

@testable import Registry

/// Content named by SHA-512 is kept like any other.
@Suite struct AlgorithmTests {
  let fixture: RegistryFixture
  let name: RepositoryName
  var registry: Registry { fixture.registry }

  init() throws {
    fixture = try RegistryFixture()
    name = try RepositoryName(parsing: "team/app")
  }

  private static func digest(_ bytes: [UInt8]) -> Digest { ContentHasher.digest(of: bytes, by: .sha512) }

  /// An image by SHA-512 throughout, with one layer of so many bytes.
  private func push(_ size: Int) throws -> (manifest: Digest, layer: Digest) {
    let blobs = [Array("{}".utf8), (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 7) }]
    for bytes in blobs { try registry.putBlob(bytes, in: name, expected: Self.digest(bytes)) }
    let descriptors = blobs.map {
      ContentDescriptor(mediaType: .ociLayerGzip, digest: Self.digest($0), size: Int64($0.count))
    }
    let bytes = try ImageDocuments.encode(ImageManifest(config: descriptors[0], layers: [descriptors[1]]))
    try registry.putManifest(
      bytes, as: .digest(Self.digest(bytes)), tags: ["one", "two"], mediaType: MediaType.ociManifest.rawValue,
      in: name, by: "test")
    return (Self.digest(bytes), descriptors[1].digest)
  }

  @Test("in memory and in a file", arguments: [10, 300_000])
  func imagesAreKept(size: Int) throws {
    let (manifest, layer) = try push(size)
    for _ in 0..<2 {
      for tag in ["one", "two"] { #expect(try registry.resolve(.tag(tag), in: name).digest == manifest) }
      #expect(try registry.readBlob(layer, in: name, maxBytes: size).count == size)
      #expect(FileSystem.exists("\(fixture.path)/blobs/sha512/\(layer.hex)"))
      #expect(try registry.artifacts(in: name, limit: 10).map(\.tags) == [["one", "two"]])
      try fixture.expectClean()
      try fixture.crash()
    }
  }

  @Test func quotaCollectionAndRepairCountIt() throws {
    let (manifest, layer) = try push(100_000)
    let used = try registry.project("team").usedBytes
    #expect(used > 100_000)
    try registry.setProject("team", ProjectSettings(quotaBytes: used))
    let error = #expect(throws: RegistryError.self) {
      try registry.putBlob([1], in: name, expected: Self.digest([1]))
    }
    #expect(error?.code == .quotaExceeded)

    // Records that are lost come back from the files alone.
    try registry.checkpoint()
    try registry.commit { transaction in
      for table in Table.derived { try transaction.records.delete(in: table, from: "", below: "\u{10FFFF}") }
    }
    #expect(try !registry.check(repairs: true).isClean)
    #expect(try registry.project("team").usedBytes == used)
    #expect(try registry.resolve(.tag("two"), in: name).digest == manifest)
    try fixture.expectClean()

    try FileSystem.atomicWrite("\(fixture.path)/blobs/sha512/\(layer.hex)", [UInt8](repeating: 0, count: 100_000))
    let finding = try #require(registry.check(readsContent: true).findings.first)
    #expect(finding.kind == .blobDamaged && finding.subject == layer.description)
    _ = try registry.check(repairs: true, readsContent: true)
    #expect(FileSystem.exists("\(fixture.path)/quarantine/\(layer.hex)"))

    try registry.deleteManifest(manifest, in: name)
    #expect(try registry.collectGarbage(graceSeconds: 0).removedBlobs == 2)
    #expect(try registry.content.list().isEmpty)
    try fixture.expectClean()
  }

  @Test("ATT-015: content with another SHA-512 than announced is refused and not kept", arguments: [10, 300_000])
  func wrongDigest(size: Int) throws {
    let bytes = [UInt8](repeating: 7, count: size)
    let error = #expect(throws: RegistryError.self) {
      try registry.putBlob(bytes, in: name, expected: Self.digest([1]))
    }
    #expect(error?.code == .digestInvalid)
    #expect(try registry.content.list().isEmpty)
    #expect(try FileSystem.list(fixture.path + "/uploads").isEmpty)
  }
}
