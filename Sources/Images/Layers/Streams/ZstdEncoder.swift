import CArchive
import Model

/// Packs a stream as one Zstandard frame (RFC 8878) with a checksum. One thread at a time.
public final class ZstdEncoder {
  private let stream: OpaquePointer
  private let output = UnsafeMutableRawBufferPointer.allocate(byteCount: ZSTD_CStreamOutSize(), alignment: 16)

  /// - Parameter level: zstd's, 1 to 19.
  public init(level: Int32 = 3) throws {
    guard let stream = ZSTD_createCStream() else {
      throw PlatformError(.resourceExhausted, "cannot start zstd compression")
    }
    self.stream = stream
    ZSTD_CCtx_setParameter(stream, ZSTD_c_compressionLevel, level)
    ZSTD_CCtx_setParameter(stream, ZSTD_c_checksumFlag, 1)
  }

  deinit {
    ZSTD_freeCStream(stream)
    output.deallocate()
  }

  /// Packs bytes.
  /// - Parameters:
  ///   - isLast: ends the frame.
  ///   - sink: takes what is ready; the memory is lent.
  public func pack(
    _ bytes: UnsafeRawBufferPointer, isLast: Bool = false, to sink: (UnsafeRawBufferPointer) throws -> Void
  ) throws {
    var source = ZSTD_inBuffer(src: bytes.baseAddress, size: bytes.count, pos: 0)
    while true {
      var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
      let left = ZSTD_compressStream2(stream, &target, &source, isLast ? ZSTD_e_end : ZSTD_e_continue)
      guard ZSTD_isError(left) == 0 else {
        throw PlatformError(
          .internal, "zstd compression failed", context: ["reason": String(cString: ZSTD_getErrorName(left))])
      }
      if target.pos > 0 { try sink(UnsafeRawBufferPointer(rebasing: output[..<target.pos])) }
      if isLast ? left == 0 : source.pos == source.size { return }
    }
  }
}
