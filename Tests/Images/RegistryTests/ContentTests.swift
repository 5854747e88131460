import ContentStore
import LinuxSystem
import Model
import OCITypes
import Testing

@testable import Registry

@Suite struct ContentTests {
  let fixture: RegistryFixture
  var registry: Registry { fixture.registry }
  let name: RepositoryName

  init() throws {
    fixture = try RegistryFixture()
    name = try RepositoryName(parsing: "team/app")
  }

  private func code(_ body: () throws -> Void) -> RegistryError.Code? {
    do {
      try body()
      return nil
    } catch {
      return (error as? RegistryError)?.code
    }
  }

  @Test func whatWasPushedIsThereAlsoAfterACrash() throws {
    let digest = try fixture.push(["one", "two"], "v1")
    for _ in 0..<2 {
      #expect(try registry.resolve(.tag("v1"), in: name).digest == digest)
      #expect(try registry.tags(in: name, limit: 10).map(\.name) == ["v1"])
      try fixture.expectWhole(name)
      try fixture.expectClean()
      try fixture.crash()
    }
  }

  @Test("ATT-015: content with another digest than announced is refused and not kept", arguments: [10, 200_000])
  func wrongDigest(size: Int) throws {
    let bytes = [UInt8](repeating: 7, count: size)
    let wrong = ContentHasher.digest(of: [1])
    #expect(code { try registry.putBlob(bytes, in: name, expected: wrong) } == .digestInvalid)
    #expect(try registry.content.list().isEmpty)
    #expect(try FileSystem.list(fixture.path + "/uploads").isEmpty)
    let manifest = try fixture.manifest(["one"], in: name)
    #expect(
      code {
        _ = try registry.putManifest(manifest, as: .digest(wrong), mediaType: nil, in: name, by: "x")
      } == .digestInvalid)
    try fixture.expectClean()
  }

  @Test("ATT-016: a manifest that tells another size than the blob has is refused", arguments: [Int64(1), 4, 1 << 40])
  func wrongSize(size: Int64) throws {
    let manifest = try fixture.manifest(["one"], in: name) { $0.layers[0].size = size }
    #expect(
      code { _ = try registry.putManifest(manifest, as: .tag("t"), mediaType: nil, in: name, by: "x") }
        == .manifestInvalid)
    #expect(code { _ = try registry.resolve(.tag("t"), in: name) } == .manifestUnknown)
  }

  @Test("ATT-017: manifests beyond the bounds are refused")
  func tooLarge() throws {
    let long = Array(#"{"schemaVersion":2,"annotations":{"a":""#.utf8) + [UInt8](repeating: 97, count: 4 << 20)
    #expect(
      code { _ = try registry.putManifest(long, as: .tag("t"), mediaType: nil, in: name, by: "x") } == .manifestTooLarge
    )
    let part = #"{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:"#
    let entries = (0..<1_001).map { number in
      part + String(repeating: "0", count: 60) + String(1_000 + number) + #"","size":1}"#
    }
    let index = #"{"schemaVersion":2,"manifests":["# + entries.joined(separator: ",") + "]}"
    #expect(
      code {
        _ = try registry.putManifest(
          Array(index.utf8), as: .tag("t"), mediaType: MediaType.ociIndex.rawValue, in: name, by: "x")
      } == .manifestInvalid)
  }

  @Test func aManifestNeedsItsBlobsInItsOwnRepository() throws {
    let other = try RepositoryName(parsing: "team/other")
    let manifest = try fixture.manifest(["one"], in: other)
    let error = #expect(throws: RegistryError.self) {
      try registry.putManifest(manifest, as: .tag("t"), mediaType: nil, in: name, by: "x")
    }
    #expect(error?.code == .manifestBlobUnknown)
    #expect(error?.missing.count == 2)
    for text in ["{}", "one"] {
      #expect(try registry.mount(ContentHasher.digest(of: Array(text.utf8)), from: other, into: name))
    }
    try registry.putManifest(manifest, as: .tag("t"), mediaType: nil, in: name, by: "x")
    #expect(try !registry.mount(ContentHasher.digest(of: [9]), from: other, into: name))
    try fixture.expectClean()
  }

  @Test("ATT-022: layers that are not to be distributed need not be there, others with addresses have to")
  func foreignLayers() throws {
    for (type, expected) in [
      (MediaType.dockerForeignLayerGzip, nil), (.ociLayerGzip, RegistryError.Code.manifestBlobUnknown),
    ] {
      let manifest = try fixture.manifest(["one"], in: name) { manifest in
        var layer = ContentDescriptor(mediaType: type, digest: ContentHasher.digest(of: [5]), size: 10)
        layer.urls = ["http://169.254.169.254/latest", "file:///etc/passwd"]
        manifest.layers.append(layer)
      }
      let found = code { _ = try registry.putManifest(manifest, as: .tag("t"), mediaType: nil, in: name, by: "x") }
      #expect(found == expected)
    }
  }

  @Test func manifestsOfUnknownTypesAreRefused() throws {
    let manifest = try fixture.manifest(["one"], in: name)
    for (bytes, type) in [
      (manifest, "application/json"), (manifest, MediaType.dockerManifest.rawValue), (Array("{".utf8), nil),
      (Array("{}".utf8), nil), (Array(#"{"schemaVersion":1}"#.utf8), MediaType.dockerManifest.rawValue),
    ] as [([UInt8], String?)] {
      #expect(
        code { _ = try registry.putManifest(bytes, as: .tag("t"), mediaType: type, in: name, by: "x") }
          == .manifestInvalid)
    }
  }

  @Test func whatIsNeededCannotBeDeleted() throws {
    let digest = try fixture.push(["one"], "v1")
    let layer = ContentHasher.digest(of: Array("one".utf8))
    #expect(code { try registry.deleteBlob(layer, in: name) } == .inUse)
    let index = try ImageDocuments.encode(
      ImageIndex(manifests: [
        ContentDescriptor(
          mediaType: .ociManifest, digest: digest, size: registry.resolve(.tag("v1"), in: name).sizeBytes)
      ]))
    let parent = try registry.putManifest(index, as: .tag("all"), mediaType: nil, in: name, by: "x").digest
    #expect(code { try registry.deleteManifest(digest, in: name) } == .inUse)
    try registry.deleteManifest(parent, in: name)
    try registry.deleteManifest(digest, in: name)
    try registry.deleteBlob(layer, in: name)
    #expect(code { try registry.deleteBlob(layer, in: name) } == .blobUnknown)
    #expect(try registry.tags(in: name, limit: 10).isEmpty)
    try fixture.expectClean()
  }

  @Test func referrersAreListedUntilTheyGo() throws {
    let subject = try fixture.push(["one"], "v1")
    let size = try registry.resolve(.tag("v1"), in: name).sizeBytes
    var referrers: [Digest] = []
    for number in 0..<3 {
      let bytes = try fixture.manifest(["signature \(number)"], in: name) { manifest in
        manifest.artifactType = "application/x-\(number)"
        manifest.subject = ContentDescriptor(mediaType: .ociManifest, digest: subject, size: size)
        manifest.annotations = ["n": "\(number)"]
      }
      let push = try registry.putManifest(
        bytes, as: .digest(ContentHasher.digest(of: bytes)), mediaType: nil, in: name, by: "x")
      #expect(push.subject == subject)
      referrers.append(push.digest)
    }
    let list = try registry.referrers(of: subject, in: name, limit: 10)
    #expect(list.map(\.digest) == referrers.sorted())
    #expect(Set(list.compactMap(\.artifactType)).count == 3)
    #expect(list.allSatisfy { $0.annotations?["n"] != nil })
    #expect(
      try registry.referrers(of: subject, in: name, after: list[0].digest, limit: 1).map(\.digest) == [list[1].digest])
    try registry.deleteManifest(referrers[0], in: name)
    #expect(try registry.referrers(of: subject, in: name, limit: 10).count == 2)
    try fixture.expectClean()
  }

  @Test func listsGoOnBehindTheLastAndStayInTheirProject() throws {
    for text in ["team", "team-a/x", "team/a", "team/b", "team0/x", "other/z"] {
      try fixture.push(["one"], "t", in: RepositoryName(parsing: text))
    }
    #expect(try registry.repositories(in: "team", limit: 10).map(\.name.description) == ["team", "team/a", "team/b"])
    #expect(try registry.repositories(after: "team", in: "team", limit: 1).map(\.name.description) == ["team/a"])
    #expect(try registry.repositories(after: "team/a", in: "team", limit: 9).map(\.name.description) == ["team/b"])
    #expect(try registry.repositories(after: "team/b", limit: 9).map(\.name.description) == ["team0/x"])
    #expect(try registry.repositories(limit: 2).map(\.name.description) == ["other/z", "team"])
    for tag in ["b", "a", "B", "a.1"] { try fixture.push(["one"], tag) }
    #expect(try registry.tags(in: name, limit: 10).map(\.name) == ["B", "a", "a.1", "b"])
    #expect(try registry.tags(in: name, after: "a", limit: 1).map(\.name) == ["a.1"])
  }

  @Test func versionsChangeWithTheRepository() throws {
    let before = registry.version(of: name)
    try fixture.push(["one"], "v1")
    let after = registry.version(of: name)
    #expect(before != after)
    _ = try registry.manifest(.tag("v1"), in: name)
    #expect(registry.version(of: name) == after)
    try registry.deleteTag("v1", in: name)
    #expect(registry.version(of: name) != after)
  }
}
