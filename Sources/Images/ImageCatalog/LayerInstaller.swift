import ContentStore
import Layers
import LinuxSystem
import Model
import OCITypes
import Snapshots

/// Brings an image's layers from their blobs into the snapshot store.
struct LayerInstaller {
  let content: ContentStore
  let snapshots: SnapshotStore
  let limits: LayerLimits
  let lease: ContentLease
  /// What is known of blobs in the store: their unpacked digest.
  var knownDiffIDs: [Digest: Digest]

  /// Publishes one layer under its chain id where it is not there yet, and returns the descriptor for manifests.
  ///
  /// The blob is proven to unpack to `diffID` in every case. A packing that manifests have no name for (xz, bzip2) is
  /// replaced by the unpacked form.
  /// - Parameters:
  ///   - below: the chain ids of the layers below, lowest first; published already.
  ///   - unpacked: the layer where it was unpacked already; used up when it is needed.
  func install(
    blob: Digest, diffID: Digest, chainID: Digest, below: [Digest], unpacked: inout UnpackedLayer?
  ) throws -> ContentDescriptor {
    lease.hold(blob)
    lease.hold(chainID)
    let compression: CompressionFormat
    if let layer = unpacked?.layer {
      try Self.check(layer.diffID, diffID, blob)
      compression = layer.compression
      if !snapshots.hasLayer(chainID), let ready = unpacked {
        try publish(ready, as: chainID, below: below)
        unpacked = nil
      }
    } else if !snapshots.hasLayer(chainID) {
      let fresh = try unpack(blob, expectedDiffID: diffID)
      compression = fresh.layer.compression
      do {
        try publish(fresh, as: chainID, below: below)
      } catch {
        try? snapshots.discard(fresh.staging)
        throw error
      }
    } else {
      compression = try self.compression(of: blob)
      try Self.check(try knownDiffIDs[blob] ?? hashUnpacked(blob), diffID, blob)
    }
    switch compression {
    case .none: return ContentDescriptor(mediaType: .ociLayer, digest: blob, size: try content.size(blob))
    case .gzip: return ContentDescriptor(mediaType: .ociLayerGzip, digest: blob, size: try content.size(blob))
    case .zstd: return ContentDescriptor(mediaType: .ociLayerZstd, digest: blob, size: try content.size(blob))
    case .xz, .bzip2: return try storeUnpacked(blob, diffID: diffID)
    }
  }

  private func publish(_ layer: UnpackedLayer, as chainID: Digest, below: [Digest]) throws {
    try LayerApplier(limits: limits).adoptDirectories(
      layer.layer.impliedDirectories, in: layer.staging.path, lowers: below.map(snapshots.layerPath))
    try snapshots.publish(layer.staging, as: chainID, sizeBytes: layer.layer.fileBytes)
  }

  /// Unpacks a blob into staging.
  func unpack(_ blob: Digest, expectedDiffID: Digest) throws -> UnpackedLayer {
    let staging = try snapshots.stageLayer()
    do {
      let layer = try LayerApplier(limits: limits)
        .apply(DescriptorSource(content.open(blob)), to: staging.path, expectedDiffID: expectedDiffID)
      guard layer.contentDigest == blob else { throw ContentStore.damaged(blob) }
      return UnpackedLayer(staging: staging, layer: layer)
    } catch {
      try? snapshots.discard(staging)
      throw error
    }
  }

  private static func check(_ diffID: Digest, _ expected: Digest, _ blob: Digest) throws {
    guard diffID == expected else {
      throw PlatformError(
        .invalidArgument, "the layer \(blob) unpacks to \(diffID), but the image says \(expected)")
    }
  }

  private func compression(of blob: Digest) throws -> CompressionFormat {
    let start = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 16)
    defer { start.deallocate() }
    let file = try content.open(blob)
    let count = try translatingSystemErrors("read content \(blob)") { try file.read(into: start) }
    return CompressionFormat.detect(UnsafeRawBufferPointer(rebasing: start[..<count]))
  }

  private func hashUnpacked(_ blob: Digest) throws -> Digest {
    let stream = try UnpackedStream.open(DescriptorSource(content.open(blob)), limits: limits)
    var hasher = ContentHasher()
    while true {
      let chunk = try stream.nextChunk()
      if chunk.isEmpty { return hasher.digest() }
      hasher.update(chunk)
      guard hasher.sizeBytes <= limits.totalBytes else {
        throw PlatformError(
          .resourceExhausted, "a layer unpacks to more than \(limits.totalBytes) bytes, which is the limit")
      }
    }
  }

  private func storeUnpacked(_ blob: Digest, diffID: Digest) throws -> ContentDescriptor {
    lease.hold(diffID)
    if try !content.contains(diffID) {
      let stream = try UnpackedStream.open(DescriptorSource(content.open(blob)), limits: limits)
      let writer = try content.writer(expected: diffID, limitBytes: limits.totalBytes)
      while true {
        let chunk = try stream.nextChunk()
        if chunk.isEmpty { break }
        try writer.append(chunk)
      }
      _ = try writer.commit()
    }
    return ContentDescriptor(mediaType: .ociLayer, digest: diffID, size: try content.size(diffID))
  }
}
