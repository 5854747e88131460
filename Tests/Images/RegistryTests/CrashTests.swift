import ContentStore
import Glibc
import LinuxSystem
import Model
import OCITypes
import Testing

@testable import Registry

/// Ends a change between its steps, gives the registry up and opens it again.
@Suite struct CrashTests {
  let interrupter = Interrupter()
  let fixture: RegistryFixture
  let name: RepositoryName
  var registry: Registry { fixture.registry }

  init() throws {
    let interrupter = interrupter
    fixture = try RegistryFixture {
      $0.smallBlobBytes = 64
      $0.step = { try interrupter.check($0) }
    }
    name = try RepositoryName(parsing: "team/app")
  }

  private func crash() throws {
    interrupter.disarm()
    try fixture.crash()
  }

  @Test("a blob whose transaction is durable is there after a crash", arguments: [20, 500])
  func blob(size: Int) throws {
    let bytes = [UInt8](repeating: 5, count: size)
    let digest = ContentHasher.digest(of: bytes)
    for step in [RegistryConfiguration.Step.committed, .changesFile] {
      interrupter.arm(step)
      #expect(throws: Interruption.self) { try registry.putBlob(bytes, in: name, expected: digest) }
      try crash()
      #expect(try registry.blobSize(digest, in: name) == Int64(size))
      #expect(try registry.content.read(digest, maxBytes: 1_000) == bytes)
      #expect(try FileSystem.list(fixture.path + "/uploads").isEmpty)
      try fixture.expectClean()
      try registry.deleteBlob(digest, in: name)
      #expect(try registry.collectGarbage().removedBlobs == 1)
    }
  }

  @Test("a manifest and its tag are there together", arguments: 0..<4)
  func manifest(afterChanges: Int) throws {
    let bytes = try fixture.manifest(["one"], in: name)
    interrupter.arm(.changesFile, after: afterChanges)
    _ = try? registry.putManifest(bytes, as: .tag("t"), mediaType: nil, in: name, by: "x")
    try crash()
    #expect(try registry.manifest(.tag("t"), in: name).bytes == bytes)
    try fixture.expectWhole(name)
    try fixture.expectClean()
  }

  @Test("files that had not reached the disk are written again")
  func lostFiles() throws {
    try fixture.push(["one", "two"], "t")
    // What a power cut takes: everything that was not flushed.
    try FileSystem.removeTree(fixture.path + "/repositories/team")
    for name in try FileSystem.list(fixture.path + "/blobs/sha256") {
      try FileSystem.atomicWrite(fixture.path + "/blobs/sha256/" + name, [], durable: false)
    }
    try crash()
    try fixture.expectWhole(name)
    try fixture.expectClean()
  }

  @Test func aCheckpointMayEndBetweenItsSteps() throws {
    try fixture.push(["one"], "t")
    interrupter.arm(.flushed)
    #expect(throws: Interruption.self) { try registry.checkpoint() }
    try crash()
    try fixture.expectWhole(name)
    try fixture.expectClean()
  }

  @Test("garbage collection goes on where it ended, and what came back since stays", arguments: 0..<3)
  func collection(afterChanges: Int) throws {
    let digest = try fixture.push(["one", "two"], "t")
    try registry.deleteManifest(digest, in: name)
    interrupter.arm(.changesFile, after: afterChanges)
    _ = try? registry.collectGarbage(graceSeconds: 0)
    interrupter.disarm()
    // The same content is pushed before the crash; the log still knows that it was to go.
    try fixture.push(["one"], "again")
    try crash()
    try fixture.expectWhole(name)
    _ = try registry.collectGarbage(graceSeconds: 0)
    try fixture.expectWhole(name)
    try fixture.expectClean()
    #expect(try FileSystem.list(fixture.path + "/trash").isEmpty)
  }

  @Test("a change of files that failed is done before the next")
  func failedChange() throws {
    interrupter.arm(.changesFile, after: 1)
    let bytes = try {
      interrupter.disarm(); return try fixture.manifest(["one"], in: name)
    }()
    interrupter.arm(.changesFile, after: 1)
    #expect(throws: Interruption.self) {
      try registry.putManifest(bytes, as: .tag("t"), mediaType: nil, in: name, by: "x")
    }
    interrupter.disarm()
    try fixture.push(["two"], "u")
    try fixture.expectWhole(name)
    try fixture.expectClean()
    #expect(try registry.tags(in: name, limit: 10).map(\.name) == ["t", "u"])
  }

  @Test func oneProcessUsesARoot() throws {
    let error = #expect(throws: PlatformError.self) { try Registry(root: fixture.path, logger: .init(label: "x")) }
    #expect(error?.code == .unavailable)
  }
}

