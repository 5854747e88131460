import ImageCatalog
import LinuxSystem
import Model
import OCITypes

/// What a cache in a registry says: steps by their keys, and which of its layers each gave.
///
/// It stands in the registry as an artifact: this document is its configuration, the layers are its layers, in one order.
/// A key names what a step depends on, never what it gives: whoever may write to the name decides over that. So the client
/// names each cache that it trusts, for one build, and nothing of it is kept under a step's key.
public struct CacheDocument: Sendable, Codable, Hashable {
  public static let artifactType = MediaType(rawValue: "application/vnd.bulkhead.build-cache.v1")
  public static let mediaType = MediaType(rawValue: "application/vnd.bulkhead.build-cache.v1+json")
  static let version = 1

  struct Step: Sendable, Codable, Hashable {
    var key: Digest
    /// RFC 3339; what the image's history says.
    var created: String
    /// Counted from 0; nil: the step made no layer.
    var layer: Int?
  }

  var version = Self.version
  /// Digests of the unpacked layers.
  var layers: [Digest]
  var steps: [Step]

  init(layers: [Digest], steps: [Step]) {
    self.layers = layers
    self.steps = steps
  }

  /// Reads a document from outside.
  /// - Parameter blobs: how many layers the artifact has.
  /// - Throws: `invalidArgument`, `resourceExhausted`.
  init(parsing bytes: [UInt8], blobs: Int, limits: BuildLimits) throws {
    self = try ImageDocuments.decode(
      CacheDocument.self, from: bytes, limit: ImageDocuments.maximumConfigBytes, named: "build cache")
    func wrong(_ reason: String) -> PlatformError {
      PlatformError(.invalidArgument, "build cache is not valid: \(reason)")
    }
    guard version == Self.version else { throw wrong("version is \(version), expected \(Self.version)") }
    guard layers.count == blobs else { throw wrong("layers names \(layers.count), the artifact has \(blobs)") }
    guard steps.count <= limits.cacheEntries else {
      throw PlatformError(
        .resourceExhausted, "build cache has \(steps.count) steps; at most \(limits.cacheEntries) are accepted")
    }
    for (index, step) in steps.enumerated() {
      if let layer = step.layer, !layers.indices.contains(layer) {
        throw wrong("steps[\(index)].layer is \(layer), expected less than \(layers.count)")
      }
      guard step.created.utf8.count <= 64, ImageTimestamp.nanoseconds(step.created) != nil else {
        throw wrong("steps[\(index)].created is no time by RFC 3339")
      }
    }
  }
}

/// A cache at a registry, as whoever speaks to registries hands it over: bytes from outside.
public struct StoredCache: Sendable {
  /// For messages.
  public var name: String
  public var document: [UInt8]
  /// Packed or not.
  public var layers: [ContentDescriptor]
  /// Writes a layer's blob into a file; its digest and size have been checked when it returns.
  public var download: @Sendable (ContentDescriptor, Descriptor) async throws -> Void

  public init(
    name: String, document: [UInt8], layers: [ContentDescriptor],
    download: @escaping @Sendable (ContentDescriptor, Descriptor) async throws -> Void
  ) {
    self.name = name
    self.document = document
    self.layers = layers
    self.download = download
  }
}

/// The steps of a cache that a client named.
struct RemoteSteps: Sendable {
  struct Layer: Sendable {
    var diffID: Digest
    var blob: ContentDescriptor
  }

  let cache: StoredCache
  private let layers: [Digest]
  private let steps: [Digest: CacheDocument.Step]

  /// - Throws: `invalidArgument`, `resourceExhausted` for a document that is not in order.
  init(_ cache: StoredCache, limits: BuildLimits) throws {
    let document = try CacheDocument(parsing: cache.document, blobs: cache.layers.count, limits: limits)
    self.cache = cache
    layers = document.layers
    // Of two with one key the first counts; they are as good as each other.
    steps = Dictionary(document.steps.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
  }

  /// What the cache has for a key.
  func find(_ key: Digest) -> (layer: Layer?, created: String)? {
    steps[key].map { step in
      (step.layer.map { Layer(diffID: layers[$0], blob: cache.layers[$0]) }, step.created)
    }
  }
}

/// Gathers what a build's steps gave, for caches that it is to leave in registries.
final class GatheredSteps: Sendable {
  struct Step: Sendable {
    var stage: Int
    var key: Digest
    var created: String
    var layer: (descriptor: ContentDescriptor, diffID: Digest)?
  }

  private let steps = Locked<[Step]>([])

  func add(_ step: Step) { steps.withLock { $0.append(step) } }

  /// - Parameters:
  ///   - stages: those whose steps are wanted, the most important first.
  ///   - limits: layers past the number that a manifest may have are left out, as are steps past the bound.
  /// - Returns: the layers belong to the document in this order; `omitted` steps found no room.
  func document(
    of stages: [Int], limits: BuildLimits
  ) -> (document: CacheDocument, layers: [ContentDescriptor], omitted: Int) {
    var document = CacheDocument(layers: [], steps: [])
    var layers: [ContentDescriptor] = []
    var places: [Digest: Int] = [:]
    var omitted = 0
    let all = steps.withLock { $0 }
    for step in stages.flatMap({ stage in all.filter { $0.stage == stage } }) {
      var place = step.layer.flatMap { places[$0.diffID] }
      if let layer = step.layer, place == nil {
        guard layers.count < ImageDocuments.maximumLayers else {
          omitted += 1
          continue
        }
        place = layers.count
        places[layer.diffID] = layers.count
        layers.append(layer.descriptor)
        document.layers.append(layer.diffID)
      }
      guard document.steps.count < limits.cacheEntries else {
        omitted += 1
        continue
      }
      document.steps.append(CacheDocument.Step(key: step.key, created: step.created, layer: place))
    }
    return (document, layers, omitted)
  }
}
