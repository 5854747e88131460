import CArchive
import Model

/// Zstandard (RFC 8878), any number of frames, with a bound on the window that a frame may ask for.
final class ZstdDecoder: Decoder {
  private let stream: OpaquePointer
  private let maximumWindowLog: Int

  init(maximumWindowLog: Int) throws {
    guard let stream = ZSTD_createDStream() else {
      throw PlatformError(.resourceExhausted, "cannot start zstd decompression")
    }
    self.stream = stream
    self.maximumWindowLog = maximumWindowLog
    ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Int32(maximumWindowLog))
  }

  deinit { ZSTD_freeDStream(stream) }

  func step(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) throws -> (consumed: Int, produced: Int, ended: Bool) {
    var source = ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
    var target = ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
    let code = ZSTD_decompressStream(stream, &target, &source)
    if ZSTD_isError(code) != 0 {
      // Errors are negative numbers in an unsigned result.
      if 0 &- code == Int(ZSTD_error_frameParameter_windowTooLarge.rawValue) {
        throw PlatformError(
          .resourceExhausted,
          "the zstd stream wants a window of more than \(1 << (maximumWindowLog - 20)) MiB: pack it without --ultra and --long"
        )
      }
      throw PlatformError(
        .invalidArgument, "the zstd stream is damaged", context: ["reason": String(cString: ZSTD_getErrorName(code))])
    }
    return (source.pos, target.pos, code == 0)
  }

  func startsAnother(_ input: UnsafeRawBufferPointer) throws -> Bool { input[0] != 0 }
}
