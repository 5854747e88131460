import CArchive
import ContentStore
import Foundation
import LinuxSystem
import Model
import Testing

@testable import Layers

@Suite struct GzipTests {
  /// Bytes that pack well and badly by turns.
  private static func sample(_ count: Int) -> [UInt8] {
    // xorshift, as the generator of the system takes its time.
    var state: UInt64 = 88_172_645_463_325_252
    return (0..<count).map { index in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return index / 5_000 % 2 == 0 ? UInt8(truncatingIfNeeded: index / 7) : UInt8(truncatingIfNeeded: state)
    }
  }

  private func pack(_ bytes: [UInt8], threads: Int) throws -> [UInt8] {
    let file = try MemoryFile.make(bytes)
    let gzip = try ParallelGzip(file, sizeBytes: Int64(bytes.count), threads: threads)
    var result: [UInt8] = []
    while true {
      let chunk = try gzip.nextChunk()
      if chunk.isEmpty { return result }
      result.append(contentsOf: chunk)
    }
  }

  /// Unpacks one member by zlib, the other implementation; nil where it is not valid.
  private func inflate(_ bytes: [UInt8], limit: Int) -> [UInt8]? {
    var stream = z_stream()
    guard inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else { return nil }
    defer { inflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: limit + 1)
    let count: Int? = input.withUnsafeMutableBufferPointer { source in
      output.withUnsafeMutableBufferPointer { target in
        stream.next_in = source.baseAddress
        stream.avail_in = UInt32(source.count)
        stream.next_out = target.baseAddress
        stream.avail_out = UInt32(target.count)
        guard CArchive.inflate(&stream, Z_FINISH) == Z_STREAM_END, stream.avail_in == 0 else { return nil }
        return target.count - Int(stream.avail_out)
      }
    }
    return count.map { Array(output[..<$0]) }
  }

  private func unpack(_ packed: [UInt8], chunkBytes: Int) throws -> [UInt8] {
    let source = try DecompressingSource(
      MemorySource(packed, chunkBytes: chunkBytes), format: .gzip, limits: .standard)
    var result: [UInt8] = []
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1_000, alignment: 16)
    defer { buffer.deallocate() }
    while true {
      let count = try source.read(into: buffer)
      if count == 0 { return result }
      result.append(contentsOf: buffer[..<count])
    }
  }

  @Test(arguments: [0, 1, 1_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_300_000])
  func `a file is packed as one member that zlib reads, the same with any number of threads`(count: Int) throws {
    let bytes = Self.sample(count)
    let packed = try pack(bytes, threads: 1)
    #expect(inflate(packed, limit: count) == bytes)
    #expect(try pack(bytes, threads: 2) == packed)
    #expect(try pack(bytes, threads: 8) == packed)
    #expect(try unpack(packed, chunkBytes: 10_000) == bytes)
  }

  @Test func `a file that is shorter than said is an error`() throws {
    let file = try MemoryFile.make([1, 2, 3])
    let gzip = try ParallelGzip(file, sizeBytes: 4, threads: 1)
    _ = try gzip.nextChunk()
    #expect(throws: PlatformError.self) { try gzip.nextChunk() }
  }

  @Test func `a reader that goes away lets the threads end`() throws {
    let file = try MemoryFile.make([UInt8](repeating: 7, count: 20 << 20))
    weak var work: ParallelGzip?
    do {
      let gzip = try ParallelGzip(file, sizeBytes: 20 << 20, threads: 2)
      work = gzip
      _ = try gzip.nextChunk()
    }
    #expect(work == nil)
  }

  @Test func `members are read wherever the stream is cut into pieces`() throws {
    let first = Self.sample(3_000)
    let second = Array("the second member".utf8)
    let packed = try Compress.gzip(first) + Compress.gzip([]) + Compress.gzip(second) + [0, 0, 0, 0]
    for chunkBytes in 1...64 { #expect(try unpack(packed, chunkBytes: chunkBytes) == first + second) }
    let tail = try Compress.gzip(second)
    let whole = try Compress.gzip([7]) + tail
    for cut in 1..<whole.count { #expect(try unpack(whole, chunkBytes: cut) == [7] + second, "cut at \(cut)") }
  }

  @Test func `a damaged or torn stream is refused`() throws {
    let packed = try Compress.gzip(Self.sample(10_000))
    for position in [0, 1, 2, packed.count - 5, packed.count - 1] {
      var damaged = packed
      damaged[position] ^= 0xFF
      #expect(throws: PlatformError.self, "byte \(position)") { try unpack(damaged, chunkBytes: 4_096) }
    }
    for count in [5, 12, 5_000, packed.count - 1] {
      #expect(throws: PlatformError.self, "\(count) bytes") { try unpack(Array(packed[..<count]), chunkBytes: 4_096) }
    }
    #expect(throws: PlatformError.self) { try unpack(packed + [1, 2, 3], chunkBytes: 4_096) }
  }

  @Test func `any change of a bit gives an error or the same bytes`() throws {
    let bytes = Self.sample(2_000)
    let packed = try Compress.gzip(bytes)
    for position in 0..<packed.count {
      var damaged = packed
      damaged[position] ^= 1 << UInt8(position % 8)
      // Flags and times of the header say nothing about the content.
      if let result = try? unpack(damaged, chunkBytes: 333) { #expect(result == bytes, "byte \(position)") }
    }
  }
}
