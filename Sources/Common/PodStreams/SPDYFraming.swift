/// Frames of SPDY/3.1 as kubectl's library for streams uses them: the client opens streams, both ends send data, nobody limits the flow but
/// the connection below. Source: SPDY protocol, draft 3.1.
public struct SPDYFraming {
  public enum Event: Equatable, Sendable {
    /// A stream that waits for an answer.
    case opened(UInt32, [String: String], isEnded: Bool)
    case data(UInt32, [UInt8], isEnded: Bool)
    /// The client does not want the stream any more.
    case reset(UInt32)
    case ping(UInt32)
    /// The client ends the connection.
    case goAway
  }

  public static let maxFrameBytes = 1 << 20
  /// Streams that are open at once.
  public static let maxStreams = 256
  private static let headBytes = 8

  private enum Kind: UInt16 {
    case open = 1
    case reply = 2
    case reset = 3
    case settings = 4
    case ping = 6
    case goAway = 7
    case headers = 8
    case window = 9
  }

  private let unpacker: HeaderUnpacker
  private let packer: HeaderPacker
  private var pending: [UInt8] = []
  /// Those that the client opened and has not ended, and the last of all.
  private var open: Set<UInt32> = []
  private var last: UInt32 = 0

  public init() throws(StreamFault) {
    unpacker = try HeaderUnpacker()
    packer = try HeaderPacker()
  }

  /// Takes bytes as they came and gives what they complete. Throws for what a client may not send; the connection is over then.
  public mutating func receive(_ bytes: [UInt8]) throws(StreamFault) -> [Event] {
    pending += bytes
    var events: [Event] = []
    var start = 0
    while pending.count - start >= Self.headBytes {
      let length = pending[(start + 5)..<(start + 8)].reduce(0) { $0 << 8 | Int($1) }
      guard length <= Self.maxFrameBytes else { throw StreamFault("a frame of \(length) bytes") }
      let end = start + Self.headBytes + length
      guard pending.count >= end else { break }
      let head = Array(pending[start..<(start + Self.headBytes)])
      if let event = try take(head, Array(pending[(start + Self.headBytes)..<end])) { events.append(event) }
      start = end
    }
    pending.removeFirst(start)
    return events
  }

  private mutating func take(_ head: [UInt8], _ body: [UInt8]) throws(StreamFault) -> Event? {
    let isEnded = head[4] & 1 != 0
    guard head[0] & 0x80 != 0 else {
      let stream = Self.number(head[0..<4])
      // Data of streams that were given up may still be under way.
      guard open.contains(stream) else { return nil }
      if isEnded { open.remove(stream) }
      return .data(stream, body, isEnded: isEnded)
    }
    guard Self.number(head[0..<2]) & 0x7fff == 3 else { throw StreamFault("a frame of another version than SPDY/3") }
    switch Kind(rawValue: UInt16(Self.number(head[2..<4]))) {
    case .open:
      guard body.count >= 10 else { throw StreamFault("a stream opened by too short a frame") }
      return try opened(Self.number(body[0..<4]) & 0x7fff_ffff, Array(body[10...]), isEnded: isEnded)
    case .reset:
      guard body.count >= 4 else { throw StreamFault("a stream given up by too short a frame") }
      let stream = Self.number(body[0..<4]) & 0x7fff_ffff
      open.remove(stream)
      return .reset(stream)
    case .ping:
      guard body.count >= 4 else { throw StreamFault("too short a ping") }
      // Even ones would be answers to pings of ours, of which there are none.
      let id = Self.number(body[0..<4])
      return id % 2 == 1 ? .ping(id) : nil
    case .goAway: return .goAway
    case .headers:
      guard body.count >= 4 else { throw StreamFault("too short a frame of headers") }
      // Read though nobody wants them: both ends' dictionaries grow by them.
      _ = try unpacker.unpack(Array(body[4...]))
      return nil
    case .reply, .settings, .window, nil: return nil
    }
  }

  private mutating func opened(_ stream: UInt32, _ block: [UInt8], isEnded: Bool) throws(StreamFault) -> Event {
    let headers = try unpacker.unpack(block)
    guard stream % 2 == 1, stream > last else { throw StreamFault("a stream numbered \(stream) after \(last)") }
    guard open.count < Self.maxStreams else { throw StreamFault("over \(Self.maxStreams) streams at once") }
    last = stream
    if !isEnded { open.insert(stream) }
    return .opened(stream, headers, isEnded: isEnded)
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> UInt32 { bytes.reduce(0) { $0 << 8 | UInt32($1) } }

  // MARK: - What is sent

  /// Takes a stream that was opened.
  public func reply(_ stream: UInt32) -> [UInt8] {
    control(.reply, Int(stream).bigEndianBytes(4) + packer.pack([:]))
  }

  /// Data of a stream, in as many frames as it takes.
  public func data(_ stream: UInt32, _ payload: [UInt8], ends: Bool = false) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = payload[...]
    repeat {
      let part = rest.prefix(Self.maxFrameBytes)
      rest = rest.dropFirst(part.count)
      bytes += Int(stream).bigEndianBytes(4) + [ends && rest.isEmpty ? 1 : 0] + part.count.bigEndianBytes(3) + part
    } while !rest.isEmpty
    return bytes
  }

  /// Ends a stream whatever its client still has to say: that is passed over, and it counts no more.
  mutating func close(_ stream: UInt32, last payload: [UInt8] = []) -> [UInt8] {
    open.remove(stream)
    return data(stream, payload, ends: true)
  }

  public func pong(_ id: UInt32) -> [UInt8] { control(.ping, Int(id).bigEndianBytes(4)) }

  private func control(_ kind: Kind, _ body: [UInt8]) -> [UInt8] {
    [0x80, 3] + Int(kind.rawValue).bigEndianBytes(2) + [0] + body.count.bigEndianBytes(3) + body
  }
}
