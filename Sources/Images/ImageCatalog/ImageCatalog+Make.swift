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
    let writer = try content.writer(limitBytes: limits.totalBytes)
    let staging = try snapshots.stageLayer()
    var unpacked: UnpackedLayer?
    defer {
      writer.abort()
      if let unpacked { try? snapshots.discard(unpacked.staging) }
    }
    do {
      let layer = try LayerApplier(limits: limits).apply(source, to: staging.path, sink: writer)
      unpacked = UnpackedLayer(staging: staging, layer: layer)
    } catch {
      try? snapshots.discard(staging)
      throw error
    }
    lease.hold(writer.progress().digest)
    let blob = try writer.commit().digest
    return try add(blob, &unpacked, to: nil, new, lease)
  }

  /// Makes an image from a container: its image's layers and one more with what the container changed (docker commit).
  /// - Parameters:
  ///   - parent: the image that the container was made from.
  ///   - writeLayer: writes the tar of the container's changes, with the container's ids, piece by piece to the sink that
  ///     it gets; the layer is stored and unpacked at the same time.
  public func commit(
    parent: ImageRecord, _ new: NewImage,
    writeLayer: (_ sink: @escaping (UnsafeRawBufferPointer) throws -> Void) throws -> Void
  ) throws -> ImageRecord {
    let lease = lease()
    defer { sweep(lease) }
    parent.chainIDs.forEach(lease.hold)
    parent.layers.forEach { lease.hold($0.digest) }
    let writer = try content.writer(limitBytes: limits.totalBytes)
    defer { writer.abort() }
    let unpacking = try ParallelUnpacking(snapshots: snapshots, limits: limits, writer: writer)
    var unpacked: UnpackedLayer?
    defer { if let unpacked { try? snapshots.discard(unpacked.staging) } }
    do {
      try writeLayer { bytes in
        try writer.append(bytes)
        unpacking.feed(bytes)
      }
      unpacking.finish()
    } catch {
      unpacking.finish(throwing: error)
      unpacked = unpacking.wait()
      throw error
    }
    unpacked = unpacking.wait()
    lease.hold(writer.progress().digest)
    let blob = try writer.commit().digest
    return try add(blob, &unpacked, to: parent, new, lease)
  }

  /// Puts a layer on top of an image, or makes it the first, and registers the result.
  private func add(
    _ blob: Digest, _ unpacked: inout UnpackedLayer?, to parent: ImageRecord?, _ new: NewImage, _ lease: ContentLease
  ) throws -> ImageRecord {
    let installer = installer(lease)
    if unpacked == nil {
      // The guess failed; say why.
      let fresh = try snapshots.stageLayer()
      defer { try? snapshots.discard(fresh) }
      _ = try LayerApplier(limits: limits).apply(DescriptorSource(content.open(blob)), to: fresh.path)
    }
    guard let diffID = unpacked?.layer.diffID else { throw ContentStore.damaged(blob) }
    let created = new.created ?? ImageTimestamp.now()
    var config = ImageConfig(
      platform: parent?.config.platform ?? .host, rootfs: RootFS(diffIDs: (parent?.config.rootfs.diffIDs ?? []) + [diffID]))
    guard config.rootfs.diffIDs.count <= ImageDocuments.maximumLayers else {
      throw PlatformError(.resourceExhausted, "an image may have \(ImageDocuments.maximumLayers) layers at most")
    }
    config.created = created
    config.author = new.author.flatMap { $0.isEmpty ? nil : $0 }
    config.config = new.execution
    config.history = (parent?.config.history ?? []) + [
      HistoryEntry(created: created, createdBy: new.createdBy, author: config.author, comment: new.comment)
    ]
    let chain = LayerChain.ids(config.rootfs.diffIDs)
    let layer = try installer.install(
      blob: blob, diffID: diffID, chainID: chain[chain.count - 1], unpacked: &unpacked)
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
