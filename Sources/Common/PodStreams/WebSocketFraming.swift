import Crypto
import FoundationEssentials

/// Frames of a WebSocket as its server reads and writes them: masked ones in, plain ones out. Source: RFC 6455.
public struct WebSocketFraming {
  public enum Event: Equatable, Sendable {
    case message([UInt8])
    case ping([UInt8])
    /// The peer ends the connection; nothing follows.
    case close
  }

  /// One message, with all its fragments.
  public static let maxMessageBytes = 1 << 20
  /// Of one message: clients cut at buffers of some kilobytes.
  static let maxFragments = 4_096
  private static let maxControlBytes = 125

  private enum Code: UInt8 {
    case continuation = 0
    case text = 1
    case binary = 2
    case close = 8
    case ping = 9
    case pong = 10
  }

  private var pending: [UInt8] = []
  private var message: [UInt8]?
  /// Those of `message` so far.
  private var fragments = 0
  private var isClosed = false

  public init() {}

  /// What the answer's `Sec-WebSocket-Accept` has to be.
  /// - Parameter key: the request's `Sec-WebSocket-Key`. Nil unless it is 16 bytes in base64.
  public static func accept(key: String) -> String? {
    guard Data(base64Encoded: key)?.count == 16 else { return nil }
    let hash = Insecure.SHA1.hash(data: Data((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").utf8))
    return Data(hash).base64EncodedString()
  }

  /// Takes bytes as they came and gives what they complete. Throws for what a client may not send; the connection is over then.
  public mutating func receive(_ bytes: [UInt8]) throws(StreamFault) -> [Event] {
    var events: [Event] = []
    pending += bytes
    var start = 0
    while !isClosed, let frame = try nextFrame(at: start) {
      start = frame.end
      if let event = try take(frame) { events.append(event) }
    }
    pending.removeFirst(isClosed ? pending.count : start)
    return events
  }

  private struct Frame {
    let code: Code
    let isLast: Bool
    let payload: [UInt8]
    let end: Int
  }

  /// The frame that begins at an offset of `pending`; nil where it is not whole yet.
  private func nextFrame(at start: Int) throws(StreamFault) -> Frame? {
    guard pending.count - start >= 2 else { return nil }
    let (first, second) = (pending[start], pending[start + 1])
    guard first & 0x70 == 0, let code = Code(rawValue: first & 0x0f) else {
      throw StreamFault("a frame of an unknown kind")
    }
    guard second & 0x80 != 0 else { throw StreamFault("a frame without a mask") }
    let isControl = code.rawValue >= Code.close.rawValue
    let wide = second & 0x7f == 126 ? 2 : second & 0x7f == 127 ? 8 : 0
    let head = 2 + wide + 4
    guard pending.count - start >= head else { return nil }
    var length = UInt64(second & 0x7f)
    if wide > 0 { length = pending[(start + 2)..<(start + 2 + wide)].reduce(0) { $0 << 8 | UInt64($1) } }
    guard length <= UInt64(isControl ? Self.maxControlBytes : Self.maxMessageBytes), !isControl || first & 0x80 != 0
    else {
      throw StreamFault("a frame of \(length) bytes")
    }
    let end = start + head + Int(length)
    guard pending.count >= end else { return nil }
    let mask = pending[(start + head - 4)..<(start + head)]
    let payload = pending[(start + head)..<end].enumerated().map { $1 ^ mask[mask.startIndex + $0 % 4] }
    return Frame(code: code, isLast: first & 0x80 != 0, payload: payload, end: end)
  }

  private mutating func take(_ frame: Frame) throws(StreamFault) -> Event? {
    switch frame.code {
    case .text, .binary:
      guard message == nil else { throw StreamFault("a message within another") }
      message = frame.payload
      fragments = 1
    case .continuation:
      guard let begunBytes = message?.count else { throw StreamFault("a fragment of no message") }
      guard begunBytes + frame.payload.count <= Self.maxMessageBytes, fragments < Self.maxFragments else {
        throw StreamFault("a message of over \(Self.maxMessageBytes) bytes or \(Self.maxFragments) fragments")
      }
      // In place: a copy for each fragment would be work in the square of their number.
      message?.append(contentsOf: frame.payload)
      fragments += 1
    case .ping: return .ping(frame.payload)
    case .pong: return nil
    case .close:
      isClosed = true
      return .close
    }
    guard frame.isLast, let whole = message else { return nil }
    message = nil
    return .message(whole)
  }

  /// A binary message in one frame.
  public static func message(_ payload: [UInt8]) -> [UInt8] { frame(.binary, payload) }

  public static func pong(_ payload: [UInt8]) -> [UInt8] { frame(.pong, payload) }

  /// The last frame of an end that was wished for (1000), or of one that was not (1002).
  public static func close(isFault: Bool = false) -> [UInt8] { frame(.close, [3, isFault ? 0xea : 0xe8]) }

  private static func frame(_ code: Code, _ payload: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = [0x80 | code.rawValue]
    switch payload.count {
    case ..<126: bytes.append(UInt8(payload.count))
    case ..<65_536: bytes += [126] + payload.count.bigEndianBytes(2)
    default: bytes += [127] + payload.count.bigEndianBytes(8)
    }
    return bytes + payload
  }
}

/// What a peer may not send. The text is for the log and for its own eyes.
public struct StreamFault: Error, Equatable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}

extension Int {
  /// The lowest bytes, the highest of these first.
  func bigEndianBytes(_ count: Int) -> [UInt8] {
    (0..<count).reversed().map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) }
  }
}
