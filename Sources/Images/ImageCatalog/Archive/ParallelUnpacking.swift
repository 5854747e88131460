import ContentStore
import Layers
import Model
import Snapshots

/// Unpacks a layer on another thread while its bytes come in and are stored by this one.
///
/// Whether the bytes really are a layer is a guess: a failure here only means that nothing was unpacked, and shows again,
/// as an error, when the image turns out to need the layer.
final class ParallelUnpacking {
  private let pipe = BytePipe()
  private let outcome: ThreadOutcome<UnpackedLayer?>
  private var isReaderGone = false

  init(snapshots: SnapshotStore, limits: LayerLimits, writer: ContentWriter) throws {
    let pipe = pipe
    outcome = try ThreadOutcome {
      let staging = try snapshots.stageLayer()
      do {
        let layer = try LayerApplier(limits: limits)
          .apply(chunks: pipe, to: staging.path, progress: { writer.progress() })
        return UnpackedLayer(staging: staging, layer: layer)
      } catch {
        pipe.cancel()
        try? snapshots.discard(staging)
        return nil
      }
    }
  }

  func feed(_ bytes: UnsafeRawBufferPointer) {
    if isReaderGone { return }
    do {
      try pipe.write(bytes)
    } catch {
      isReaderGone = true
    }
  }

  func finish(throwing error: (any Error)? = nil) { pipe.finish(throwing: error) }

  /// The layer, or nil where it could not be unpacked. Only after `finish`.
  func wait() -> UnpackedLayer? { (try? outcome.wait()) ?? nil }
}
