import ContentStore
import Layers
import LinuxSystem
import Model
import OCITypes
import Snapshots

/// What a new image of one layer is to be.
public struct NewImage: Sendable {
  public var execution = ImageExecution()
  public var author: String?
  public var comment: String?
  /// The history's words for the step.
  public var createdBy: String?
  /// RFC 3339; nil is now.
  public var created: String?
  public var reference: ImageReference?

  public init() {}
}

extension ImageCatalog {
  /// Makes an image of one layer from a tar archive of a file system, packed or not (docker import).
  /// - Parameters:
  ///   - changes: Dockerfile instructions that set the configuration.
  ///   - reference: a name without tag gets `latest`; nil leaves the image without a name.
  /// - Returns: the image's id.
  public func importTar(
    from archive: Descriptor, reference: ImageReference?, message: String, changes: [String]
  ) throws -> Digest {
    var new = NewImage()
    try ImageChanges.apply(changes, to: &new.execution)
    new.comment = message.isEmpty ? "Imported from -" : message
    new.reference = reference
    return try importTar(DescriptorSource(archive), new).id
  }

  /// The same with everything said by the caller; the same archive and settings with a fixed time give the same id.
  public func importTar(_ source: sending any ByteSource, _ new: NewImage) throws -> ImageRecord {
    let lease = lease()
    defer { sweep(lease) }
    return try add(source, to: nil, new, lease)
  }

  /// Makes an image from a container: its image's layers and one more with what the container changed (docker commit).
  /// - Parameters:
  ///   - upper: the container's writable layer; it should not change meanwhile.
  ///   - ids: the container's range.
  ///   - parent: the image that the container was made from.
  ///   - settings: the container's own, laid over those of its image.
  ///   - changes: Dockerfile instructions applied on top of both.
  /// - Returns: the new image's id.
  public func commit(
    upper: String, ids: IDRange, parent: Digest, settings: ContainerSettings, reference: ImageReference?,
    comment: String, author: String, changes: [String]
  ) throws -> Digest {
    let lease = lease()
    defer { sweep(lease) }
    let image = try self.image(parent)
    image.chainIDs.forEach(lease.hold)
    image.layers.forEach { lease.hold($0.digest) }
    var new = NewImage()
    new.execution = (image.config.config ?? ImageExecution()).overlaid(by: settings)
    try ImageChanges.apply(changes, to: &new.execution)
    new.author = author
    new.comment = comment
    new.createdBy = settings.command.map { $0.joined(separator: " ") }
    new.reference = reference
    let layer = try PipedSource { try LayerDiffer.writeLayer(upper: upper, ids: ids, to: $0) }
    return try add(layer, to: image, new, lease).id
  }

  /// Stores and unpacks a layer from its stream and puts it on top of an image, or makes it the first.
  private func add(
    _ source: sending any ByteSource, to parent: ImageRecord?, _ new: NewImage, _ lease: ContentLease
  ) throws -> ImageRecord {
    guard (parent?.layers.count ?? 0) < ImageDocuments.maximumLayers else {
      throw PlatformError(.resourceExhausted, "an image may have \(ImageDocuments.maximumLayers) layers at most")
    }
    let writer = try content.writer(limitBytes: limits.totalBytes)
    defer { writer.abort() }
    let staging = try snapshots.stageLayer()
    var unpacked: UnpackedLayer?
    defer { if let unpacked { try? snapshots.discard(unpacked.staging) } }
    let layer: AppliedLayer
    do {
      layer = try LayerApplier(limits: limits).apply(source, to: staging.path, sink: writer)
    } catch {
      try? snapshots.discard(staging)
      throw error
    }
    unpacked = UnpackedLayer(staging: staging, layer: layer)
    lease.hold(writer.progress().digest)
    let blob = try writer.commit().digest
    return try add(blob, layer.diffID, &unpacked, to: parent, new, lease)
  }

  /// Writes configuration and manifest of an image with one more layer, and registers it.
  private func add(
    _ blob: Digest, _ diffID: Digest, _ unpacked: inout UnpackedLayer?, to parent: ImageRecord?, _ new: NewImage,
    _ lease: ContentLease
  ) throws -> ImageRecord {
    let created = new.created ?? ImageTimestamp.now()
    var config = ImageConfig(
      platform: parent?.config.platform ?? .host,
      rootfs: RootFS(diffIDs: (parent?.config.rootfs.diffIDs ?? []) + [diffID]))
    config.created = created
    config.author = new.author.flatMap { $0.isEmpty ? nil : $0 }
    config.config = new.execution
    config.history =
      (parent?.config.history ?? []) + [
        HistoryEntry(created: created, createdBy: new.createdBy, author: config.author, comment: new.comment)
      ]
    let chain = LayerChain.ids(config.rootfs.diffIDs)
    let layer = try installer(lease).install(
      blob: blob, diffID: diffID, chainID: chain[chain.count - 1], below: chain.dropLast(), unpacked: &unpacked)
    let layers = (parent?.layers ?? []) + [layer]
    let bytes = try ImageDocuments.encode(config)
    let id = ContentHasher.digest(of: bytes)
    lease.hold(id)
    try content.write(bytes)
    let manifest = try writeManifest(config: id, sizeBytes: bytes.count, layers: layers, lease)
    let record = try register(
      manifest: manifest, config: id, layers: layers, parent: parent?.id,
      references: (new.reference?.withDefaultTag).map { [$0] } ?? [])
    flushInBackground()
    return record
  }
}
