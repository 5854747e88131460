import ContentStore
import Foundation
import ImageCatalog
import Layers
import LinuxSystem
import Logging
import Model
import OCITypes
import Persistence
import RegistryClient
import RegistryDouble
import Snapshots
import Synchronization

@testable import Distribution

/// An engine's images with a way to registries, in a scratch folder that goes away with the test.
final class DistributionFixture: Sendable {
  let path: String
  let content: ContentStore
  let snapshots: SnapshotStore
  let catalog: ImageCatalog
  let distribution: ImageDistribution
  private let events = Mutex<[TransferEvent]>([])

  init(
    _ registries: [MemoryRegistry], attempts: Int = 2, change: (inout RegistrySettings) -> Void = { _ in }
  ) throws {
    path = "/tmp/distribution-test-\(UInt64.random(in: .min ... .max))"
    try FileSystem.makeDirectory(path, mode: 0o700)
    let database = try Database(path: path + "/state.db")
    content = try ContentStore(root: path + "/content")
    snapshots = try SnapshotStore(root: path + "/snapshots")
    catalog = try ImageCatalog(database: database, content: content, snapshots: snapshots)
    var settings = RegistrySettings()
    settings.insecure = registries.map(\.address)
    settings.retry.attempts = attempts
    settings.retry.firstSeconds = 0.001
    settings.certificateFolders = []
    change(&settings)
    distribution = try ImageDistribution(
      catalog: catalog, content: content, database: database, settings: settings, logger: Logger(label: "test"))
  }

  deinit {
    distribution.shutDown()
    catalog.settle()
    try? FileSystem.removeTree(path)
  }

  var report: TransferReport {
    { [weak self] event in self?.events.withLock { $0.append(event) } }
  }
  var told: [TransferEvent] { events.withLock { $0 } }

  @discardableResult
  func pull(
    _ name: String, platform: Platform? = nil, credentials: RegistryCredentials = .anonymous
  ) async throws -> PulledImage {
    let pull = try await distribution.pull(
      try ImageReference(parsing: name), platform: platform, credentials: credentials)
    return try await pull.run(report)
  }

  func push(_ name: String, allTags: Bool = false) async throws {
    try await distribution.push(
      try ImageReference(parsing: name), allTags: allTags, credentials: .anonymous, report)
  }

  /// Nothing of an image is here.
  func isEmpty() throws -> Bool {
    try catalog.list().isEmpty && content.list().isEmpty && snapshots.layers().isEmpty
      && FileSystem.list(path + "/content/staging").isEmpty && FileSystem.list(path + "/snapshots/staging").isEmpty
  }

  /// The text of a file in an image's layer.
  func text(_ image: ImageRecord, layer: Int, _ name: String) throws -> String {
    String(
      decoding: try FileSystem.read("\(snapshots.layerPath(image.chainIDs[layer]))/\(name)", maxBytes: 1 << 20),
      as: UTF8.self)
  }

  func remove(_ name: String) throws {
    _ = try catalog.remove(name, force: true, noPrune: false) { _ in nil }
  }
}

/// An image made for a registry.
struct RemoteImage {
  var config: [UInt8]
  /// Packed blobs.
  var layers: [[UInt8]]
  var manifest: ImageManifest
  var bytes: [UInt8] { (try? ImageDocuments.encode(manifest)) ?? [] }
  var digest: Digest { ContentHasher.digest(of: bytes) }
  var id: Digest { ContentHasher.digest(of: config) }

  /// Each layer has one file.
  init(_ files: [(String, String)], platform: Platform = .host, packed: Bool = true) throws {
    let tars = try files.map { try Self.tar($0.0, $0.1) }
    var config = ImageConfig(platform: platform, rootfs: RootFS(diffIDs: tars.map { ContentHasher.digest(of: $0) }))
    config.created = "2024-05-06T07:08:09Z"
    self.config = try ImageDocuments.encode(config)
    layers = packed ? try tars.map(Self.gzip) : tars
    manifest = ImageManifest(
      config: ContentDescriptor(
        mediaType: .ociConfig, digest: ContentHasher.digest(of: self.config), size: Int64(self.config.count)),
      layers: layers.map {
        ContentDescriptor(
          mediaType: packed ? .ociLayerGzip : .ociLayer, digest: ContentHasher.digest(of: $0), size: Int64($0.count))
      })
    manifest.annotations = ["made": "elsewhere"]
  }

  static func tar(_ name: String, _ text: String) throws -> [UInt8] {
    var bytes: [UInt8] = []
    let writer = TarWriter { bytes.append(contentsOf: $0) }
    var entry = TarEntry(kind: .file, name: Array(name.utf8))
    entry.sizeBytes = Int64(text.utf8.count)
    entry.mode = 0o644
    try writer.add(entry)
    try writer.write(Array(text.utf8))
    try writer.finish()
    return bytes
  }

  static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
    let gzip = try ParallelGzip(try MemoryFile.make(bytes), sizeBytes: Int64(bytes.count), threads: 1)
    var packed: [UInt8] = []
    while true {
      let chunk = try gzip.nextChunk()
      if chunk.isEmpty { return packed }
      packed.append(contentsOf: chunk)
    }
  }

  /// Puts blobs and manifest into a registry.
  @discardableResult
  func add(to registry: MemoryRegistry, _ repository: String, tag: String? = nil, layers wanted: Bool = true) -> Digest
  {
    registry.add(blob: config, to: repository)
    if wanted { for layer in layers { registry.add(blob: layer, to: repository) } }
    return registry.add(manifest: bytes, type: .ociManifest, to: repository, tag: tag)
  }
}
