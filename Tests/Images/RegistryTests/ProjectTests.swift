import ContentStore
import Model
import Testing

@testable import Registry

@Suite struct ProjectTests {
  let fixture: RegistryFixture
  let name: RepositoryName
  var registry: Registry { fixture.registry }

  init() throws {
    fixture = try RegistryFixture()
    name = try RepositoryName(parsing: "team/app")
  }

  @Test func quotasCountEachBlobOnceAndHoldBeforeTheAnswer() throws {
    let ten = String(repeating: "x", count: 10)
    try registry.setProject("team", ProjectSettings(quotaBytes: 25))
    _ = try fixture.blob(ten, in: name)
    _ = try fixture.blob(ten, in: RepositoryName(parsing: "team/other"))
    #expect(try registry.project("team").usedBytes == 10)
    _ = try fixture.blob(String(repeating: "y", count: 10), in: name)
    let error = #expect(throws: RegistryError.self) { try fixture.blob(String(repeating: "z", count: 6), in: name) }
    #expect(error?.code == .uploadTooLarge)
    #expect(try registry.project("team").usedBytes == 20)
    // Another project has the blob already, which helps nobody here.
    let other = try RepositoryName(parsing: "rich/app")
    let big = try fixture.blob(String(repeating: "b", count: 100), in: other)
    let mount = #expect(throws: RegistryError.self) { try registry.mount(big, from: other, into: name) }
    #expect(mount?.code == .quotaExceeded)
    _ = try fixture.blob("12345", in: name)
    let full = #expect(throws: RegistryError.self) { try registry.startUpload(in: name) }
    #expect(full?.code == .quotaExceeded)
    try fixture.expectClean()
  }

  @Test func manifestsCountAgainstTheQuota() throws {
    let bytes = try fixture.manifest(["one"], in: name)
    let used = try registry.project("team").usedBytes
    try registry.setProject("team", ProjectSettings(quotaBytes: used + Int64(bytes.count) - 1))
    let error = #expect(throws: RegistryError.self) {
      try registry.putManifest(bytes, as: .tag("t"), mediaType: nil, in: name, by: "x")
    }
    #expect(error?.code == .quotaExceeded)
    try registry.setProject("team", ProjectSettings(quotaBytes: used + Int64(bytes.count)))
    let digest = try registry.putManifest(bytes, as: .tag("t"), mediaType: nil, in: name, by: "x").digest
    try registry.deleteManifest(digest, in: name)
    #expect(try registry.project("team").usedBytes == used)
  }

  @Test func immutableTagsStay() throws {
    try registry.setProject(
      "team", ProjectSettings(immutability: [ImmutabilityRule(repositories: "team/*", tags: "v*")]))
    let first = try fixture.push(["one"], "v1")
    #expect(try fixture.push(["one"], "v1") == first)
    for attempt in [
      { _ = try fixture.push(["two"], "v1") }, { try registry.deleteTag("v1", in: name) },
      { try registry.deleteManifest(first, in: name) }, { try registry.deleteRepository(name) },
    ] {
      let error = #expect(throws: RegistryError.self) { try attempt() }
      #expect(error?.code == .tagImmutable)
    }
    #expect(try registry.resolve(.tag("v1"), in: name).digest == first)
    try fixture.push(["one"], "latest")
    try fixture.push(["two"], "latest")
    try fixture.crash()
    #expect(try registry.project("team").settings.immutability.count == 1)
  }

  @Test func retentionKeepsTheNewestAndTellsFirst() throws {
    for number in 1...5 {
      try fixture.push(["layer \(number)"], "build-\(number)")
      fixture.clock.advance(86_400)
    }
    try fixture.push(["release"], "v1")
    let rule = RetentionRule(repositories: "team/*", tags: "build-*", keepNewest: 2)
    try registry.setProject("team", ProjectSettings(retention: [rule]))
    let plan = try registry.applyRetention(to: "team", isDryRun: true)
    #expect(plan.filter { !$0.isKept }.compactMap(\.tag) == ["build-1", "build-2", "build-3"])
    #expect(try registry.tags(in: name, limit: 10).count == 6)
    #expect(try registry.applyRetention(to: "team", isDryRun: false) == plan)
    #expect(try registry.tags(in: name, limit: 10).map(\.name) == ["build-4", "build-5", "v1"])
    #expect(try registry.artifacts(in: name, limit: 10).count == 3)
    #expect(try registry.collectGarbage(graceSeconds: 0).removedBlobs == 6)
    try fixture.expectWhole(name)
    try fixture.expectClean()
  }

  @Test func retentionByAgeSparesWhatIsImmutableOrShared() throws {
    try fixture.push(["old"], "old")
    try fixture.push(["old"], "same")
    try fixture.push(["fixed"], "v1")
    fixture.clock.advance(10 * 86_400)
    try fixture.push(["new"], "new")
    try registry.setProject(
      "team",
      ProjectSettings(
        immutability: [ImmutabilityRule(tags: "v*")],
        retention: [RetentionRule(keepDays: 5), RetentionRule(tags: "same", keepNewest: 1)]))
    let plan = try registry.applyRetention(to: "team", isDryRun: false)
    #expect(plan.filter { !$0.isKept }.compactMap(\.tag) == ["old"])
    #expect(try registry.tags(in: name, limit: 10).map(\.name) == ["new", "same", "v1"])
    // What "old" named is still named by "same".
    #expect(try registry.artifacts(in: name, limit: 10).count == 3)
  }

  @Test func untaggedManifestsGoAfterTheirTime() throws {
    let lost = try fixture.push(["one"], "t")
    try fixture.push(["two"], "t")
    try registry.setProject("team", ProjectSettings(retention: [RetentionRule(untaggedDays: 3)]))
    #expect(try registry.applyRetention(to: "team", isDryRun: false).map(\.isKept) == [true])
    fixture.clock.advance(4 * 86_400)
    let plan = try registry.applyRetention(to: "team", isDryRun: false)
    #expect(plan.map(\.digest) == [lost])
    #expect(try registry.artifacts(in: name, limit: 10).count == 1)
  }

  @Test(arguments: [
    ProjectSettings(quotaBytes: -1), ProjectSettings(immutability: [ImmutabilityRule(tags: "")]),
    ProjectSettings(immutability: [ImmutabilityRule(tags: String(repeating: "a", count: 257))]),
    ProjectSettings(retention: [RetentionRule()]), ProjectSettings(retention: [RetentionRule(keepNewest: -1)]),
    ProjectSettings(retention: [RetentionRule(keepDays: 100_000)]),
    ProjectSettings(immutability: Array(repeating: ImmutabilityRule(tags: "a"), count: 33)),
  ])
  func badSettings(settings: ProjectSettings) throws {
    let error = #expect(throws: RegistryError.self) { try registry.setProject("team", settings) }
    #expect(error?.code == .settingInvalid)
  }

  @Test func repositoriesAndProjectsGoWhole() throws {
    try fixture.push(["one"], "a")
    try fixture.push(["two"], "b")
    let busy = #expect(throws: RegistryError.self) { try registry.removeProject("team") }
    #expect(busy?.code == .inUse)
    try registry.deleteRepository(name)
    #expect(try registry.repositories(limit: 10).isEmpty)
    #expect(try registry.project("team").usedBytes == 0)
    try registry.removeProject("team")
    let result = try registry.collectGarbage()
    #expect(result.removedBlobs == 5)
    #expect(try registry.content.list().isEmpty)
    try fixture.expectClean()
  }
}
