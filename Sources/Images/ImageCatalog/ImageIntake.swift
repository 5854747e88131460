import ContentStore
import Layers
import LinuxSystem
import Model
import OCITypes
import Snapshots

/// An image on its way into the catalog from elsewhere: its blobs come in any order, several at once, and are unpacked while
/// they come; the record is written last.
///
/// What it brought is protected from collection until it goes, and collected then unless an image needs it. Calls block.
public final class ImageIntake: Sendable {
  private let catalog: ImageCatalog
  private let lease: ContentLease
  private let unpacked = Locked<[Digest: UnpackedLayer]>([:])

  init(_ catalog: ImageCatalog) {
    self.catalog = catalog
    lease = catalog.lease()
  }

  deinit {
    for layer in unpacked.withLock({ $0 }).values { try? catalog.snapshots.discard(layer.staging) }
    catalog.sweep(lease)
  }

  /// Whether a blob of this size is there already; it then stays.
  public func has(_ blob: Digest, sizeBytes: Int64) throws -> Bool {
    lease.hold(blob)
    return try catalog.content.contains(blob) && catalog.content.size(blob) == sizeBytes
  }

  /// Stores a document at hand; throws `invalidArgument` where it has another digest.
  public func store(_ bytes: [UInt8], as digest: Digest) throws {
    lease.hold(digest)
    try catalog.content.write(bytes, expected: digest)
  }

  /// Begins to take a layer's blob.
  /// - Parameter chainID: of the layer; where it is unpacked already, the blob is only stored.
  public func layer(_ descriptor: ContentDescriptor, chainID: Digest) throws -> LayerIntake {
    lease.hold(descriptor.digest)
    lease.hold(chainID)
    return try LayerIntake(
      content: catalog.content, snapshots: catalog.snapshots, limits: catalog.limits, lease: lease,
      expected: descriptor.digest, sizeBytes: descriptor.size, unpacks: !catalog.snapshots.hasLayer(chainID))
  }

  /// Makes a layer's blob durable; see `LayerIntake.finish`.
  public func finish(_ layer: LayerIntake) throws {
    let (digest, _, result) = try layer.finish()
    guard let result else { return }
    let twin = unpacked.withLock { unpacked in
      let twin = unpacked[digest]
      unpacked[digest] = result
      return twin
    }
    if let twin { try catalog.snapshots.discard(twin.staging) }
  }

  /// Makes the image known, when all its blobs are here: publishes its layers, writes its record and names.
  /// - Parameter references: names with tag or digest.
  public func register(
    manifest: Digest, config: Digest, layers: [Digest], references: [ImageReference]
  ) throws -> ImageRecord {
    var taken = unpacked.withLock { unpacked in
      defer { unpacked = [:] }
      return unpacked
    }
    defer {
      for layer in taken.values { try? catalog.snapshots.discard(layer.staging) }
      catalog.flushInBackground()
    }
    lease.hold(manifest)
    return try catalog.install(
      config: config, layers: layers, manifest: manifest, references: references, unpacked: &taken, lease)
  }
}

extension ImageCatalog {
  /// Begins to take an image from elsewhere.
  public func intake() -> ImageIntake { ImageIntake(self) }

  /// Notes the digest by which a registry has an image.
  public func addDigest(_ id: Digest, _ reference: ImageReference) throws {
    guard reference.digest != nil else {
      throw PlatformError(.invalidArgument, "'\(reference.familiar)' names no digest")
    }
    try addReferences(id, [reference])
  }

  /// The image that a full name leads to; nil where there is none. Unlike `resolve` it takes nothing for an id.
  public func image(named reference: ImageReference) -> ImageRecord? {
    guard let id = state.withLock({ $0.references[reference.withDefaultTag.description] }) else { return nil }
    return try? image(id)
  }

  /// The tags of a repository, with full names, sorted.
  public func tags(of repository: ImageReference) -> [ImageReference] {
    let prefix = repository.repository.description + ":"
    return state.withLock { state in state.references.keys.filter { $0.hasPrefix(prefix) } }.sorted()
      .compactMap { try? ImageReference(parsing: $0) }
  }

  /// An image's blobs, kept from collection for as long as the lease lives; throws `notFound` where the image has gone.
  public func hold(_ image: ImageRecord) throws -> ContentLease {
    let lease = lease()
    for blob in [image.id, image.manifest] + image.layers.map(\.digest) { lease.hold(blob) }
    _ = try self.image(image.id)
    return lease
  }
}
