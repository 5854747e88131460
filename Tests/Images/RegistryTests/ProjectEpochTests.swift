import ContentStore
import Model
import OCITypes
import Testing

@testable import Registry

/// A push that has begun ends with the project that it was for.
@Suite struct ProjectEpochTests {
  private let fixture: RegistryFixture
  private let name: RepositoryName
  private var registry: Registry { fixture.registry }

  init() throws {
    fixture = try RegistryFixture()
    name = try fixture.name
  }

  private func refuses(_ body: () throws -> Void) {
    let error = #expect(throws: RegistryError.self) { try body() }
    #expect(error?.code == .nameUnknown)
  }

  @Test func `nothing of a push comes into a project that was removed`() throws {
    let epoch = registry.epoch(of: "team")
    let bytes = Array("late".utf8)
    let digest = ContentHasher.digest(of: bytes)
    let begun = try registry.startUpload(in: name, since: epoch)
    try registry.begin(begun)
    try bytes.withUnsafeBytes { try begun.append($0) }
    let source = try RepositoryName(parsing: "other/app")
    let blob = try fixture.blob("there", in: source)
    try registry.removeProject("team")
    #expect(throws: RegistryError.self) { try registry.finish(begun, expected: digest) }
    refuses { _ = try registry.mount(blob, from: source, into: name, since: epoch) }
    let upload = try registry.startUpload(in: name, since: epoch)
    try registry.begin(upload)
    try bytes.withUnsafeBytes { try upload.append($0) }
    refuses { try registry.finish(upload, expected: digest) }
    #expect(registry.uploads.count == 0)
    let empty = try ImageDocuments.encode(ImageIndex(manifests: []))
    refuses {
      try registry.putManifest(
        empty, as: .tag("v1"), mediaType: MediaType.ociIndex.rawValue, in: name, since: epoch, by: "x")
    }
    #expect(try registry.repositories(in: "team", limit: 10).isEmpty)
    #expect(try registry.project("team").usedBytes == 0)
    // The project may be made again; what begins then comes in.
    try registry.putBlob(bytes, in: name, expected: digest)
    #expect(try registry.blobSize(digest, in: name) == 4)
    try fixture.expectClean()
  }

  @Test func `a project that stays keeps its pushes`() throws {
    try fixture.push(["one"], "a")
    let epoch = registry.epoch(of: "team")
    let busy = #expect(throws: RegistryError.self) { try registry.removeProject("team") }
    #expect(busy?.code == .inUse)
    #expect(registry.epoch(of: "team") == epoch)
  }

  @Test func `unfinished uploads go with their project`() throws {
    let upload = try registry.startUpload(in: name)
    try registry.begin(upload)
    try [UInt8](repeating: 1, count: 10).withUnsafeBytes { try upload.append($0) }
    try upload.persist()
    upload.end()
    let other = try registry.startUpload(in: RepositoryName(parsing: "other/app"))
    try registry.removeProject("team")
    #expect(throws: RegistryError.self) { try registry.upload(upload.id, in: name) }
    #expect(registry.uploads.ids == [other.id])
  }
}
