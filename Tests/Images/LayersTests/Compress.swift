import CArchive
import Model

/// Packs bytes for tests.
enum Compress {
  struct Failure: Error {}

  static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
    var stream = z_stream()
    var input = bytes
    var output = [UInt8](repeating: 0, count: bytes.count + bytes.count / 100 + 128)
    let size = Int32(MemoryLayout<z_stream>.size)
    guard deflateInit2_(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK else {
      throw Failure()
    }
    defer { deflateEnd(&stream) }
    return try input.withUnsafeMutableBufferPointer { input in
      try output.withUnsafeMutableBufferPointer { output in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = UInt32(output.count)
        guard deflate(&stream, Z_FINISH) == Z_STREAM_END else { throw Failure() }
        return Array(output.prefix(Int(stream.total_out)))
      }
    }
  }

  static func zstd(_ bytes: [UInt8]) throws -> [UInt8] {
    var output = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
    let count = ZSTD_compress(&output, output.count, bytes, bytes.count, 3)
    guard ZSTD_isError(count) == 0 else { throw Failure() }
    return Array(output.prefix(count))
  }

  static func xz(_ bytes: [UInt8]) throws -> [UInt8] {
    var output = [UInt8](repeating: 0, count: lzma_stream_buffer_bound(bytes.count))
    var position = 0
    let code = lzma_easy_buffer_encode(
      6, LZMA_CHECK_CRC64, nil, bytes, bytes.count, &output, &position, output.count)
    guard code == LZMA_OK else { throw Failure() }
    return Array(output.prefix(position))
  }

  static func bzip2(_ bytes: [UInt8]) throws -> [UInt8] {
    var input = bytes.map { CChar(bitPattern: $0) }
    var output = [CChar](repeating: 0, count: bytes.count * 2 + 1024)
    var count = UInt32(output.count)
    guard BZ2_bzBuffToBuffCompress(&output, &count, &input, UInt32(input.count), 6, 0, 0) == BZ_OK else {
      throw Failure()
    }
    return output.prefix(Int(count)).map { UInt8(bitPattern: $0) }
  }
}
