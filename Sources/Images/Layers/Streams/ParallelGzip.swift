import CArchive
import Glibc
import LinuxSystem
import Model

/// Packs a file as one gzip stream (RFC 1952) on several threads, a few pieces ahead of whoever reads.
///
/// The file is cut into pieces of a fixed size, each packed for itself and ended at a byte's border (RFC 1951, a flush), so
/// that the pieces joined are one valid stream. The same file gives the same bytes on the same kind of processor, however many
/// threads there are. Reading blocks. The threads end with the stream, or soon after this object is gone.
public final class ParallelGzip: ChunkSource {
  static let pieceBytes = 1 << 20
  private static let maximumThreads = 8

  private let work: GzipWork
  private var lent: GzipWork.Piece?
  private var stage = Stage.header
  private var small: [UInt8] = []
  private let smallBuffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 16, alignment: 16)
  private var checksum: UInt = 0
  /// Bytes of the file whose packed form has been given out.
  public private(set) var sourceBytes: Int64 = 0

  private enum Stage { case header, pieces, end }

  /// - Parameters:
  ///   - file: read by position from its start.
  ///   - threads: nil takes one for each processor, at most eight.
  public init(_ file: Descriptor, sizeBytes: Int64, threads: Int? = nil) throws {
    let processors = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    let threads = min(threads ?? processors, Self.maximumThreads, max(1, Int(sizeBytes / Int64(Self.pieceBytes))))
    work = GzipWork(file, sizeBytes: sizeBytes, window: 2 * threads + 1)
    for _ in 0..<threads {
      do {
        try WorkerThread.start { [work] in work.run() }
      } catch {
        work.cancel()
        throw error
      }
    }
  }

  deinit {
    work.cancel()
    smallBuffer.deallocate()
  }

  public func nextChunk() throws -> UnsafeRawBufferPointer {
    if let lent {
      work.giveBack(lent)
      self.lent = nil
    }
    switch stage {
    case .header:
      stage = .pieces
      // No name, no time, fastest method, unknown system.
      return lend([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 0xFF])
    case .pieces:
      if let piece = try work.next() {
        checksum = crc32_combine(checksum, UInt(piece.checksum), piece.sourceBytes)
        sourceBytes += Int64(piece.sourceBytes)
        lent = piece
        return UnsafeRawBufferPointer(rebasing: piece.buffer[..<piece.count])
      }
      stage = .end
      // An empty last block, then checksum and size.
      var trailer: [UInt8] = [3, 0]
      for value in [UInt32(truncatingIfNeeded: checksum), UInt32(truncatingIfNeeded: work.sizeBytes)] {
        withUnsafeBytes(of: value.littleEndian) { trailer.append(contentsOf: $0) }
      }
      return lend(trailer)
    case .end: return UnsafeRawBufferPointer(start: nil, count: 0)
    }
  }

  private func lend(_ bytes: [UInt8]) -> UnsafeRawBufferPointer {
    smallBuffer.copyBytes(from: bytes)
    return UnsafeRawBufferPointer(rebasing: smallBuffer[..<bytes.count])
  }
}

/// The pieces between the threads that pack and the one that reads.
private final class GzipWork: @unchecked Sendable {
  // Unchecked: everything that changes is touched under `lock`; a buffer belongs to one thread at a time.
  struct Piece {
    var buffer: UnsafeMutableRawBufferPointer
    var count: Int
    var checksum: UInt32
    var sourceBytes: Int
  }

  /// A stored block has five bytes for each 65,535; the rest is room to spare.
  private static let bufferBytes = ParallelGzip.pieceBytes + (64 << 10)

  let sizeBytes: Int64
  private let file: Descriptor
  private let pieces: Int
  private let window: Int
  private let lock = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var free: [UnsafeMutableRawBufferPointer] = []
  private var allocated = 0
  private var ready: [Int: Piece] = [:]
  private var nextToPack = 0
  private var nextToRead = 0
  private var failure: (any Error)?
  private var isCancelled = false

