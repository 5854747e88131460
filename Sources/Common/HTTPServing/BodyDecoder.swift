import NIOCore

/// Cuts a request's body out of the connection's bytes. A pure state machine. Source: RFC 9112, sections 6.3 and 7.1.
struct BodyDecoder {
  enum Step: Equatable {
    /// A piece of the body, never empty.
    case piece(ByteBuffer)
    case needsMore
    case end
  }

  private enum State: Equatable {
    case length(Int)
    case chunkSize
    case chunkData(Int)
    case chunkEnd
    case trailers(usedBytes: Int)
    case end
  }

  private var state: State
  private let maxChunkLineBytes: Int
  private let maxTrailerBytes: Int

  init(framing: BodyFraming, configuration: HTTPServerConfiguration) {
    switch framing {
    case .none: state = .end
    case .length(let count): state = count == 0 ? .end : .length(count)
    case .chunked: state = .chunkSize
    }
    maxChunkLineBytes = configuration.maxChunkLineBytes
    maxTrailerBytes = configuration.maxTrailerBytes
  }

  /// Takes what it can off the buffer; throws `HTTPRefusal` (400) for bad chunks.
  mutating func next(_ buffer: inout ByteBuffer) throws -> Step {
    while true {
      switch state {
      case .end: return .end
      case .length(let left):
        guard let piece = buffer.readSlice(length: min(left, buffer.readableBytes)), piece.readableBytes > 0 else {
          return .needsMore
        }
        state = piece.readableBytes == left ? .end : .length(left - piece.readableBytes)
        return .piece(piece)
      case .chunkSize:
        guard let line = try Self.line(&buffer, maxBytes: maxChunkLineBytes) else { return .needsMore }
        let size = try Self.chunkSize(line)
        state = size == 0 ? .trailers(usedBytes: 0) : .chunkData(size)
      case .chunkData(let left):
        guard let piece = buffer.readSlice(length: min(left, buffer.readableBytes)), piece.readableBytes > 0 else {
          return .needsMore
        }
        state = piece.readableBytes == left ? .chunkEnd : .chunkData(left - piece.readableBytes)
        return .piece(piece)
      case .chunkEnd:
        guard let line = try Self.line(&buffer, maxBytes: 2) else { return .needsMore }
        guard line.isEmpty else { throw HTTPRefusal(.badRequest, "a chunk does not end where it should") }
        state = .chunkSize
      case .trailers(let used):
        guard let line = try Self.line(&buffer, maxBytes: maxTrailerBytes - used) else { return .needsMore }
        state = line.isEmpty ? .end : .trailers(usedBytes: used + line.count + 2)
      }
    }
  }

  /// The next line without its CR LF, or nil where it has not come whole.
  private static func line(_ buffer: inout ByteBuffer, maxBytes: Int) throws -> [UInt8]? {
    let view = buffer.readableBytesView
    guard let end = view.prefix(maxBytes).firstIndex(of: 10) else {
      guard view.count < maxBytes else { throw HTTPRefusal(.badRequest, "a chunk's line is too long") }
      return nil
    }
    let count = end - view.startIndex
    guard count > 0, view[end - 1] == 13, let bytes = buffer.readBytes(length: count + 1) else {
      throw HTTPRefusal(.badRequest, "a line ends without CR LF")
    }
    return Array(bytes.dropLast(2))
  }

  private static func chunkSize(_ line: [UInt8]) throws -> Int {
    let digits = line.prefix { PercentCoding.hexValue($0) != nil }
    let rest = line.dropFirst(digits.count).drop { $0 == 32 || $0 == 9 }
    guard !digits.isEmpty, digits.count <= 15, rest.isEmpty || rest.first == UInt8(ascii: ";"),
      !rest.contains(where: { $0 < 32 && $0 != 9 })
    else { throw HTTPRefusal(.badRequest, "malformed chunk size") }
    return digits.reduce(0) { $0 << 4 | Int(PercentCoding.hexValue($1) ?? 0) }
  }
}
