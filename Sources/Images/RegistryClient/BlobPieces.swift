import Glibc
import LinuxSystem
import Model
import NIOCore

/// A blob's bytes on their way out, piece by piece. One task at a time asks; the next piece is asked for when the peer can
/// take it.
public protocol BlobPieces: Sendable {
  /// The next bytes; nil at the end. Must not block its thread.
  func next() async throws -> ByteBuffer?
}

/// A file's bytes from an offset on, read on threads that may block.
public final class FilePieces: BlobPieces {
  private static let pieceBytes = 1 << 20

  private let file: Descriptor
  private let endOffset: Int64
  private let executor: BlockingExecutor
  private let position: Locked<Int64>

  /// - Parameter count: bytes to send; a file that has fewer is an error.
  public init(_ file: Descriptor, offset: Int64, count: Int64, executor: BlockingExecutor) {
    self.file = file
    endOffset = offset + count
    self.executor = executor
    position = Locked(offset)
  }

  public func next() async throws -> ByteBuffer? {
    let start = position.withLock { $0 }
    let wanted = Int(min(Int64(Self.pieceBytes), endOffset - start))
    if wanted == 0 { return nil }
    let piece = try await executor.run { [file] in
      var buffer = ByteBufferAllocator().buffer(capacity: wanted)
      try buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: wanted) { memory in
        try systemCall("pread") { pread(file.raw, memory.baseAddress, wanted, off_t(start)) }
      }
      return buffer
    }
    guard piece.readableBytes > 0 else {
      throw PlatformError(.internal, "a blob's file ends before its size")
    }
    position.withLock { $0 = start + Int64(piece.readableBytes) }
    return piece
  }
}

/// Bytes at hand.
public final class MemoryPieces: BlobPieces {
  private let buffer: Locked<ByteBuffer?>

  public init(_ bytes: some Sequence<UInt8>) { buffer = Locked(ByteBuffer(bytes: bytes)) }

  public func next() async throws -> ByteBuffer? {
    buffer.withLock { buffer in
      defer { buffer = nil }
      return buffer.flatMap { $0.readableBytes > 0 ? $0 : nil }
    }
  }
}