  init(_ file: Descriptor, sizeBytes: Int64, window: Int) {
    self.file = file
    self.sizeBytes = sizeBytes
    self.window = window
    let size = Int64(ParallelGzip.pieceBytes)
    pieces = Int((sizeBytes + size - 1) / size)
    pthread_mutex_init(lock, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    for buffer in free { buffer.deallocate() }
    for piece in ready.values { piece.buffer.deallocate() }
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(lock)
    changed.deallocate()
    lock.deallocate()
  }

  // MARK: - The reader

  /// The next piece in order; nil behind the last.
  func next() throws -> Piece? {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    guard nextToRead < pieces else { return nil }
    while ready[nextToRead] == nil && failure == nil { pthread_cond_wait(changed, lock) }
    if let failure { throw failure }
    defer { nextToRead += 1 }
    return ready.removeValue(forKey: nextToRead)
  }

  func giveBack(_ piece: Piece) {
    pthread_mutex_lock(lock)
    free.append(piece.buffer)
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(lock)
  }

  func cancel() {
    pthread_mutex_lock(lock)
    isCancelled = true
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(lock)
  }

  // MARK: - The packing threads

  func run() {
    let packer = GzipPacker()
    while let (index, buffer) = take() {
      do {
        put(try pack(index, into: buffer, packer), at: index)
      } catch {
        fail(error, buffer)
        return
      }
    }
  }

  /// The next piece to pack and a buffer for it; waits while the reader is too far behind.
  private func take() -> (index: Int, buffer: UnsafeMutableRawBufferPointer)? {
    pthread_mutex_lock(lock)
    defer { pthread_mutex_unlock(lock) }
    while true {
      guard !isCancelled, failure == nil, nextToPack < pieces else { return nil }
      if free.isEmpty, allocated < window {
        free.append(.allocate(byteCount: Self.bufferBytes, alignment: 4096))
        allocated += 1
      }
      // Only what is near the reader's place is packed: buffers then never run out before the piece that it waits for.
      if nextToPack < nextToRead + window, let buffer = free.popLast() {
        defer { nextToPack += 1 }
        return (nextToPack, buffer)
      }
      pthread_cond_wait(changed, lock)
    }
  }

  private func put(_ piece: Piece, at index: Int) {
    pthread_mutex_lock(lock)
    ready[index] = piece
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(lock)
  }

  private func fail(_ error: any Error, _ buffer: UnsafeMutableRawBufferPointer) {
    pthread_mutex_lock(lock)
    free.append(buffer)
    failure = failure ?? error
    pthread_cond_broadcast(changed)
    pthread_mutex_unlock(lock)
  }

  private func pack(
    _ index: Int, into buffer: UnsafeMutableRawBufferPointer, _ packer: GzipPacker
  ) throws -> Piece {
    let offset = Int64(index) * Int64(ParallelGzip.pieceBytes)
    let wanted = Int(min(Int64(ParallelGzip.pieceBytes), sizeBytes - offset))
    let source = packer.input
    var filled = 0
    while filled < wanted {
      let count = try systemCall("pread") {
        pread(file.raw, source.baseAddress?.advanced(by: filled), wanted - filled, off_t(offset) + off_t(filled))
      }
      guard count > 0 else { throw PlatformError(.internal, "a layer's file ends before its size") }
      filled += count
    }
    let (count, checksum) = try packer.pack(wanted, into: buffer)
    return Piece(buffer: buffer, count: count, checksum: checksum, sourceBytes: wanted)
  }
}

/// One thread's state of ISA-L's compressor.
private final class GzipPacker {
  /// The fastest level that is not much larger than zlib's first.
  private static let level: UInt32 = 1
  /// ISAL_DEF_LVL1_LARGE (igzip_lib.h), a macro of macros: 4 KiB and two bytes for each of 8 Ki hashes, and four for each of
  /// 64 Ki tokens.
  private static let levelBytes = (4 << 10) + 2 * (8 << 10) + 4 * (64 << 10)

  let input = UnsafeMutableRawBufferPointer.allocate(byteCount: ParallelGzip.pieceBytes, alignment: 4096)
  private let levelBuffer = UnsafeMutablePointer<UInt8>.allocate(capacity: levelBytes)
  private let stream = UnsafeMutablePointer<isal_zstream>.allocate(capacity: 1)

  deinit {
    input.deallocate()
    levelBuffer.deallocate()
    stream.deallocate()
  }

  /// Packs the first bytes of `input` as blocks that end at a byte's border.
  func pack(
    _ count: Int, into output: UnsafeMutableRawBufferPointer
  ) throws -> (count: Int, checksum: UInt32) {
    let bytes = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
    isal_deflate_stateless_init(stream)
    stream.pointee.level = Self.level
    stream.pointee.level_buf = levelBuffer
    stream.pointee.level_buf_size = UInt32(Self.levelBytes)
    stream.pointee.flush = UInt16(FULL_FLUSH)
    stream.pointee.end_of_stream = 0
    stream.pointee.gzip_flag = UInt16(IGZIP_DEFLATE)
    stream.pointee.next_in = bytes
    stream.pointee.avail_in = UInt32(count)
    stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
    stream.pointee.avail_out = UInt32(output.count)
    let code = isal_deflate_stateless(stream)
    guard code == COMP_OK, stream.pointee.avail_in == 0 else {
      throw PlatformError(.internal, "packing a layer failed", context: ["code": "\(code)"])
    }
    return (output.count - Int(stream.pointee.avail_out), crc32_gzip_refl(0, bytes, UInt64(count)))
  }
}
