import ContentStore
import Model
import OCITypes
import Registry
import RegistryClient
import RegistryDouble
import Testing

@testable import Replication

@Suite struct ReplicatorTests {
  @Test func pushesWhatTheFiltersMean() async throws {
    let fixture = try Fixture()
    let wanted = try fixture.pushHere("a", "team/app/web", "v1")
    for (repository, tag) in [("team/app/web", "dev"), ("team/base", "v1"), ("teams/app/web", "v1")] {
      try fixture.pushHere("b", repository, tag)
    }
    _ = try fixture.rule(.push) {
      $0.repositories = ["app/*"]
      $0.tags = ["v*"]
    }
    let run = try await fixture.replicator().run("copy")
    #expect(run.state == .succeeded)
    #expect((run.copied, run.skipped, run.failed, run.attempts) == (1, 0, 0, 1))
    #expect(fixture.digestThere("mirror/team/app/web", "v1") == wanted)
    #expect(fixture.peer.read { $0.blobs.mapValues(\.count) } == ["mirror/team/app/web": 2])
    #expect(fixture.peer.openUploads == 0)

    let again = try await fixture.replicator().run("copy")
    #expect((again.copied, again.skipped) == (0, 1))
    #expect(try fixture.store.executions(of: "copy") == [again, run])
  }

  @Test("a rule brings nothing into a project that is gone or full", arguments: [true, false])
  func projectsAreLookedAtAgain(isGone: Bool) async throws {
    let fixture = try Fixture()
    fixture.pushThere("a", "mirror/team/app", "v1")
    _ = try fixture.rule(.pull) { $0.repositories = ["app"] }
    if !isGone { try fixture.registry.setProject("team", ProjectSettings(quotaBytes: 5)) }
    let run = try await fixture.replicator(isProject: { _ in !isGone }).run("copy")
    #expect(run.state == .failed)
    #expect(run.failures.first?.message.contains(isGone ? "is not there any more" : "quota") == true)
    #expect(try fixture.registry.repositories(limit: 10).allSatisfy { $0.manifests == 0 })
  }

  @Test func pullsByNameWithoutACatalogue() async throws {
    let fixture = try Fixture()
    let wanted = fixture.pushThere("a", "mirror/team/app", "v1")
    fixture.pushThere("b", "mirror/team/other", "v1")
    _ = try fixture.rule(.pull) { $0.repositories = ["app"] }
    let run = try await fixture.replicator().run("copy")
    #expect((run.state, run.copied) == (.succeeded, 1))
    #expect(try fixture.digestHere("team/app", "v1") == wanted)
    #expect(try fixture.registry.repositories(limit: 10).map(\.name.description) == ["team/app"])
    #expect(try fixture.registry.check(readsContent: true).isClean)
  }

