import Testing

@testable import PodStreams

@Suite struct WebSocketFramingTests {
  /// A frame as clients send it: masked.
  static func masked(_ first: UInt8, _ payload: [UInt8], mask: [UInt8] = [1, 2, 3, 4]) -> [UInt8] {
    let length: [UInt8] =
      payload.count < 126
      ? [0x80 | UInt8(payload.count)]
      : payload.count < 65_536
        ? [0x80 | 126] + payload.count.bigEndianBytes(2) : [0x80 | 127] + payload.count.bigEndianBytes(8)
    return [first] + length + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
  }

  @Test("the answer's key is that of RFC 6455, section 1.3") func keys() {
    #expect(WebSocketFraming.accept(key: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    for key in ["", "short", "dGhlIHNhbXBsZSBub25jZQ", "AAAA"] { #expect(WebSocketFraming.accept(key: key) == nil) }
  }

  @Test(
    "messages of every length come whole, however they are cut", arguments: [0, 1, 125, 126, 65_535, 65_536, 1 << 20])
  func lengths(_ count: Int) throws {
    let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
    let bytes = Self.masked(0x82, payload) + Self.masked(0x81, [65])
    for step in [1, 3, bytes.count] where count < 1000 || step > 1 {
      var framing = WebSocketFraming()
      var events: [WebSocketFraming.Event] = []
      for start in stride(from: 0, to: bytes.count, by: step == 3 ? 40_000 : step) {
        events += try framing.receive(Array(bytes[start..<min(start + (step == 3 ? 40_000 : step), bytes.count)]))
      }
      #expect(events == [.message(payload), .message([65])])
    }
  }

  @Test func fragmentsAreOneMessageAndControlFramesMayComeBetween() throws {
    var framing = WebSocketFraming()
    let bytes =
      Self.masked(0x02, [1]) + Self.masked(0x89, [9, 9]) + Self.masked(0x00, [2]) + Self.masked(0x8a, [])
      + Self.masked(0x80, [3])
    #expect(try framing.receive(bytes) == [.ping([9, 9]), .message([1, 2, 3])])
    #expect(try framing.receive(Self.masked(0x88, [3, 0xe8]) + Self.masked(0x82, [1])) == [.close])
    #expect(try framing.receive(Self.masked(0x82, [1])) == [])
  }

  @Test(
    "what a client may not send",
    arguments: [
      [0x82, 0x01, 0x41], masked(0x83, []), masked(0xc2, []), masked(0x80, [1]), masked(0x09, []),
      masked(0x89, [UInt8](repeating: 0, count: 126)), [0x82, 0xff, 0, 0, 0, 0, 0, 0x10, 0, 1, 0, 0, 0, 0],
      [0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0], masked(0x02, [1]) + masked(0x82, [1]),
    ] as [[UInt8]])
  func faults(_ bytes: [UInt8]) {
    #expect(throws: StreamFault.self) {
      var framing = WebSocketFraming()
      _ = try framing.receive(bytes)
    }
  }

  @Test func fragmentsDoNotGrowWithoutBound() throws {
    var framing = WebSocketFraming()
    let part = [UInt8](repeating: 1, count: 1 << 19)
    #expect(try framing.receive(Self.masked(0x02, part) + Self.masked(0x00, part)) == [])
    #expect(throws: StreamFault.self) { try framing.receive(Self.masked(0x80, [1])) }
  }

  @Test func fragmentsAreCountedThoughTheyAreEmpty() throws {
    var framing = WebSocketFraming()
    let parts = (1..<WebSocketFraming.maxFragments).flatMap { _ in Self.masked(0x00, []) }
    #expect(try framing.receive(Self.masked(0x02, [1]) + parts) == [])
    #expect(throws: StreamFault.self) { try framing.receive(Self.masked(0x80, [2])) }
  }

  @Test func aMessageOfManyFragmentsIsPutTogether() throws {
    var framing = WebSocketFraming()
    let payload = (0..<4_000).map { UInt8(truncatingIfNeeded: $0) }
    let frames = payload.enumerated().flatMap { Self.masked($0 == 0 ? 0x02 : $0 == 3_999 ? 0x80 : 0x00, [$1]) }
    #expect(try framing.receive(frames) == [.message(payload)])
  }

  @Test func sentFramesHaveTheShortestLength() {
    #expect(WebSocketFraming.message([7]) == [0x82, 1, 7])
    #expect(WebSocketFraming.message([UInt8](repeating: 0, count: 126)).prefix(4) == [0x82, 126, 0, 126])
    #expect(
      WebSocketFraming.message([UInt8](repeating: 0, count: 65_536)).prefix(10) == [0x82, 127, 0, 0, 0, 0, 0, 1, 0, 0])
    #expect(WebSocketFraming.close() == [0x88, 2, 3, 0xe8] && WebSocketFraming.pong([1]) == [0x8a, 1, 1])
  }
}
