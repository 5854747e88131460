import ContentStore
import FoundationEssentials
import Glibc
import Layers
import LinuxSystem
import Model
import OCITypes
import Persistence
import Snapshots
import Synchronization

@testable import ImageCatalog

/// A catalog in a scratch folder that goes away with the test.
final class CatalogFixture: Sendable {
  let path: String

  init() throws {
    path = "/tmp/catalog-test-\(UInt64.random(in: .min ... .max))"
    try FileSystem.makeDirectory(path, mode: 0o700)
  }

  deinit { try? FileSystem.removeTree(path) }

  struct Parts {
    var catalog: ImageCatalog
    var content: ContentStore
    var snapshots: SnapshotStore
  }

  /// Opens everything as a start of the engine does; again, after "crashes".
  func open(limits: LayerLimits = .standard) throws -> Parts {
    let database = try Database(path: path + "/state.db")
    let content = try ContentStore(root: path + "/content")
    let snapshots = try SnapshotStore(root: path + "/snapshots")
    return Parts(
      catalog: try ImageCatalog(database: database, content: content, snapshots: snapshots, limits: limits),
      content: content, snapshots: snapshots)
  }
}

/// Builds images and archives for tests.
struct TestImage {
  var layers: [[UInt8]]
  var config: [UInt8]
  var id: Digest { ContentHasher.digest(of: config) }
  var diffIDs: [Digest] { layers.map(ContentHasher.digest) }

  /// Each layer is a list of files with their content.
  init(_ layers: [[(String, String)]], labels: [String: String] = [:], command: [String] = ["sh"]) throws {
    self.layers = try layers.map { try Self.tar($0) }
    var config = ImageConfig(
      platform: .host, rootfs: RootFS(diffIDs: self.layers.map { ContentHasher.digest(of: $0) }))
    config.created = "2024-05-06T07:08:09.5Z"
    config.config = ImageExecution()
    config.config?.cmd = command
    config.config?.labels = labels.isEmpty ? nil : labels
    config.history =
      [HistoryEntry(created: "2024-01-01T00:00:00Z", createdBy: "first")]
      + [HistoryEntry(created: "2024-01-01T00:00:01Z", createdBy: "ENV x=y", emptyLayer: true)]
      + self.layers.dropFirst().indices.map { HistoryEntry(createdBy: "layer \($0)") }
    self.config = try ImageDocuments.encode(config)
  }

  static func tar(_ files: [(String, String)]) throws -> [UInt8] {
    var bytes: [UInt8] = []
    let writer = TarWriter { bytes.append(contentsOf: $0) }
    for (name, text) in files {
      var entry = TarEntry(kind: .file, name: Array(name.utf8))
      entry.sizeBytes = Int64(text.utf8.count)
      try writer.add(entry)
      try writer.write(Array(text.utf8))
    }
    try writer.finish()
    return bytes
  }

  /// An archive as docker 25 and later write it.
  static func dockerArchive(_ images: [(TestImage, [String])]) throws -> [UInt8] {
    var files: [(String, [UInt8])] = []
    var items: [ArchiveManifestItem] = []
    for (image, names) in images {
      files += image.layers.map { ("blobs/sha256/\(ContentHasher.digest(of: $0).hex)", $0) }
      files.append(("blobs/sha256/\(image.id.hex)", image.config))
      items.append(
        ArchiveManifestItem(
          config: "blobs/sha256/\(image.id.hex)", repoTags: names,
          layers: image.diffIDs.map { "blobs/sha256/\($0.hex)" }))
    }
    files.append(("manifest.json", try ImageDocuments.encode(items)))
    return try archive(files)
  }

  /// An archive as docker before 25 wrote it, the second image's first layer being a link to the first's.
  static func legacyArchive(_ image: TestImage, _ name: String) throws -> [UInt8] {
    var files: [(String, [UInt8])] = []
    for (index, layer) in image.layers.enumerated() {
      files.append(("layer\(index)/VERSION", Array("1.0".utf8)))
      files.append(("layer\(index)/layer.tar", layer))
    }
    files.append(("\(image.id.hex).json", image.config))
    let item = ArchiveManifestItem(
      config: "\(image.id.hex).json", repoTags: [name],
      layers: image.layers.indices.map { "layer\($0)/layer.tar" })
    files.append(("manifest.json", try ImageDocuments.encode([item])))
    files.append(("repositories", Array("{}".utf8)))
    return try archive(files)
  }

  static func archive(_ files: [(String, [UInt8])]) throws -> [UInt8] {
    var bytes: [UInt8] = []
    let writer = TarWriter { bytes.append(contentsOf: $0) }
    for (name, content) in files {
      var entry = TarEntry(kind: .file, name: Array(name.utf8))
      entry.sizeBytes = Int64(content.count)
      try writer.add(entry)
      try writer.write(content)
    }
    try writer.finish()
    return bytes
  }
}

extension ImageCatalog {
  @discardableResult
  func load(_ bytes: [UInt8]) throws -> [String] {
    try load(from: MemoryFile.make(bytes)) { _ in }
  }

  func saved(_ names: [String]) throws -> [UInt8] {
    let file = try MemoryFile.make([])
    try save(names, to: file)
    try systemCall("lseek") { lseek(file.raw, 0, SEEK_SET) }
    return try file.readAll(maxBytes: 64 << 20)
  }

  func removed(_ name: String, force: Bool = false, by use: ImageUse? = nil) throws -> [ImageRemoval] {
    try remove(name, force: force, noPrune: false) { _ in use }
  }
}
