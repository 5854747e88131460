import ContentStore
import Glibc
import LinuxSystem
import Logging
import Model
import OCITypes
import Synchronization
import Testing

@testable import Registry

/// A registry in a folder of its own with a clock that the test sets; it can be closed and opened again, also as after a
/// crash.
final class RegistryFixture {
  let path: String
  let clock = TestClock()
  private(set) var registry: Registry
  private var configuration: RegistryConfiguration

  init(_ change: (inout RegistryConfiguration) -> Void = { _ in }) throws {
    path = "/tmp/registry-test-\(UInt64.random(in: 0 ... .max))"
    configuration = RegistryConfiguration()
    configuration.now = { [clock] in clock.seconds }
    change(&configuration)
    registry = try Self.open(path, configuration)
  }

  deinit { try? FileSystem.removeTree(path) }

  private static func open(_ path: String, _ configuration: RegistryConfiguration) throws -> Registry {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return try Registry(root: path, configuration: configuration, logger: logger)
  }

  /// Gives up the registry as it is, without closing it, and opens the folder anew.
  func crash() throws {
    let spare = RegistryFixtureSpare()
    registry = try spare.registry()
    registry = try Self.open(path, configuration)
    try spare.remove()
  }

  var name: RepositoryName { get throws { try RepositoryName(parsing: "team/app") } }

  func blob(_ text: String, in repository: RepositoryName) throws -> Digest {
    let digest = ContentHasher.digest(of: Array(text.utf8))
    try registry.putBlob(Array(text.utf8), in: repository, expected: digest)
    return digest
  }

  /// A manifest over blobs that hold these texts; the blobs are pushed first unless told otherwise.
  func manifest(
    _ layers: [String], in repository: RepositoryName, pushesBlobs: Bool = true,
    change: (inout ImageManifest) -> Void = { _ in }
  ) throws -> [UInt8] {
    let descriptors = try (["{}"] + layers).map { text in
      let bytes = Array(text.utf8)
      if pushesBlobs { _ = try blob(text, in: repository) }
      return ContentDescriptor(
        mediaType: text == "{}" ? .ociConfig : .ociLayerGzip, digest: ContentHasher.digest(of: bytes),
        size: Int64(bytes.count))
    }
    var manifest = ImageManifest(config: descriptors[0], layers: Array(descriptors.dropFirst()))
    change(&manifest)
    return try ImageDocuments.encode(manifest)
  }

  @discardableResult
  func push(_ layers: [String], _ tag: String, in repository: RepositoryName? = nil) throws -> Digest {
    let repository = try repository ?? name
    let bytes = try manifest(layers, in: repository)
    return try registry.putManifest(bytes, as: .tag(tag), mediaType: nil, in: repository, by: "test").digest
  }

  /// Every manifest can be read and every blob of it is there with the right bytes.
  func expectWhole(_ repository: RepositoryName) throws {
    for artifact in try registry.artifacts(in: repository, limit: 1_000) {
      let stored = try registry.manifest(.digest(artifact.digest), in: repository)
      let document = try ManifestDocument(stored.bytes, announced: stored.mediaType)
      for blob in document.blobs {
        #expect(try registry.blobSize(blob.digest, in: repository) == blob.size)
        #expect(try registry.content.verify(blob.digest))
      }
    }
  }

  func expectClean(_ location: SourceLocation = #_sourceLocation) throws {
    let check = try registry.check(readsContent: true)
    #expect(check.findings == [], sourceLocation: location)
  }
}

/// A registry that stands in while the fixture's own is given up, as a property cannot be empty.
private final class RegistryFixtureSpare {
  let path = "/tmp/registry-spare-\(UInt64.random(in: 0 ... .max))"
  func registry() throws -> Registry {
    try Registry(root: path, logger: Logger(label: "spare"))
  }
  func remove() throws { try FileSystem.removeTree(path) }
}

final class TestClock: Sendable {
  private let value = Mutex<Int64>(1_700_000_000)
  var seconds: Int64 { value.withLock { $0 } }
  func advance(_ seconds: Int64) { value.withLock { $0 += seconds } }
}

struct Interruption: Error {}

/// Interrupts at the n-th step of a kind.
final class Interrupter: Sendable {
  private let left = Mutex<(step: RegistryConfiguration.Step, count: Int)?>(nil)
  func arm(_ step: RegistryConfiguration.Step, after count: Int = 0) { left.withLock { $0 = (step, count) } }
  func disarm() { left.withLock { $0 = nil } }
  func check(_ step: RegistryConfiguration.Step) throws {
    let isNow = left.withLock { left in
      guard left?.step == step else { return false }
      left?.count -= 1
      return (left?.count ?? 0) < 0
    }
    if isNow { throw Interruption() }
  }
}
