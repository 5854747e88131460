import ContentStore
import Glibc
import Layers
import LinuxSystem
import Model
import OCITypes
import Testing

@testable import ImageCatalog

@Suite struct ImageMakingTests {
  let fixture: CatalogFixture
  init() throws { fixture = try CatalogFixture() }

  @Test func importedArchivesBecomeImages() throws {
    let catalog = try fixture.open().catalog
    let tar = try TestImage.tar([("etc/hostname", "x"), ("bin/sh", "#!")])
    let id = try catalog.importTar(
      from: MemoryFile.make(tar), reference: ImageReference(parsing: "own"), message: "",
      changes: ["CMD [\"/bin/sh\"]", "ENV A=1 B='two words'", "EXPOSE 80 53/udp"])
    let record = try catalog.resolve("own")
    #expect(record.id == id)
    #expect(record.config.config?.cmd == ["/bin/sh"])
    #expect(record.config.config?.env == ["A=1", "B=two words"])
    #expect(record.config.config?.exposedPorts?.keys.sorted() == ["53/udp", "80/tcp"])
    #expect(record.config.history?.first?.comment == "Imported from -")
    #expect(record.config.rootfs.diffIDs == [ContentHasher.digest(of: tar)])
    #expect(record.sizeBytes == 3)
    let error = #expect(throws: PlatformError.self) {
      try catalog.importTar(from: MemoryFile.make(tar), reference: nil, message: "", changes: ["RUN rm -rf /"])
    }
    #expect(error?.message == "RUN is not a valid change command")
    #expect(throws: PlatformError.self) {
      try catalog.importTar(from: MemoryFile.make([1, 2, 3]), reference: nil, message: "", changes: [])
    }
    catalog.settle()
    #expect(try catalog.list().count == 1)
    #expect(try FileSystem.list(fixture.path + "/snapshots/staging").isEmpty)
  }

  @Test func theSameArchiveAndTimeGiveTheSameImage() throws {
    let tar = try TestImage.tar([("a", "b")])
    var new = NewImage()
    new.created = "2024-01-01T00:00:00Z"
    let first = try fixture.open().catalog.importTar(MemorySource(tar), new)
    let other = try CatalogFixture()
    let second = try other.open().catalog.importTar(MemorySource(tar), new)
    #expect(first.id == second.id && first.manifest == second.manifest)
    withExtendedLifetime(other) {}
  }

  @Test func committedChangesLieOnTopOfTheirImage() throws {
    let parts = try fixture.open()
    let image = try TestImage([[("base", "b")]])
    try parts.catalog.load(TestImage.dockerArchive([(image, ["a:1"])]))
    let parent = try parts.catalog.resolve("a:1")
    let container = ContainerID.random()
    let ids = IDRange(first: 1_000_000)
    try parts.snapshots.createWritable(container, ids: ids)
    let upper = parts.snapshots.upperPath(container)
    try FileSystem.atomicWrite(upper + "/added", Array("new".utf8), mode: 0o640, durable: false)
    #expect(chown(upper + "/added", 1_000_033, 1_000_034) == 0)
    #expect(mknod(upper + "/base", S_IFCHR, 0) == 0)
    var settings = ContainerSettings(image: "a:1")
    settings.environment = ["A=1"]
    settings.labels = ["l": "m"]
    let id = try parts.catalog.commit(
      upper: upper, ids: ids, parent: parent.id, settings: settings, reference: ImageReference(parsing: "c"),
      comment: "why", author: "somebody", changes: ["WORKDIR /srv"])
    let record = try parts.catalog.resolve("c")
    #expect(record.id == id)
    #expect(record.config.rootfs.diffIDs.count == 2)
    #expect(record.config.config?.cmd == ["sh"] && record.config.config?.env == ["A=1"])
    #expect(record.config.config?.workingDir == "/srv" && record.labels == ["l": "m"])
    #expect(record.config.author == "somebody" && record.config.history?.last?.comment == "why")
    #expect(record.parent == parent.id && record.sizeBytes == 4)
    let layer = parts.snapshots.layerPath(record.chainIDs[1])
    var status = stat()
    #expect(lstat(layer + "/added", &status) == 0 && status.st_uid == 33 && status.st_gid == 34)
    #expect(lstat(layer + "/base", &status) == 0 && status.st_mode & S_IFMT == S_IFCHR && status.st_rdev == 0)
    // The parent cannot go before its child.
    let conflict = #expect(throws: PlatformError.self) { try parts.catalog.removed("a:1", force: true) }
    #expect(conflict?.message.contains("image has dependent child images") == true)
    let missing = #expect(throws: PlatformError.self) {
      try parts.catalog.commit(
        upper: upper + "/absent", ids: ids, parent: parent.id, settings: settings, reference: nil, comment: "",
        author: "", changes: [])
    }
    #expect(missing?.code == .internal)
    parts.catalog.settle()
    #expect(try FileSystem.list(fixture.path + "/snapshots/staging").isEmpty)
    #expect(try FileSystem.list(fixture.path + "/content/staging").isEmpty)
  }

  @Test(arguments: [
    (["CMD echo hi"], ["/bin/sh", "-c", "echo hi"]), (["SHELL [\"bash\",\"-c\"]", "CMD x"], ["bash", "-c", "x"]),
    (["cmd [\"a\", \"b c\"]"], ["a", "b c"]), (["CMD []"], []), (["CMD [bad"], ["/bin/sh", "-c", "[bad"]),
  ])
  func commandsHaveTwoForms(lines: [String], command: [String]) throws {
    var config = ImageExecution()
    try ImageChanges.apply(lines, to: &config)
    #expect(config.cmd == command)
  }

  @Test func everyChangeIsApplied() throws {
    var config = ImageExecution()
    config.env = ["PATH=/bin", "OLD=1"]
    config.workingDir = "/srv"
    try ImageChanges.apply(
      [
        "ENV OLD=2", "ENV OLD form with spaces", "LABEL a=b \"c d\"=\"e f\"", "VOLUME [\"/data\", \"/more\"]",
        "VOLUME /x /y",
        "USER 1000:1000", "WORKDIR app", "STOPSIGNAL SIGINT", "ONBUILD RUN x", "ENTRYPOINT [\"/e\"]",
        "EXPOSE 8000-8002/tcp", "HEALTHCHECK --interval=1m30s --retries=2 CMD curl -f localhost",
      ], to: &config)
    #expect(config.env == ["PATH=/bin", "OLD=form with spaces"])
    #expect(config.labels == ["a": "b", "c d": "e f"])
    #expect(config.volumes?.keys.sorted() == ["/data", "/more", "/x", "/y"])
    #expect(config.user == "1000:1000" && config.workingDir == "/srv/app" && config.stopSignal == "SIGINT")
    #expect(config.onBuild == ["RUN x"] && config.entrypoint == ["/e"])
    #expect(config.exposedPorts?.count == 3)
    #expect(config.healthcheck?.test == ["CMD-SHELL", "curl -f localhost"])
    #expect(config.healthcheck?.interval == 90_000_000_000 && config.healthcheck?.retries == 2)
  }

  @Test(arguments: [
    "", "FROM x", "ENV", "ENV a", "ENV =b", "LABEL x=\"open", "EXPOSE 0", "EXPOSE 70000", "EXPOSE 5-3",
    "EXPOSE 80/icmp",
    "HEALTHCHECK", "HEALTHCHECK CMD", "HEALTHCHECK --interval=soon CMD x", "SHELL bash", "USER",
  ])
  func wrongChangesAreRefused(line: String) {
    var config = ImageExecution()
    let error = #expect(throws: PlatformError.self) { try ImageChanges.apply([line], to: &config) }
    #expect(error?.code == .invalidArgument)
  }

  @Test(.enabled(if: FileSystem.exists(BusyboxTree.program)))
  func busyboxIsTheSameTwice() throws {
    let first = try fixture.open().catalog
    let record = try ImageBootstrap(catalog: first, scratchDirectory: fixture.path)
      .run(reference: "busybox", include: []) { _ in }
    let other = try CatalogFixture()
    let second = try ImageBootstrap(catalog: other.open().catalog, scratchDirectory: other.path)
      .run(reference: "busybox", include: []) { _ in }
    #expect(record.id == second.id)
    withExtendedLifetime(other) {}
    #expect(record.repoTags == ["busybox:latest"])
    first.settle()
  }

  @Test(arguments: [
    ("alpine", []), ("debian:-x", []), ("debian:bookworm", ["--evil"]), ("debian:bookworm", ["a;b"]),
    ("busybox", ["x"]),
  ])
  func whatCannotBeMadeIsRefused(reference: String, include: [String]) throws {
    let catalog = try fixture.open().catalog
    let error = #expect(throws: PlatformError.self) {
      try ImageBootstrap(catalog: catalog, scratchDirectory: fixture.path).run(reference: reference, include: include) {
        _ in
      }
    }
    #expect(error?.code == .invalidArgument)
  }

  @Test func releaseDatesAreRead() {
    #expect(HostApt.seconds(" Sat, 11 Jan 2025 10:02:03 UTC") == 1_736_589_723)
    #expect(HostApt.seconds("tomorrow") == nil)
  }
}
