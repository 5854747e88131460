import ContentStore
import Layers
import LinuxSystem
import Model
import NIOCore
import RegistryClient

/// A layer's file on its way out, packed as it goes. Waiting for the packing threads happens on threads that may block.
final class GzipPieces: BlobPieces {
  private struct State {
    var gzip: ParallelGzip
    var hasher = ContentHasher()
  }

  private let state: Locked<State>
  private let executor: BlockingExecutor
  private let meter: TransferMeter

  init(_ file: Descriptor, sizeBytes: Int64, executor: BlockingExecutor, meter: TransferMeter) throws {
    state = Locked(State(gzip: try ParallelGzip(file, sizeBytes: sizeBytes)))
    self.executor = executor
    self.meter = meter
  }

  func next() async throws -> ByteBuffer? {
    let (piece, done) = try await executor.run { [self] in
      try state.withLock { state -> (ByteBuffer?, Int64) in
        let chunk = try state.gzip.nextChunk()
        if chunk.isEmpty { return (nil, state.gzip.sourceBytes) }
        state.hasher.update(chunk)
        return (ByteBuffer(bytes: chunk), state.gzip.sourceBytes)
      }
    }
    meter.set(done)
    return piece
  }

  /// Digest and size of what was given out.
  var result: TransferMemory.Packed {
    state.withLock { .init(digest: $0.hasher.digest(), sizeBytes: $0.hasher.sizeBytes) }
  }
}

/// Pieces that tell how many bytes have gone.
final class MeteredPieces: BlobPieces {
  private let pieces: any BlobPieces
  private let meter: TransferMeter
  private let position: Locked<Int64>

  init(_ pieces: any BlobPieces, from offset: Int64, meter: TransferMeter) {
    self.pieces = pieces
    self.meter = meter
    position = Locked(offset)
  }

  func next() async throws -> ByteBuffer? {
    let piece = try await pieces.next()
    let count = piece?.readableBytes ?? 0
    let done = position.withLock { position in
      position += Int64(count)
      return position
    }
    meter.set(done)
    return piece
  }
}
