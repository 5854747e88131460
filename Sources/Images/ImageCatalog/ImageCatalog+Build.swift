import ContentStore
import Layers
import LinuxSystem
import Model
import OCITypes
import Snapshots

/// A layer that a build has made: its blob is the unpacked tar archive, its files are a published snapshot.
public struct BuiltLayer: Sendable, Hashable, Codable {
  /// Digest of the archive, which is also the blob's.
  public var diffID: Digest
  /// Names the layer together with those below it.
  public var chainID: Digest
  /// Bytes of the blob.
  public var blobBytes: Int64
  /// Bytes of the layer's files.
  public var fileBytes: Int64

  public var descriptor: ContentDescriptor {
    ContentDescriptor(mediaType: .ociLayer, digest: diffID, size: blobBytes)
  }
}

extension ImageCatalog {
  /// Makes a layer from the archive that `write` puts out, on top of the layers `below` (chain ids, lowest first).
  ///
  /// The archive is hashed, stored and unpacked while it is written; nothing is read twice. What it needs from collection
  /// is held by `lease` before it is visible. Blocks.
  public func makeLayer(
    on below: [Digest], lease: ContentLease, _ write: @escaping @Sendable (Descriptor) throws -> Void
  ) throws -> BuiltLayer {
    guard below.count < ImageDocuments.maximumLayers else {
      throw PlatformError(.resourceExhausted, "an image may have \(ImageDocuments.maximumLayers) layers at most")
    }
    let writer = try content.writer(limitBytes: limits.totalBytes)
    defer { writer.abort() }
    let staging = try snapshots.stageLayer()
    do {
      let applier = LayerApplier(limits: limits)
      let layer = try applier.apply(try PipedSource(write), to: staging.path, sink: writer)
      let chainID = LayerChain.id(of: layer.diffID, on: below.last)
      lease.hold(layer.diffID)
      lease.hold(chainID)
      let blob = try writer.commit()
      try applier.adoptDirectories(
        layer.impliedDirectories, in: staging.path, lowers: below.map(snapshots.layerPath))
      try snapshots.publish(staging, as: chainID, sizeBytes: layer.fileBytes)
      return BuiltLayer(
        diffID: layer.diffID, chainID: chainID, blobBytes: blob.sizeBytes, fileBytes: layer.fileBytes)
    } catch {
      try? snapshots.discard(staging)
      throw error
    }
  }

  /// Whether a built layer is whole: its blob and its files are there. `lease` holds it from here on.
  public func has(_ layer: BuiltLayer, lease: ContentLease) throws -> Bool {
    lease.hold(layer.diffID)
    lease.hold(layer.chainID)
    return try snapshots.hasLayer(layer.chainID) && content.contains(layer.diffID)
  }

  /// Registers an image of layers that are there, under a lease. One that is known already only gets the names.
  public func addBuilt(
    _ config: ImageConfig, layers: [ContentDescriptor], references: [ImageReference], lease: ContentLease
  ) throws -> ImageRecord {
    let bytes = try ImageDocuments.encode(config)
    let id = ContentHasher.digest(of: bytes)
    let names = references.map(\.withDefaultTag)
    if let known = try? image(id) {
      let missing = names.filter { image(named: $0)?.id != id }
      if missing.isEmpty { return known }
      try addReferences(id, missing)
      return try image(id)
    }
    lease.hold(id)
    try content.write(bytes)
    let manifest = try writeManifest(config: id, sizeBytes: bytes.count, layers: layers, lease)
    let record = try register(manifest: manifest, config: id, layers: layers, references: names)
    flushInBackground()
    return record
  }

  /// What layers show together, read only; it goes with the descriptor. Blocks for some milliseconds.
  /// - Parameter chainIDs: lowest first; none is an empty directory.
  public func openRoot(_ chainIDs: [Digest]) throws -> RootedDirectory {
    RootedDirectory(try snapshots.openMerged(chainIDs))
  }

  /// An image of a build that has no record: what a step's container is made from.
  public func unregistered(_ config: ImageConfig, layers: [ContentDescriptor], chainIDs: [Digest]) throws -> ImageRecord
  {
    let id = ContentHasher.digest(of: try ImageDocuments.encode(config))
    return Self.record(
      Entry(
        stored: StoredImage(
          id: id, manifest: id, layers: layers, chainIDs: chainIDs, sizeBytes: 0, parent: nil, lastTaggedAt: 0),
        config: config), references: [])
  }

  /// Ends a build's lease: what it brought and nothing needs is removed.
  public func end(_ lease: ContentLease) { sweep(lease) }

  /// Removes blobs and layers that a build's cache has given up, unless something else needs them.
  /// - Returns: bytes of the files and blobs that are gone.
  @discardableResult
  public func collectGivenUp(_ layers: [BuiltLayer]) throws -> Int64 {
    let gone = Set(try collect(blobs: layers.map(\.diffID), chains: layers.map(\.chainID)))
    var seen: Set<Digest> = []
    return layers.reduce(0) { total, layer in
      guard gone.contains(layer.chainID), seen.insert(layer.chainID).inserted else { return total }
      return total.clampedAdding(layer.fileBytes).clampedAdding(layer.blobBytes)
    }
  }
}
