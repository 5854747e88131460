import Testing

@testable import bulkhead

@Suite struct StreamTests {
  @Test(arguments: [1, 3, 8, 100])
  func takesFramesApartHoweverTheyArrive(pieceSize: Int) throws {
    let wire: [UInt8] =
      [1, 0, 0, 0, 0, 0, 0, 3] + "out".utf8 + [2, 0, 0, 0, 0, 0, 0, 4] + "errs".utf8 + [1, 0, 0, 0, 0, 0, 0, 0]
    var demultiplexer = StreamDemultiplexer()
    var output: [UInt8] = []
    var error: [UInt8] = []
    for start in stride(from: 0, to: wire.count, by: pieceSize) {
      try demultiplexer.feed(Array(wire[start..<min(start + pieceSize, wire.count)])) { stream, bytes in
        if stream == .error { error += bytes } else { output += bytes }
      }
    }
    #expect(output == Array("out".utf8))
    #expect(error == Array("errs".utf8))
  }

  @Test func refusesAnUnknownStream() {
    var demultiplexer = StreamDemultiplexer()
    #expect(throws: StreamDemultiplexer.Failure.unknownStream(9)) {
      try demultiplexer.feed([9, 0, 0, 0, 0, 0, 0, 1, 65]) { _, _ in }
    }
  }

  @Test(
    arguments: [
      ([[0x61, 0x10, 0x11, 0x62]], [0x61], true), ([[0x10], [0x11]], [], true),
      ([[0x10], [0x61]], [0x10, 0x61], false),
      ([[0x10, 0x10, 0x11]], [0x10], true), ([[0x61, 0x62]], [0x61, 0x62], false), ([[0x10]], [], false),
    ] as [([[UInt8]], [UInt8], Bool)])
  func findsTheDetachKeys(typed: [[UInt8]], forwarded: [UInt8], detached: Bool) {
    var keys = DetachKeys.standard
    var sent: [UInt8] = []
    var found = false
    for piece in typed {
      let (forward, detach) = keys.scan(piece[...])
      sent += forward
      found = found || detach
    }
    #expect(sent == forwarded)
    #expect(found == detached)
  }

  @Test(
    arguments: [
      ("ctrl-p,ctrl-q", [0x10, 0x11]), ("a,B", [0x61, 0x42]), ("ctrl-@", [0]), ("CTRL-\\", [0x1C]), ("", []),
    ] as [(String, [UInt8])])
  func readsDetachKeys(text: String, expected: [UInt8]) throws {
    #expect(try DetachKeys(parsing: text).sequence == expected)
  }

  @Test(arguments: ["ctrl-", "ctrl-1", "ab", "ctrl-pp"])
  func refusesDetachKeys(text: String) { #expect(throws: ClientError.self) { try DetachKeys(parsing: text) } }
}
