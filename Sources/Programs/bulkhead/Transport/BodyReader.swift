/// Reads a response's body piece by piece, whatever its framing. Memory: one piece.
final class BodyReader {
  /// Bytes of a line that gives a chunk's size, extensions included.
  static let maximumChunkLine = 1_024

  private enum State { case remaining(Int), chunkSize, chunk(Int), chunkEnd, untilClose, finished }

  private let connection: Connection
  private var state: State

  init(_ connection: Connection, framing: ResponseHead.Framing) {
    self.connection = connection
    switch framing {
    case .none: state = .finished
    case .length(let count): state = count == 0 ? .finished : .remaining(count)
    case .chunked: state = .chunkSize
    case .untilClose: state = .untilClose
    }
  }

  /// The next piece; nil at the end. Blocks until there is one.
  func next() throws(ClientError) -> [UInt8]? {
    while true {
      switch state {
      case .finished: return nil
      case .untilClose:
        if connection.buffer.isEmpty, try !connection.fill() { return nil }
        return connection.take(.max)
      case .remaining(let count):
        try need(1)
        let piece = connection.take(count)
        state = piece.count == count ? .finished : .remaining(count - piece.count)
        return piece
      case .chunk(let count):
        try need(1)
        let piece = connection.take(count)
        state = piece.count == count ? .chunkEnd : .chunk(count - piece.count)
        return piece
      case .chunkEnd:
        guard try line().isEmpty else { throw broken }
        state = .chunkSize
      case .chunkSize:
        let digits = try line().prefix { $0 != ";" && $0 != " " }
        guard let size = Int(digits, radix: 16), size >= 0 else { throw broken }
        if size == 0 {
          while try !line().isEmpty {}
          state = .finished
        } else {
          state = .chunk(size)
        }
      }
    }
  }

  /// The whole rest, at most `limit` bytes.
  func all(limit: Int) throws(ClientError) -> [UInt8] {
    var whole: [UInt8] = []
    while let piece = try next() {
      guard whole.count + piece.count <= limit else {
        throw ClientError("\(connection.service.name)'s answer is larger than \(limit) bytes")
      }
      whole.append(contentsOf: piece)
    }
    return whole
  }

  private var broken: ClientError {
    ClientError("\(connection.service.name)'s answer is not chunked as HTTP wants it")
  }
  private var cutOff: ClientError { ClientError("\(connection.service.name) hung up in the middle of its answer") }

  private func need(_ count: Int) throws(ClientError) {
    while connection.buffer.count < count {
      guard try connection.fill() else { throw cutOff }
    }
  }

  private func line() throws(ClientError) -> String {
    while true {
      if let end = connection.buffer.firstIndex(of: 0x0A) {
        guard end <= Self.maximumChunkLine else { throw broken }
        var bytes = connection.take(end + 1).dropLast()
        if bytes.last == 0x0D { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
      }
      guard connection.buffer.count <= Self.maximumChunkLine else { throw broken }
      guard try connection.fill() else { throw cutOff }
    }
  }
}
