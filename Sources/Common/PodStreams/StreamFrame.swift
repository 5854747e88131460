/// Frames of a process's stream, in both directions: a byte for the channel, four for the length, the bytes.
public struct StreamFrame: Equatable, Sendable {
  public enum Channel: UInt8, Sendable {
    /// To the process; a frame without bytes is the end of its input.
    case input = 0
    case output = 1
    case errors = 2
    /// The last frame to the client: `{"exitCode":N}`, or `{"error":"…"}` where nothing ran.
    case end = 3
    /// To the terminal: `COLUMNS ROWS` in decimal digits.
    case resize = 4
  }

  /// The longest that is taken.
  public static let maxBytes = 1 << 20
  static let headBytes = 5

  public var channel: Channel
  public var bytes: [UInt8]

  public init(channel: Channel, bytes: [UInt8]) {
    self.channel = channel
    self.bytes = bytes
  }

  public var encoded: [UInt8] {
    let length = UInt32(bytes.count)
    return [channel.rawValue] + (0..<4).map { UInt8(truncatingIfNeeded: length >> (24 - 8 * $0)) } + bytes
  }
}

/// Puts frames together from bytes as they come.
public struct StreamFrameReader {
  private var buffer: [UInt8] = []
  /// What was read of the buffer; dropped with the next bytes, not with each frame.
  private var start = 0

  public init() {}

  public mutating func append(_ bytes: [UInt8]) {
    buffer.removeFirst(start)
    start = 0
    buffer += bytes
  }

  /// The next whole frame; nil where more bytes are needed. Throws for what is none.
  public mutating func next() throws(StreamFault) -> StreamFrame? {
    guard start < buffer.count else { return nil }
    let first = buffer[start]
    guard let channel = StreamFrame.Channel(rawValue: first) else {
      throw StreamFault("a frame of the channel \(first), which there is not")
    }
    let head = start + StreamFrame.headBytes
    guard buffer.count >= head else { return nil }
    let length = buffer[(start + 1)..<head].reduce(0) { $0 << 8 | Int($1) }
    guard length <= StreamFrame.maxBytes else {
      throw StreamFault("a frame of \(length) bytes is over the bound of \(StreamFrame.maxBytes)")
    }
    guard buffer.count >= head + length else { return nil }
    start = head + length
    return StreamFrame(channel: channel, bytes: Array(buffer[head..<start]))
  }
}
