import CArchive
import Model

/// gzip (RFC 1952) by zlib, any number of members.
final class GzipDecoder: Decoder {
  // zlib keeps a pointer to the structure, so it must not move.
  private let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)

  init() throws {
    stream.initialize(to: z_stream())
    // 15 bits of window, and 16 for "gzip header expected".
    let code = inflateInit2_(stream, 15 + 16, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard code == Z_OK else {
      stream.deallocate()
      throw PlatformError(.resourceExhausted, "cannot start gzip decompression", context: ["code": "\(code)"])
    }
  }

  deinit {
    inflateEnd(stream)
    stream.deallocate()
  }

  func step(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) throws -> (consumed: Int, produced: Int, ended: Bool) {
    let inputCount = min(input.count, 1 << 30)
    let outputCount = min(output.count, 1 << 30)
    // zlib only reads from next_in; its declaration lacks the const.
    stream.pointee.next_in = UnsafeMutablePointer(
      mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
    stream.pointee.avail_in = UInt32(inputCount)
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(outputCount)
    let code = inflate(stream, Z_NO_FLUSH)
    guard code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR else {
      throw PlatformError(.invalidArgument, "the gzip stream is damaged", context: ["code": "\(code)"])
    }
    return (
      inputCount - Int(stream.pointee.avail_in), outputCount - Int(stream.pointee.avail_out), code == Z_STREAM_END
    )
  }

  func startsAnother(_ input: UnsafeRawBufferPointer) throws -> Bool {
    guard input[0] != 0 else { return false }
    inflateReset(stream)
    return true
  }
}
