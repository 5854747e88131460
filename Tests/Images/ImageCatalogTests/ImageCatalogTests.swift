import ContentStore
import Glibc
import Layers
import LinuxSystem
import Model
import OCITypes
import Snapshots
import Testing

@testable import ImageCatalog

@Suite struct ImageCatalogTests {
  let fixture: CatalogFixture
  init() throws { fixture = try CatalogFixture() }

  private let container = ContainerID.random()

  private func image() throws -> TestImage {
    try TestImage([[("bin/a", "aaa"), ("etc/x", "1")], [("etc/x", "22"), (".wh.bin", "")]], labels: ["k": "v"])
  }

  @Test func loadedImagesAreListedAndFound() throws {
    let parts = try fixture.open()
    let image = try image()
    #expect(try parts.catalog.load(TestImage.dockerArchive([(image, ["app:1", "app:2"])])) == ["app:1", "app:2"])
    let record = try parts.catalog.resolve("app:1")
    #expect(record.id == image.id)
    #expect(record.repoTags == ["app:1", "app:2"])
    #expect(record.sizeBytes == 6)
    #expect(record.createdAt == 1_714_979_289_500_000_000)
    #expect(record.labels == ["k": "v"])
    #expect(record.chainIDs == LayerChain.ids(image.diffIDs))
    for chain in record.chainIDs { #expect(parts.snapshots.hasLayer(chain)) }
    for name in [
      image.id.description, image.id.hex, image.id.short, "sha256:" + image.id.short, "docker.io/library/app:2",
    ] {
      #expect(try parts.catalog.resolve(name).id == image.id)
    }
    parts.catalog.settle()
    // The same after another start.
    let again = try fixture.open()
    #expect(try again.catalog.list().map(\.id) == [image.id])
    #expect(try again.catalog.resolve("app:2").id == image.id)
    #expect(try FileSystem.list(fixture.path + "/snapshots/staging").isEmpty)
  }

  @Test(arguments: [
    ("nothing", "No such image: nothing:latest"), ("a/b:c", "No such image: a/b:c"),
    ("abc123", "No such image: abc123:latest"),
    ("sha256:" + String(repeating: "0", count: 64), "No such image: sha256:" + String(repeating: "0", count: 64)),
  ])
  func missingNamesGetDockersWords(name: String, message: String) throws {
    let catalog = try fixture.open().catalog
    let error = #expect(throws: PlatformError.self) { try catalog.resolve(name) }
    #expect(error?.code == .notFound)
    #expect(error?.message == message)
  }

  @Test func legacyAndPackedArchivesAreRead() throws {
    let catalog = try fixture.open().catalog
    let image = try image()
    let legacy = try TestImage.legacyArchive(image, "old:1")
    #expect(try catalog.load(legacy) == ["old:1"])
    #expect(try catalog.resolve("old:1").id == image.id)
    // What belonged to the archive's form only is gone.
    #expect(try fixture.open().content.list().count == 4)
  }

  @Test func savedArchivesAreTheSameAndLoadAgain() throws {
    let catalog = try fixture.open().catalog
    let (first, second) = (try image(), try TestImage([[("other", "x")]]))
    try catalog.load(TestImage.dockerArchive([(first, ["a:1", "a:2"]), (second, ["b:1"])]))
    let bytes = try catalog.saved(["b:1", "a:1"])
    #expect(try catalog.saved(["a:1", "b:1"]) == bytes)
    let other = try CatalogFixture()
    let loaded = try other.open().catalog
    #expect(try loaded.load(bytes).sorted() == ["a:1", "b:1"])
    #expect(try loaded.resolve("a:1").manifest == catalog.resolve("a:1").manifest)
    #expect(try loaded.saved(["a:1", "b:1"]) == bytes)
    // A repository without a tag stands for all its tags; an id for no name.
    #expect(try other.open().catalog.load(catalog.saved(["a"])).sorted() == ["a:1", "a:2"])
    #expect(try other.open().catalog.load(catalog.saved([second.id.short])) == [second.id.description])
    let error = #expect(throws: PlatformError.self) { try catalog.saved(["a:1", "absent"]) }
    #expect(error?.code == .notFound)
  }

  @Test func ociLayoutsWithoutDockersManifestAreRead() throws {
    let catalog = try fixture.open().catalog
    let image = try image()
    let layers = image.layers.map {
      ContentDescriptor(mediaType: .ociLayer, digest: ContentHasher.digest(of: $0), size: Int64($0.count))
    }
    let config = ContentDescriptor(mediaType: .ociConfig, digest: image.id, size: Int64(image.config.count))
    let manifest = try ImageDocuments.encode(ImageManifest(config: config, layers: layers, annotations: ["a": "b"]))
    let manifestDigest = ContentHasher.digest(of: manifest)
    func descriptor(_ name: String) -> ContentDescriptor {
      ContentDescriptor(
        mediaType: .ociManifest, digest: manifestDigest, size: Int64(manifest.count),
        annotations: [ContentDescriptor.imageNameAnnotation: name])
    }
    let index = try ImageDocuments.encode(ImageIndex(manifests: [descriptor("docker.io/library/oci:1")]))
    var files = (image.layers + [image.config, manifest]).map {
      ("blobs/sha256/\(ContentHasher.digest(of: $0).hex)", $0)
    }
    files += [("index.json", index), ("oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))]
    #expect(try catalog.load(TestImage.archive(files)) == ["oci:1"])
    // The manifest is kept as it came: the image can be named by its digest.
    #expect(try catalog.resolve("oci@\(manifestDigest)").id == image.id)
  }

  @Test func impliedDirectoriesKeepTheAttributesOfTheLayersBelow() throws {
    let parts = try fixture.open()
    var lower: [UInt8] = []
    let writer = TarWriter { lower.append(contentsOf: $0) }
    for (name, mode) in [("tmp", 0o1777), ("srv", 0o750), ("srv/deep", 0o711)] as [(String, UInt32)] {
      var entry = TarEntry(kind: .directory, name: Array(name.utf8))
      entry.mode = mode
      entry.uid = 7
      try writer.add(entry)
    }
    try writer.finish()
    var image = try TestImage([[("x", "x")], [("tmp/a", "1"), ("srv/deep/b", "2"), ("own/c", "3")]])
    image.layers[0] = lower
    var config = try ImageDocuments.config(from: image.config)
    config.rootfs.diffIDs[0] = ContentHasher.digest(of: lower)
    image.config = try ImageDocuments.encode(config)
    try parts.catalog.load(TestImage.dockerArchive([(image, ["a:1"])]))
    let layer = parts.snapshots.layerPath(try parts.catalog.resolve("a:1").chainIDs[1])
    for (name, mode, uid) in [("tmp", 0o1777, 7), ("srv", 0o750, 7), ("srv/deep", 0o711, 7), ("own", 0o755, 0)]
      as [(String, UInt32, UInt32)]
    {
      var status = stat()
      #expect(lstat("\(layer)/\(name)", &status) == 0)
      #expect(status.st_mode & 0o7777 == mode && status.st_uid == uid, "\(name)")
    }
    parts.catalog.settle()
  }

  @Test func brokenArchivesAddNothing() throws {
    let image = try image()
    var wrongLayer = image
    wrongLayer.layers[1] = try TestImage.tar([("other", "x")])
    var lying = try TestImage.dockerArchive([(image, ["a:1"])])
    // A byte of a layer's content: its digest no longer fits its name.
    let spot = try #require(lying.firstRange(of: Array("aaa".utf8)))
    lying[spot.lowerBound] = UInt8(ascii: "b")
    let swapped = try TestImage.archive([
      ("l0", image.layers[0]), ("l1", wrongLayer.layers[1]), ("c", image.config),
      ("manifest.json", Array(#"[{"Config":"c","RepoTags":["a:1"],"Layers":["l0","l1"]}]"#.utf8)),
    ])
    let missing = try TestImage.archive([
      ("c", image.config), ("manifest.json", Array(#"[{"Config":"c","RepoTags":["a:1"],"Layers":["l0","l1"]}]"#.utf8)),
    ])
    let badName = try TestImage.archive([
      ("l0", image.layers[0]), ("l1", image.layers[1]), ("c", image.config),
      ("manifest.json", Array(#"[{"Config":"c","RepoTags":["../../etc:1"],"Layers":["l0","l1"]}]"#.utf8)),
    ])
    let upward = try TestImage.archive([("../x", [1])])
    let parts = try fixture.open()
    let full = try TestImage.dockerArchive([(image, ["a:1"])])
    for (what, bytes) in [
      ("lying", lying), ("swapped", swapped), ("missing", missing), ("name", badName), ("upward", upward),
      ("cut", Array(full.dropLast(3_000))), ("no images", try TestImage.archive([("x", [1])])),
      ("text", Array("hi".utf8)),
      ("empty", []),
    ] {
      let error = #expect(throws: PlatformError.self, "\(what)") { try parts.catalog.load(bytes) }
      #expect(error?.code == .invalidArgument, "\(what): \(error.map { "\($0)" } ?? "")")
    }
    parts.catalog.settle()
    #expect(try parts.catalog.list().isEmpty)
    #expect(try parts.content.list().isEmpty)
    #expect(try parts.snapshots.layers().isEmpty)
    #expect(try FileSystem.list(fixture.path + "/snapshots/staging").isEmpty)
    #expect(try FileSystem.list(fixture.path + "/content/staging").isEmpty)
  }

  @Test func namesMoveAndGo() throws {
    let catalog = try fixture.open().catalog
    let (first, second) = (try image(), try TestImage([[("other", "x")]]))
    try catalog.load(TestImage.dockerArchive([(first, ["a:1"]), (second, ["b:1"])]))
    try catalog.tag(second.id, as: ImageReference(parsing: "a:1"))
    #expect(try catalog.resolve("a:1").id == second.id)
    #expect(try catalog.image(first.id).isDangling)
    #expect(try catalog.removed("a:1") == [.untagged("a:1")])
    #expect(try catalog.resolve("b:1").repoTags == ["b:1"])
    let absent = try Digest(hex: String(repeating: "0", count: 64))
    #expect(throws: PlatformError.self) { try catalog.tag(absent, as: ImageReference(parsing: "a")) }
    let digest = try ImageReference(parsing: "a@\(absent)")
    #expect(throws: PlatformError.self) { try catalog.tag(second.id, as: digest) }
  }

  @Test func removingTheLastNameRemovesWhatNobodyElseNeeds() throws {
    let parts = try fixture.open()
    let base: [(String, String)] = [("base", "b")]
    let first = try TestImage([base, [("one", "1")]])
    let second = try TestImage([base, [("two", "2")]])
    try parts.catalog.load(TestImage.dockerArchive([(first, ["a:1"]), (second, ["b:1"])]))
    let chain = LayerChain.ids(first.diffIDs)
    #expect(
      try parts.catalog.removed("a:1")
        == [.untagged("a:1"), .deleted(first.id.description), .deleted(chain[1].description)])
    #expect(parts.snapshots.hasLayer(chain[0]))
    #expect(try parts.content.contains(first.diffIDs[0]))
    #expect(try !parts.content.contains(first.diffIDs[1]))
    #expect(try parts.catalog.removed(second.id.short).count == 4)
    parts.catalog.settle()
    #expect(try parts.snapshots.layers().isEmpty)
    #expect(try parts.content.list().isEmpty)
  }

  @Test func dockersRulesProtectWhatIsUsed() throws {
    let catalog = try fixture.open().catalog
    let image = try image()
    try catalog.load(TestImage.dockerArchive([(image, ["a:1", "b:1"])]))
    let stopped = ImageUse(container: container, isRunning: false)
    let running = ImageUse(container: container, isRunning: true)
    // One of two names may always go.
    #expect(try catalog.removed("b:1", by: running) == [.untagged("b:1")])
    try catalog.tag(image.id, as: ImageReference(parsing: "b:1"))
    let several = #expect(throws: PlatformError.self) { try catalog.removed(image.id.short) }
    #expect(
      several?.message
        == "conflict: unable to delete \(image.id.short) (must be forced) - image is referenced in multiple repositories"
    )
    try _ = catalog.removed("b:1")
    let last = #expect(throws: PlatformError.self) { try catalog.removed("a:1", by: stopped) }
    #expect(
      last?.message == "conflict: unable to remove repository reference \"a:1\" (must force) - container "
        + "\(container.short) is using its referenced image \(image.id.short)")
    #expect(last?.code == .conflict)
    let byID = #expect(throws: PlatformError.self) { try catalog.removed(image.id.short, by: stopped) }
    #expect(byID?.message.contains("(must be forced) - image is being used by stopped container") == true)
    let forced = #expect(throws: PlatformError.self) { try catalog.removed(image.id.short, force: true, by: running) }
    #expect(forced?.message.contains("(cannot be forced) - image is being used by running container") == true)
    // Forced away under a stopped container: its layers stay until a start finds that nobody needs them.
    _ = try catalog.removed("a:1", force: true, by: stopped)
    #expect(try catalog.list().isEmpty)
    catalog.settle()
    let again = try fixture.open()
    let chains = Set(LayerChain.ids(image.diffIDs))
    #expect(try Set(again.snapshots.layers()) == chains)
    #expect(try again.catalog.reconcile(chainsInUse: chains).removedLayers == 0)
    #expect(try again.catalog.reconcile(chainsInUse: []).removedLayers == 2)
    again.catalog.settle()
  }

  @Test func pruneTakesWhatHasNoNameOrNoUse() throws {
    let catalog = try fixture.open().catalog
    let (first, second) = (try image(), try TestImage([[("other", "xyz")]]))
    try catalog.load(TestImage.dockerArchive([(first, ["a:1"]), (second, ["a:1"])]))
    #expect(try catalog.image(first.id).isDangling)
    let kept = try catalog.prune(all: false, isUsed: { _ in true }) { _ in true }
    #expect(kept.removed.isEmpty)
    let dangling = try catalog.prune(all: false, isUsed: { _ in false }) { $0.labels["k"] == "v" }
    #expect(dangling.removed.contains(.deleted(first.id.description)))
    #expect(dangling.reclaimedBytes == 6)
    let all = try catalog.prune(all: true, isUsed: { _ in false }) { _ in true }
    #expect(all.removed.first == .untagged("a:1"))
    #expect(all.reclaimedBytes == 3)
    #expect(try catalog.list().isEmpty)
  }

  @Test func historyTellsStepsAndSizes() throws {
    let catalog = try fixture.open().catalog
    try catalog.load(TestImage.dockerArchive([(image(), ["a:1"])]))
    let history = try catalog.history("a:1")
    #expect(history.map(\.createdBy) == ["layer 1", "ENV x=y", "first"])
    #expect(history.map(\.sizeBytes) == [2, 0, 4])
    #expect(history[0].tags == ["a:1"])
    #expect(try history[0].id == image().id)
    #expect(history[1].id == nil)
    let usage = try catalog.diskUsage()
    #expect(usage.layersBytes == 6)
    #expect(usage.items.map(\.sharedBytes) == [0])
  }

  @Test func aStartRestoresTornLayersAndRemovesLeftovers() throws {
    let image = try image()
    let parts = try fixture.open()
    try parts.catalog.load(TestImage.dockerArchive([(image, ["a:1"])]))
    parts.catalog.settle()
    let chains = LayerChain.ids(image.diffIDs)
    // A power loss took one layer; a killed load left a blob and a layer without a record.
    try parts.snapshots.removeLayer(chains[1])
    let stray = try parts.content.write(Array("stray".utf8))
    let staging = try parts.snapshots.stageLayer()
    try parts.snapshots.publish(staging, as: stray, sizeBytes: 1)
    let again = try fixture.open()
    let report = try again.catalog.reconcile(chainsInUse: [])
    #expect(report.restoredLayers == [chains[1]])
    #expect(report.removedBlobs == 1 && report.removedLayers == 1 && report.broken.isEmpty)
    #expect(try FileSystem.read(again.snapshots.layerPath(chains[1]) + "/etc/x", maxBytes: 9) == Array("22".utf8))
    again.catalog.settle()
    // Without its blob the layer cannot be restored: said, not hidden.
    try again.snapshots.removeLayer(chains[0])
    try again.content.delete(image.diffIDs[0])
    let broken = try again.catalog.reconcile(chainsInUse: [])
    #expect(broken.broken.map(\.image) == [image.id])
    again.catalog.settle()
  }

  @Test func leasedBlobsSurviveARemoval() throws {
    let parts = try fixture.open()
    let image = try image()
    try parts.catalog.load(TestImage.dockerArchive([(image, ["a:1"])]))
    var lease: ContentLease? = parts.catalog.lease()
    lease?.hold(image.diffIDs[0])
    _ = try parts.catalog.removed("a:1")
    #expect(try parts.content.contains(image.diffIDs[0]))
    #expect(try !parts.content.contains(image.diffIDs[1]))
    lease = nil
    parts.catalog.settle()
    #expect(try parts.catalog.reconcile(chainsInUse: []).removedBlobs == 1)
    parts.catalog.settle()
  }
}
