import CArchive
import Model

/// bzip2, any number of streams one after the other.
final class Bzip2Decoder: Decoder {
  // The library keeps a pointer to the structure, so it must not move.
  private let stream = UnsafeMutablePointer<bz_stream>.allocate(capacity: 1)

  init() throws {
    stream.initialize(to: bz_stream())
    try start()
  }

  deinit {
    BZ2_bzDecompressEnd(stream)
    stream.deallocate()
  }

  func step(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) throws -> (consumed: Int, produced: Int, ended: Bool) {
    let inputCount = min(input.count, 1 << 30)
    let outputCount = min(output.count, 1 << 30)
    // The library only reads from next_in; its declaration lacks the const.
    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress?.assumingMemoryBound(to: CChar.self))
    stream.pointee.avail_in = UInt32(inputCount)
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: CChar.self)
    stream.pointee.avail_out = UInt32(outputCount)
    let code = BZ2_bzDecompress(stream)
    guard code == BZ_OK || code == BZ_STREAM_END else {
      throw PlatformError(.invalidArgument, "the bzip2 stream is damaged", context: ["code": "\(code)"])
    }
    return (
      inputCount - Int(stream.pointee.avail_in), outputCount - Int(stream.pointee.avail_out), code == BZ_STREAM_END
    )
  }

  func startsAnother(_ input: UnsafeRawBufferPointer) throws -> Bool {
    guard input[0] != 0 else { return false }
    BZ2_bzDecompressEnd(stream)
    stream.pointee = bz_stream()
    try start()
    return true
  }

  private func start() throws {
    let code = BZ2_bzDecompressInit(stream, 0, 0)
    guard code == BZ_OK else {
      throw PlatformError(.resourceExhausted, "cannot start bzip2 decompression", context: ["code": "\(code)"])
    }
  }
}
