import Glibc
import LinuxSystem
import Model

/// A stream of bytes that is pulled piece by piece by one thread at a time.
public protocol ByteSource: AnyObject {
  /// Fills `buffer` from its start and returns how many bytes; 0 only at the end. Blocks.
  func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// A stream that lends its own memory, so that nothing is copied.
public protocol ChunkSource: AnyObject {
  /// The next bytes, valid until the next call; empty only at the end, and then for ever. Blocks.
  func nextChunk() throws -> UnsafeRawBufferPointer
}

/// Reads a descriptor: file, pipe or socket.
public final class DescriptorSource: ByteSource {
  private let descriptor: Descriptor

  public init(_ descriptor: Descriptor) { self.descriptor = descriptor }

  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    try descriptor.read(into: buffer)
  }
}

/// Bytes at hand, lent in pieces.
public final class MemorySource: ByteSource, ChunkSource {
  private let bytes: UnsafeMutableRawBufferPointer
  private let chunkBytes: Int
  private var position = 0

  public init(_ bytes: [UInt8], chunkBytes: Int = 64 << 10) {
    precondition(chunkBytes > 0, "a chunk has at least one byte")
    self.bytes = .allocate(byteCount: bytes.count, alignment: 16)
    self.bytes.copyBytes(from: bytes)
    self.chunkBytes = chunkBytes
  }

  deinit { bytes.deallocate() }

  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = min(buffer.count, chunkBytes, bytes.count - position)
    if count == 0 { return 0 }
    buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[position..<position + count]))
    position += count
    return count
  }

  public func nextChunk() throws -> UnsafeRawBufferPointer {
    let count = min(chunkBytes, bytes.count - position)
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }
}

/// Turns a source that fills memory into one that lends it.
public final class BufferedSource: ChunkSource {
  private let source: any ByteSource
  private let buffer: UnsafeMutableRawBufferPointer

  public init(_ source: any ByteSource, bufferBytes: Int = 256 << 10) {
    self.source = source
    buffer = .allocate(byteCount: bufferBytes, alignment: 4096)
  }

  deinit { buffer.deallocate() }

  public func nextChunk() throws -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(rebasing: buffer[..<(try source.read(into: buffer))])
  }
}
