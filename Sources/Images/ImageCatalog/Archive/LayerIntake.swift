import ContentStore
import Layers
import Model
import Snapshots

/// Stores a blob while its bytes come in, and unpacks it at the same time where it is a layer.
///
/// One task or thread at a time uses it; it ends by `finish` or `abandon`. Calls block.
public final class LayerIntake: @unchecked Sendable {
  // Unchecked: whoever brings the bytes has it alone; `ParallelUnpacking` shares with its thread what is made for that.
  private let snapshots: SnapshotStore
  private let lease: ContentLease
  private let writer: ContentWriter
  private let unpacking: ParallelUnpacking?

  init(
    content: ContentStore, snapshots: SnapshotStore, limits: LayerLimits, lease: ContentLease, expected: Digest?,
    sizeBytes: Int64?, unpacks: Bool
  ) throws {
    self.snapshots = snapshots
    self.lease = lease
    writer = try content.writer(expected: expected, expectedSizeBytes: sizeBytes, limitBytes: limits.totalBytes)
    unpacking = unpacks ? try ParallelUnpacking(snapshots: snapshots, limits: limits, writer: writer) : nil
  }

  public func append(_ bytes: UnsafeRawBufferPointer) throws {
    try writer.append(bytes)
    unpacking?.feed(bytes)
  }

  /// Makes the blob durable and visible.
  /// - Returns: the layer, where it could be unpacked.
  /// - Throws: `invalidArgument` where digest or size are not what was expected; nothing stays then.
  func finish() throws -> (digest: Digest, sizeBytes: Int64, unpacked: UnpackedLayer?) {
    do {
      unpacking?.finish()
      // The lease comes before the blob is visible, so that no collection can take it in between.
      lease.hold(writer.progress().digest)
      let (digest, sizeBytes) = try writer.commit()
      return (digest, sizeBytes, unpacking?.wait())
    } catch {
      abandon(error)
      throw error
    }
  }

  /// Gives up: nothing stays.
  public func abandon(_ error: any Error) {
    unpacking?.finish(throwing: error)
    if let layer = unpacking?.wait() { try? snapshots.discard(layer.staging) }
    writer.abort()
  }
}