@Suite struct CheckTests {
  let fixture: RegistryFixture
  let name: RepositoryName
  var registry: Registry { fixture.registry }

  init() throws {
    fixture = try RegistryFixture()
    name = try RepositoryName(parsing: "team/app")
  }

  private func blobPath(_ digest: Digest) -> String { "\(fixture.path)/blobs/sha256/\(digest.hex)" }

  @Test func recordsAreMadeAgainFromTheFiles() throws {
    let subject = try fixture.push(["one", "two"], "v1")
    let size = try registry.resolve(.tag("v1"), in: name).sizeBytes
    let reference = try fixture.manifest(["signature"], in: name) {
      $0.subject = ContentDescriptor(mediaType: .ociManifest, digest: subject, size: size)
    }
    try registry.putManifest(reference, as: .tag("sig"), mediaType: nil, in: name, by: "x")
    try registry.setProject("team", ProjectSettings(quotaBytes: 1 << 30))
    let artifacts = try registry.artifacts(in: name, limit: 10)
    let usage = try registry.project("team")
    try registry.checkpoint()
    for suffix in ["", "-wal", "-shm"] { try FileSystem.removeFile(fixture.path + "/registry.sqlite" + suffix) }
    try fixture.crash()
    #expect(try registry.repositories(limit: 10).isEmpty)
    let check = try registry.check(repairs: true)
    #expect(!check.isClean)
    #expect(check.findings.allSatisfy { $0.isRepaired })
    #expect(try registry.artifacts(in: name, limit: 10) == artifacts)
    #expect(try registry.project("team") == usage)
    #expect(try registry.referrers(of: subject, in: name, limit: 10).count == 1)
    try fixture.expectWhole(name)
    try fixture.expectClean()
    #expect(try registry.collectGarbage(graceSeconds: 0).removedBlobs == 0)
  }

  @Test func damagedAndMissingBlobsAreFoundAndCanBePushedAgain() throws {
    try fixture.push(["one", "two"], "v1")
    try registry.checkpoint()
    let one = ContentHasher.digest(of: Array("one".utf8))
    let two = ContentHasher.digest(of: Array("two".utf8))
    try FileSystem.atomicWrite(blobPath(one), Array("eno".utf8))
    try FileSystem.removeFile(blobPath(two))
    let check = try registry.check(readsContent: true)
    #expect(check.findings.contains { $0.kind == .blobDamaged && $0.subject == one.description })
    #expect(check.findings.contains { $0.kind == .blobMissing && $0.subject == two.description })
    #expect(check.findings.filter { $0.kind == .manifestIncomplete }.count == 2)
    _ = try registry.check(repairs: true, readsContent: true)
    #expect(try FileSystem.list(fixture.path + "/quarantine") == [one.hex])
    #expect(throws: RegistryError.self) { try registry.blobSize(one, in: name) }
    for text in ["one", "two"] { _ = try fixture.blob(text, in: name) }
    try fixture.expectWhole(name)
  }

  @Test func wrongCountsAndStrayFilesAreRepaired() throws {
    try fixture.push(["one"], "v1")
    try registry.commit { transaction in
      try transaction.put(ProjectRecord(settings: ProjectSettings(), usedBytes: 7), Table.projects, "team")
      try transaction.delete(Table.tags, "\(name):v1")
    }
    try registry.content.write(Array("stray".utf8))
    try FileSystem.atomicWrite(fixture.path + "/uploads/stray", [1])
    let check = try registry.check()
    #expect(check.findings.contains { $0.kind == .blobUnrecorded })
    #expect(check.findings.contains { $0.kind == .uploadLeftOver })
    let subjects = check.findings.map(\.subject)
    #expect(subjects.contains("team/app:v1") && subjects.contains("project team"))
    #expect(!subjects.contains { $0.contains("registry_") })
    _ = try registry.check(repairs: true)
    #expect(try registry.collectGarbage().removedBlobs == 1)
    #expect(try registry.resolve(.tag("v1"), in: name).sizeBytes > 0)
    try fixture.expectClean()
  }
}
