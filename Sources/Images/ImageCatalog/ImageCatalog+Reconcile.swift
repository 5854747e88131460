import ContentStore
import Layers
import LinuxSystem
import Model
import OCITypes
import Snapshots

/// What a start found and did.
public struct ImageReconciliation: Sendable {
  /// Images that cannot be used, with the reason; their records stay.
  public var broken: [(image: Digest, reason: String)] = []
  /// Layers that were unpacked again from their blobs.
  public var restoredLayers: [Digest] = []
  public var removedBlobs = 0
  public var removedLayers = 0
}

extension ImageCatalog {
  /// Brings disk and records into line after a start, before images are used: unpacks layers again that a power loss took,
  /// and removes blobs and layers that nothing needs.
  /// - Parameter chainsInUse: the layers that containers stand on, whose images may be gone.
  public func reconcile(chainsInUse: Set<Digest>) throws -> ImageReconciliation {
    var report = ImageReconciliation()
    let lease = lease()
    for image in try list() {
      do {
        try restore(image, lease, &report)
      } catch {
        logger.error("image \(image.id) cannot be used: \(error)")
        report.broken.append((image.id, (error as? PlatformError)?.message ?? "\(error)"))
      }
    }
    try ledger.collect { isLeased in
      let needed = referenced()
      // A record that could not be read may still need its blobs: then nothing is removed.
      guard try database.table(StoredImage.table).count() == state.withLock({ $0.images.count }) else { return }
      for (blob, _) in try content.list() where !needed.blobs.contains(blob) && !isLeased(blob) {
        try content.delete(blob)
        report.removedBlobs += 1
      }
      for chain in try snapshots.layers()
      where !needed.chains.contains(chain) && !chainsInUse.contains(chain) && !isLeased(chain) {
        try snapshots.removeLayer(chain)
        report.removedLayers += 1
      }
    }
    flushInBackground()
    return report
  }

  private func restore(_ image: ImageRecord, _ lease: ContentLease, _ report: inout ImageReconciliation) throws {
    let installer = installer(lease)
    for (index, chainID) in image.chainIDs.enumerated() where !snapshots.hasLayer(chainID) {
      var unpacked: UnpackedLayer?
      _ = try installer.install(
        blob: image.layers[index].digest, diffID: image.config.rootfs.diffIDs[index], chainID: chainID,
        below: Array(image.chainIDs[..<index]), unpacked: &unpacked)
      report.restoredLayers.append(chainID)
    }
  }
}
