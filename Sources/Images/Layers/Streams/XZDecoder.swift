import CArchive
import Model

/// xz by liblzma, concatenated streams included, with a bound on memory.
final class XZDecoder: Decoder {
  /// LZMA_CONCATENATED (lzma/container.h), a macro that Swift does not see.
  private static let concatenated: UInt32 = 0x08

  private let stream = UnsafeMutablePointer<lzma_stream>.allocate(capacity: 1)
  private let maximumMemoryBytes: Int

  init(maximumMemoryBytes: Int) throws {
    self.maximumMemoryBytes = maximumMemoryBytes
    stream.initialize(to: lzma_stream())
    let code = lzma_stream_decoder(stream, UInt64(maximumMemoryBytes), Self.concatenated)
    guard code == LZMA_OK else {
      stream.deallocate()
      throw PlatformError(.resourceExhausted, "cannot start xz decompression", context: ["code": "\(code.rawValue)"])
    }
  }

  deinit {
    lzma_end(stream)
    stream.deallocate()
  }

  func step(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) throws -> (consumed: Int, produced: Int, ended: Bool) {
    stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_in = input.count
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = output.count
    // No input left means the end: only then can the library tell a whole stream from a torn one.
    let code = lzma_code(stream, input.isEmpty ? LZMA_FINISH : LZMA_RUN)
    switch code {
    case LZMA_OK, LZMA_BUF_ERROR, LZMA_STREAM_END: break
    case LZMA_MEMLIMIT_ERROR:
      throw PlatformError(
        .resourceExhausted,
        "the xz stream wants more than \(maximumMemoryBytes >> 20) MiB of memory: pack it with a smaller dictionary")
    default:
      throw PlatformError(.invalidArgument, "the xz stream is damaged", context: ["code": "\(code.rawValue)"])
    }
    return (
      input.count - stream.pointee.avail_in, output.count - stream.pointee.avail_out, code == LZMA_STREAM_END
    )
  }

  // The library goes through all streams and their padding itself; what it leaves is not xz.
  func startsAnother(_ input: UnsafeRawBufferPointer) throws -> Bool { false }
}
