import ContentStore
import Foundation
import LinuxSystem
import Logging
import Model
import OCITypes
import Registry
import RegistryClient
import RegistryDouble
import Synchronization

@testable import Replication

/// A registry of ours on a scratch folder, another registry in memory, and a clock that only a test moves.
final class Fixture: Sendable {
  let root: String
  let registry: Registry
  let store: ReplicationStore
  let peer: MemoryRegistry
  let executor: BlockingExecutor
  let client: RegistryClient
  private let time = Mutex<Int64>(1_000_000)
  private let pauses = Mutex<[Int64]>([])

  init() throws {
    root = FileManager.default.temporaryDirectory.path + "/replication-\(UInt64.random(in: 0 ... .max))"
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    registry = try Registry(root: root, logger: logger)
    store = try ReplicationStore(path: root + "/replication.sqlite", now: 0)
    peer = try MemoryRegistry()
    executor = try BlockingExecutor(maxThreads: 8, name: "test")
    var settings = RegistrySettings()
    settings.insecure = [peer.address]
    settings.certificateFolders = []
    settings.retry.attempts = 1
    client = RegistryClient(settings: settings, executor: executor, logger: logger)
    try store.setPeer(ReplicationPeer(name: "there", host: peer.address))
  }

  deinit {
    client.close()
    executor.shutdown()
    try? FileManager.default.removeItem(atPath: root)
  }

  var now: Int64 { time.withLock { $0 } }
  func wait(_ seconds: Int64) { time.withLock { $0 += seconds } }
  /// What the replicator paused for.
  var paused: [Int64] { pauses.withLock { $0 } }

  func replicator(
    onPause: @escaping @Sendable (Fixture) -> Void = { _ in },
    isProject: @escaping @Sendable (String) -> Bool = { _ in true }
  ) -> Replicator {
    Replicator(
      registry: registry, client: client, store: store, executor: executor,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, isProject: isProject,
      now: { [unowned self] in now },
      pause: { [unowned self] seconds in
        pauses.withLock { $0.append(seconds) }
        wait(seconds)
        onPause(self)
      })
  }

  func cache(
    pause: @escaping @Sendable (Int64) async throws -> Void = { try await Task.sleep(for: .seconds($0)) }
  ) throws -> PullThroughCache {
    try store.setCacheProject(CacheProject(project: "hub", peer: "there", remotePath: "library"))
    return try PullThroughCache(
      client: client, registry: registry, store: store, executor: executor,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }, now: { [unowned self] in now }, pause: pause)
  }

  func rule(
    _ direction: ReplicationRule.Direction, _ change: (inout ReplicationRule) -> Void = { _ in }
  ) throws -> ReplicationRule {
    var rule = ReplicationRule(
      name: "copy", direction: direction, peer: "there", project: "team", remotePath: "mirror/team")
    change(&rule)
    try store.setRule(rule)
    return rule
  }

  /// An image of a configuration and a layer.
  static func image(_ text: String) -> (blobs: [[UInt8]], manifest: [UInt8], digest: Digest) {
    let config = Array("{\"architecture\":\"amd64\",\"os\":\"linux\",\"x\":\"\(text)\"}".utf8)
    let layer = Array("layer \(text)".utf8)
    let manifest = encode(
      ImageManifest(
        config: descriptor(config, .ociConfig), layers: [descriptor(layer, .ociLayer)]))
    return ([config, layer], manifest, ContentHasher.digest(of: manifest))
  }

  static func descriptor(_ bytes: [UInt8], _ type: MediaType) -> ContentDescriptor {
    ContentDescriptor(mediaType: type, digest: ContentHasher.digest(of: bytes), size: Int64(bytes.count))
  }

  static func encode(_ value: some Encodable) -> [UInt8] { (try? ImageDocuments.encode(value)) ?? [] }

  /// Pushes an image into our registry.
  @discardableResult
  func pushHere(_ text: String, _ repository: String, _ tag: String) throws -> Digest {
    let image = Self.image(text)
    let name = try RepositoryName(parsing: repository)
    for blob in image.blobs { try registry.putBlob(blob, in: name, expected: ContentHasher.digest(of: blob)) }
    try registry.putManifest(
      image.manifest, as: .tag(tag), mediaType: MediaType.ociManifest.rawValue, in: name, by: "test")
    return image.digest
  }

  /// Puts an image into the other registry.
  @discardableResult
  func pushThere(_ text: String, _ repository: String, _ tag: String) -> Digest {
    let image = Self.image(text)
    for blob in image.blobs { peer.add(blob: blob, to: repository) }
    return peer.add(manifest: image.manifest, type: .ociManifest, to: repository, tag: tag)
  }

  func digestHere(_ repository: String, _ tag: String) throws -> Digest {
    try registry.resolve(.tag(tag), in: RepositoryName(parsing: repository)).digest
  }

  func digestThere(_ repository: String, _ tag: String) -> Digest? {
    peer.read { $0.manifests["\(repository)/\(tag)"] }.map { ContentHasher.digest(of: $0.bytes) }
  }
}