  @Test func pullsByPatternFromTheCatalogue() async throws {
    let fixture = try Fixture()
    fixture.pushThere("a", "mirror/team/one", "v1")
    fixture.pushThere("b", "mirror/team/two", "v1")
    fixture.peer.intercept { request in
      request.target.hasPrefix("/v2/_catalog")
        ? .full(
          200, [:], Array(#"{"repositories":["mirror/team/one","mirror/team/two","mirror/teams/x","elsewhere"]}"#.utf8))
        : nil
    }
    _ = try fixture.rule(.pull)
    let run = try await fixture.replicator().run("copy")
    #expect((run.state, run.copied) == (.succeeded, 2))
    #expect(try fixture.registry.repositories(limit: 10).map(\.name.description) == ["team/one", "team/two"])
  }

  @Test func indexesGoBothWaysWhole() async throws {
    let fixture = try Fixture()
    let images = ["amd64", "arm64"].map(Fixture.image)
    let index = Fixture.encode(
      ImageIndex(manifests: images.map { Fixture.descriptor($0.manifest, .ociManifest) }))
    for image in images {
      for blob in image.blobs { fixture.peer.add(blob: blob, to: "mirror/team/app") }
      fixture.peer.add(manifest: image.manifest, type: .ociManifest, to: "mirror/team/app")
    }
    let digest = fixture.peer.add(manifest: index, type: .ociIndex, to: "mirror/team/app", tag: "all")
    _ = try fixture.rule(.pull) { $0.repositories = ["app"] }
    #expect(try await fixture.replicator().run("copy").state == .succeeded)
    #expect(try fixture.digestHere("team/app", "all") == digest)
    #expect(try fixture.registry.check(readsContent: true).isClean)

    _ = try fixture.rule(.push) { $0.remotePath = "back" }
    #expect(try await fixture.replicator().run("copy").state == .succeeded)
    #expect(fixture.digestThere("back/app", "all") == digest)
    #expect(images.allSatisfy { fixture.digestThere("back/app", $0.digest.description) == $0.digest })
  }

  @Test(arguments: [true, false]) func tagsOfTheOtherSideStayWhereTheRuleSaysSo(replaces: Bool) async throws {
    let fixture = try Fixture()
    let old = fixture.pushThere("old", "mirror/team/app", "v1")
    let new = try fixture.pushHere("new", "team/app", "v1")
    _ = try fixture.rule(.push) { $0.replacesTags = replaces }
    let run = try await fixture.replicator().run("copy")
    #expect((run.copied, run.skipped) == (replaces ? 1 : 0, replaces ? 0 : 1))
    #expect(fixture.digestThere("mirror/team/app", "v1") == (replaces ? new : old))
  }

  @Test func aPeerThatComesBackIsTriedAgain() async throws {
    let fixture = try Fixture()
    try fixture.pushHere("a", "team/app", "v1")
    fixture.peer.intercept { _ in .full(503) }
    _ = try fixture.rule(.push)
    let run = try await fixture.replicator { $0.peer.intercept(nil) }.run("copy")
    #expect((run.state, run.copied, run.attempts) == (.succeeded, 1, 2))
    #expect(fixture.paused == [5])
  }

  @Test func aPeerThatStaysAwayIsToldOf() async throws {
    let fixture = try Fixture()
    try fixture.pushHere("a", "team/app", "v1")
    fixture.peer.intercept { _ in .full(429) }
    _ = try fixture.rule(.push)
    let run = try await fixture.replicator().run("copy")
    #expect((run.state, run.failed, run.attempts) == (.failed, 1, 3))
    #expect(run.failures.map(\.subject) == ["team/app:v1"])
    #expect(fixture.paused == [5, 30])
    #expect(try fixture.store.executions(of: "copy") == [run])
  }

  @Test(
    "ATT-015, ATT-016, ATT-017: what a hostile peer sends is not taken, and leaves nothing behind",
    arguments: ["other content", "longer", "shorter", "endless", "other manifest", "huge manifest", "inwards"])
  func hostile(kind: String) async throws {
    let fixture = try Fixture()
    fixture.pushThere("a", "mirror/team/app", "v1")
    let layer = Fixture.image("a").blobs[1]
    let name = "/blobs/\(ContentHasher.digest(of: layer))"
    fixture.peer.intercept { request in
      let isLayer = request.method == .GET && request.target.hasSuffix(name)
      let isManifest = request.method == .GET && request.target.hasSuffix("/manifests/v1")
      switch kind {
      case "other content" where isLayer: return .full(200, [:], layer.reversed())
      case "longer" where isLayer: return .full(200, [:], layer + [0])
      case "shorter" where isLayer: return .full(200, [:], Array(layer.dropLast()))
      case "endless" where isLayer: return .endless(200, [:])
      case "inwards" where isLayer: return .full(307, ["Location": "http://127.0.0.1:1/secret"])
      case "other manifest" where isManifest:
        return .full(
          200,
          [
            "Content-Type": MediaType.ociManifest.rawValue,
            "Docker-Content-Digest": ContentHasher.digest(of: [1]).description,
          ], Fixture.image("b").manifest)
      case "huge manifest" where isManifest:
        return .full(
          200, ["Content-Type": MediaType.ociManifest.rawValue],
          Array(repeating: 32, count: ImageDocuments.maximumManifestBytes + 1))
      default: return nil
      }
    }
    _ = try fixture.rule(.pull) { $0.repositories = ["app"] }
    let run = try await fixture.replicator().run("copy")
    #expect((run.state, run.copied, run.failed) == (.failed, 0, 1))
    #expect(throws: RegistryError.self) { try fixture.digestHere("team/app", "v1") }
    #expect(throws: RegistryError.self) {
      try fixture.registry.blobSize(ContentHasher.digest(of: layer), in: RepositoryName(parsing: "team/app"))
    }
    #expect(try fixture.registry.check(readsContent: true).isClean)
  }

  @Test("ATT-022: addresses of layers that are not to be distributed are never asked")
  func foreign() async throws {
    let fixture = try Fixture()
    let image = Fixture.image("a")
    var foreign = Fixture.descriptor([1, 2, 3], .ociForeignLayerGzip)
    foreign.urls = ["http://\(fixture.peer.address)/secret"]
    let manifest = Fixture.encode(
      ImageManifest(config: Fixture.descriptor(image.blobs[0], .ociConfig), layers: [foreign]))
    fixture.peer.add(blob: image.blobs[0], to: "mirror/team/app")
    let digest = fixture.peer.add(manifest: manifest, type: .ociManifest, to: "mirror/team/app", tag: "v1")
    _ = try fixture.rule(.pull) { $0.repositories = ["app"] }
    #expect(try await fixture.replicator().run("copy").state == .succeeded)
    #expect(try fixture.digestHere("team/app", "v1") == digest)
    #expect(!fixture.peer.server.requests.contains { $0.target.contains("secret") })
    #expect(fixture.peer.requests(.GET, "blobs").count == 1)
  }

  // MARK: - When

  @Test func schedulesRunWhenDue() async throws {
    let fixture = try Fixture()
    try fixture.pushHere("a", "team/app", "v1")
    _ = try fixture.rule(.push) { $0.trigger = .every(seconds: 60) }
    let replicator = fixture.replicator()
    func runs() throws -> Int { try fixture.store.executions(of: "copy").count }
    try await replicator.tick()
    #expect(try runs() == 0)
    fixture.wait(59)
    try await replicator.tick()
    #expect(try runs() == 0)
    fixture.wait(1)
    try await replicator.tick()
    try await replicator.tick()
    #expect(try runs() == 1)
    #expect(try fixture.store.executions(of: "copy").first?.cause == .schedule)

    _ = try fixture.rule(.push) {
      $0.trigger = .every(seconds: 60)
      $0.isEnabled = false
    }
    fixture.wait(600)
    try await replicator.tick()
    #expect(try runs() == 1)
  }

  @Test func timeTablesRunWhenDue() async throws {
    let fixture = try Fixture()
    // The clock begins at 1970-01-12T13:46:40Z.
    let table = try CronSchedule("47 13 * * *")
    _ = try fixture.rule(.push) { $0.trigger = .cron(table) }
    let replicator = fixture.replicator()
    try await replicator.tick()
    fixture.wait(19)
    try await replicator.tick()
    #expect(try fixture.store.executions(of: "copy").isEmpty)
    fixture.wait(1)
    try await replicator.tick()
    fixture.wait(3600)
    try await replicator.tick()
    #expect(try fixture.store.executions(of: "copy").count == 1)
  }

  @Test func pushesAreFollowed() async throws {
    let fixture = try Fixture()
    try fixture.pushHere("before", "team/app", "v0")
    _ = try fixture.rule(.push) {
      $0.trigger = .onPush
      $0.tags = ["v*"]
    }
    let replicator = fixture.replicator()
    try await replicator.tick()
    #expect(try fixture.store.executions(of: "copy").isEmpty)
    let pushed = try fixture.pushHere("a", "team/app", "v1")
    try fixture.pushHere("b", "team/app", "dev")
    try fixture.pushHere("c", "other/app", "v1")
    try await replicator.tick()
    try await replicator.tick()
    let runs = try fixture.store.executions(of: "copy")
    #expect(runs.map(\.cause) == [.push])
    #expect(runs.first?.copied == 1)
    #expect(fixture.digestThere("mirror/team/app", "v1") == pushed)
    #expect(fixture.digestThere("mirror/team/app", "v0") == nil)
  }
}
