import Model

/// Opens a stream that may be packed.
public enum UnpackedStream {
  /// Reads `source` ahead on a thread of its own, and unpacks it on another where its first bytes say that it is packed.
  public static func open(_ source: sending any ByteSource, limits: LayerLimits = .standard) throws -> any ChunkSource {
    try DetectingSource(PrefetchingSource(source), limits: limits)
  }

  /// Unpacks on a thread of its own. The caller must not touch `packed` again; the compiler's flow analysis does not see
  /// that callers keep it only where they do not unpack, so this is not `sending`.
  static func decompress(
    _ packed: any ChunkSource, format: CompressionFormat, limits: LayerLimits
  ) throws -> PrefetchingSource {
    try PrefetchingSource(moving: DecompressingSource(packed, format: format, limits: limits))
  }
}

/// Decides by the first chunk whether the rest has to be unpacked.
private final class DetectingSource: ChunkSource {
  private let source: any ChunkSource

  init(_ packed: any ChunkSource, limits: LayerLimits) throws {
    let peeked = try PeekedSource(packed)
    switch CompressionFormat.detect(peeked.first) {
    case .none: source = peeked
    case let format: source = try UnpackedStream.decompress(peeked, format: format, limits: limits)
    }
  }

  func nextChunk() throws -> UnsafeRawBufferPointer { try source.nextChunk() }
}

/// Tells layers from other files by their first bytes.
public enum LayerSniffer {
  /// True for what is packed, and for an unpacked tar archive.
  public static func looksLikeLayer(_ start: UnsafeRawBufferPointer, sizeBytes: Int64) -> Bool {
    if CompressionFormat.detect(start) != .none { return true }
    guard start.count >= TarHeader.blockBytes, sizeBytes >= Int64(2 * TarHeader.blockBytes) else { return false }
    let block = UnsafeRawBufferPointer(rebasing: start[..<TarHeader.blockBytes])
    if block.allSatisfy({ $0 == 0 }) { return true }
    return ((try? TarHeader(block)) ?? nil) != nil
  }
}
