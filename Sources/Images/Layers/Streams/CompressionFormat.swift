import Model

/// How a stream is packed, told by its first bytes.
public enum CompressionFormat: String, Sendable, CaseIterable {
  case none, gzip, zstd, xz, bzip2

  /// - Parameter start: at least six bytes, where there are as many.
  public static func detect(_ start: UnsafeRawBufferPointer) -> CompressionFormat {
    func starts(with magic: [UInt8]) -> Bool {
      start.count >= magic.count && start.prefix(magic.count).elementsEqual(magic)
    }
    if starts(with: [0x1F, 0x8B]) { return .gzip }
    if starts(with: [0x28, 0xB5, 0x2F, 0xFD]) { return .zstd }
    // A skippable frame, which may come before the first real one (RFC 8878, 3.1.2).
    if start.count >= 4, start[0] & 0xF0 == 0x50, start[1] == 0x2A, start[2] == 0x4D, start[3] == 0x18 { return .zstd }
    if starts(with: [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00]) { return .xz }
    if starts(with: [0x42, 0x5A, 0x68]) { return .bzip2 }
    return .none
  }
}

/// One of the decompression libraries, fed and drained piece by piece.
protocol Decoder: AnyObject {
  /// Moves bytes from `input` to `output`. `ended` tells that a complete member or frame has just been finished; more may
  /// follow. Throws `invalidArgument` for a damaged stream, `resourceExhausted` for one that wants too much memory.
  func step(
    _ input: UnsafeRawBufferPointer, _ output: UnsafeMutableRawBufferPointer
  ) throws -> (consumed: Int, produced: Int, ended: Bool)
  /// Called with the next input at a member's end: prepares for another member, or says that the rest is padding.
  func startsAnother(_ input: UnsafeRawBufferPointer) throws -> Bool
}

/// Unpacks a stream while it is read.
public final class DecompressingSource: ByteSource {
  private let source: any ChunkSource
  private let decoder: any Decoder
  private let format: CompressionFormat
  private var input = UnsafeRawBufferPointer(start: nil, count: 0)
  private var sourceEnded = false
  private var memberEnded = false
  private var isAtEnd = false

  /// - Parameters:
  ///   - format: anything but `none`.
  public init(_ source: any ChunkSource, format: CompressionFormat, limits: LayerLimits) throws {
    self.source = source
    self.format = format
    switch format {
    case .gzip: decoder = try GzipDecoder()
    case .zstd: decoder = try ZstdDecoder(maximumWindowLog: limits.zstdWindowLog)
    case .xz: decoder = try XZDecoder(maximumMemoryBytes: limits.xzMemoryBytes)
    case .bzip2: decoder = try Bzip2Decoder()
    case .none: throw PlatformError(.internal, "an unpacked stream needs no decoder")
    }
  }

  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while !isAtEnd {
      if input.isEmpty && !sourceEnded {
        input = try source.nextChunk()
        sourceEnded = input.isEmpty
      }
      if memberEnded {
        if input.isEmpty {
          isAtEnd = true
          break
        }
        guard try decoder.startsAnother(input) else {
          try skipPadding()
          break
        }
        memberEnded = false
      }
      let (consumed, produced, ended) = try decoder.step(input, buffer)
      input = UnsafeRawBufferPointer(rebasing: input[consumed...])
      memberEnded = ended
      if produced > 0 { return produced }
      if sourceEnded && consumed == 0 && !ended {
        throw PlatformError(.invalidArgument, "the \(format.rawValue) stream ends in the middle")
      }
    }
    return 0
  }

  /// Behind the last member only zeroes are let pass, as tapes and block devices leave them.
  private func skipPadding() throws {
    while !input.isEmpty {
      guard input.allSatisfy({ $0 == 0 }) else {
        throw PlatformError(.invalidArgument, "the \(format.rawValue) stream has other data behind its end")
      }
      input = try source.nextChunk()
    }
    isAtEnd = true
  }
}
