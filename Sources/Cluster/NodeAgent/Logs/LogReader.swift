import Glibc
import KubeMachinery
import LinuxSystem

/// Reads a container's log from its file. Blocks; `follow` sleeps in between.
struct LogReader {
  private static let pieceBytes = 64 << 10
  private static let pauseMilliseconds: Int64 = 100

  let path: String
  let options: LogOptions
  let now: @Sendable () -> Timestamp
  let clock: any Swift.Clock<Duration>

  /// Gives all that is shown to `write`, piece by piece; with `follows` until nothing more can come. Throws `SystemError` (ENOENT: there is
  /// no log), `CancellationError` and what `write` throws.
  /// - Parameter isAlive: whether the container may still write.
  func run(
    isAlive: @Sendable () async -> Bool, _ write: @Sendable ([UInt8]) async throws -> Void
  ) async throws {
    var file = try LogFiles.open(path)
    var filter = LogFilter(options, at: now())
    if let lines = options.tailLines { lseek(file.raw, off_t(try Self.start(ofLast: lines, in: file)), SEEK_SET) }
    while !filter.isDone {
      try Task.checkCancellation()
      // Asked before the read: what was written before the end is read after it.
      let goesOn = options.follows ? await isAlive() : false
      try await show(file, &filter, write)
      // A log that grew too long is moved away. Once it has a successor nobody writes to it any more.
      while options.follows, !filter.isDone, let next = try LogFiles.successor(of: file, path) {
        try await show(file, &filter, write)
        file = next
        try await show(file, &filter, write)
      }
      guard goesOn else { return }
      try await clock.sleep(for: .milliseconds(Self.pauseMilliseconds))
    }
  }

  /// All that is left of a file.
  private func show(
    _ file: Descriptor, _ filter: inout LogFilter, _ write: @Sendable ([UInt8]) async throws -> Void
  ) async throws {
    while !filter.isDone {
      let bytes = try Self.piece(file)
      if bytes.isEmpty { return }
      let shown = filter.take(bytes)
      if !shown.isEmpty { try await write(shown) }
    }
  }

  private static func piece(_ file: Descriptor) throws -> [UInt8] {
    try [UInt8](unsafeUninitializedCapacity: pieceBytes) { buffer, count in
      count = 0
      count = try file.read(into: UnsafeMutableRawBufferPointer(buffer))
    }
  }

  /// Where the last lines begin, looked for from the end.
  static func start(ofLast lines: Int, in file: Descriptor) throws -> Int64 {
    let size = try file.status().sizeBytes
    guard lines > 0 else { return size }
    var found = 0
    var end = size
    while end > 0 {
      let start = max(0, end - Int64(pieceBytes))
      lseek(file.raw, off_t(start), SEEK_SET)
      var bytes: [UInt8] = []
      while bytes.count < Int(end - start) {
        let piece = try piece(file)
        if piece.isEmpty { break }
        bytes += piece
      }
      for index in bytes.indices.prefix(Int(end - start)).reversed() where bytes[index] == 10 {
        let place = start + Int64(index)
        // The end of the last line begins no other.
        guard place != size - 1 else { continue }
        found += 1
        if found == lines { return place + 1 }
      }
      end = start
    }
    return 0
  }
}
