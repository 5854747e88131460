import ContentStore
import Layers
import LinuxSystem
import Model
import OCITypes
import Snapshots

extension ImageCatalog {
  /// Reads the images of an archive of `docker save` or an OCI layout, packed or not, once from a stream.
  /// - Parameter progress: gets a line for each step.
  /// - Returns: the names in docker's short form, or the id of an image without one, in the archive's order.
  /// - Throws: `invalidArgument` for what is no such archive, `resourceExhausted` over a limit. Then no image was added.
  public func load(from archive: Descriptor, progress: (String) -> Void = { _ in }) throws -> [String] {
    let lease = lease()
    defer { sweep(lease) }
    return try withoutActuallyEscaping(progress) { progress in
      let reader = ArchiveReader(
        content: content, snapshots: snapshots, limits: limits, lease: lease, progress: progress)
      var archive = try reader.read(DescriptorSource(archive))
      defer {
        for layer in archive.unpacked.values { try? snapshots.discard(layer.staging) }
        flushInBackground()
      }
      let images: [ArchiveImage]
      if let manifest = archive.documents[ArchiveManifestItem.fileName] {
        images = try ArchiveImage.images(manifest: manifest, archive, content)
      } else if let index = archive.documents[OCILayoutMarker.indexName] {
        images = try ArchiveImage.images(index: index, archive, content)
      } else {
        throw PlatformError(
          .invalidArgument, "the archive holds no images: neither manifest.json nor index.json is in it")
      }
      guard !images.isEmpty else {
        throw PlatformError(.invalidArgument, "the archive holds no image for this machine")
      }
      var loaded: [String] = []
      for image in images {
        progress("Loading image \(image.names.first?.familiar ?? image.config.description)")
        let record = try install(
          config: image.config, layers: image.layers, manifest: image.manifest, references: image.names,
          unpacked: &archive.unpacked, lease)
        loaded += image.names.isEmpty ? [record.id.description] : image.names.map(\.familiar)
      }
      return loaded
    }
  }

  /// Publishes an image's layers from their blobs, which are in the store, and writes its record and names.
  /// - Parameter unpacked: layers that were unpacked while they came; those used are taken out.
  func install(
    config: Digest, layers: [Digest], manifest: Digest?, references: [ImageReference],
    unpacked: inout [Digest: UnpackedLayer], _ lease: ContentLease
  ) throws -> ImageRecord {
    lease.hold(config)
    let bytes = try content.read(config, maxBytes: ImageDocuments.maximumConfigBytes)
    let diffIDs = try ImageDocuments.config(from: bytes).rootfs.diffIDs
    guard diffIDs.count == layers.count, !diffIDs.isEmpty else {
      throw PlatformError(
        .invalidArgument, "image \(config) has \(layers.count) layers but its configuration names \(diffIDs.count)")
    }
    let installer = installer(lease)
    var descriptors: [ContentDescriptor] = []
    let chain = LayerChain.ids(diffIDs)
    for (index, chainID) in chain.enumerated() {
      let blob = layers[index]
      var layer = unpacked.removeValue(forKey: blob)
      defer { if let layer { unpacked[blob] = layer } }
      descriptors.append(
        try installer.install(
          blob: blob, diffID: diffIDs[index], chainID: chainID, below: Array(chain[..<index]), unpacked: &layer))
    }
    // A manifest that came along is kept, so that the image's digest stays; but not where a layer was packed anew.
    let kept: Digest
    if let manifest, descriptors.map(\.digest) == layers {
      kept = manifest
    } else {
      kept = try writeManifest(config: config, sizeBytes: bytes.count, layers: descriptors, lease)
    }
    return try register(manifest: kept, config: config, layers: descriptors, references: references)
  }

  /// An installer that knows the blobs of the images that are there.
  func installer(_ lease: ContentLease) -> LayerInstaller {
    let known = state.withLock { state in
      state.images.values.flatMap { zip($0.stored.layers.map(\.digest), $0.config.rootfs.diffIDs) }
    }
    return LayerInstaller(
      content: content, snapshots: snapshots, limits: limits, lease: lease,
      knownDiffIDs: Dictionary(known, uniquingKeysWith: { first, _ in first }))
  }

  /// Stores a manifest of our own for a configuration and layers; the same input gives the same digest.
  func writeManifest(
    config: Digest, sizeBytes: Int, layers: [ContentDescriptor], _ lease: ContentLease
  ) throws -> Digest {
    let descriptor = ContentDescriptor(mediaType: .ociConfig, digest: config, size: Int64(sizeBytes))
    let bytes = try ImageDocuments.encode(ImageManifest(config: descriptor, layers: layers))
    lease.hold(ContentHasher.digest(of: bytes))
    return try content.write(bytes)
  }

  /// Puts new layers on disk without holding up the caller: until then their blobs, which are, can restore them.
  func flushInBackground() {
    let snapshots = snapshots
    background.withLock { last in
      last = try? ThreadOutcome { try snapshots.flush() }
    }
  }

  /// Waits until the layers that were added before this call are on disk themselves. For an orderly end, and for tests.
  public func settle() {
    let last = background.withLock { $0 }
    try? last?.wait()
  }
}
