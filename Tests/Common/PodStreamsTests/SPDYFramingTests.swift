import CZlib
import Testing

@testable import PodStreams

@Suite struct SPDYFramingTests {
  @Test("the dictionary is that of the specification") func dictionary() {
    var bytes = HeaderDictionary.bytes
    #expect(bytes.count == 1423 && adler32(1, &bytes, UInt32(bytes.count)) == 0xe3c6_a7c2)
  }

  @Test func streamsAreOpenedTakenAndEnded() throws {
    let client = try SPDYClient()
    var server = try SPDYFraming()
    let bytes =
      client.open(1, ["streamType": "error"]) + client.open(3, ["streamType": "stdin", "port": "80"])
      + client.data(3, [1, 2])
      + client.data(3, [], ends: true) + client.data(3, [9]) + client.ping(1) + client.ping(2) + client.reset(1)
      + client.goAway()
    var events: [SPDYFraming.Event] = []
    // One byte after another.
    for byte in bytes { events += try server.receive([byte]) }
    #expect(
      events == [
        .opened(1, ["streamtype": "error"], isEnded: false),
        .opened(3, ["streamtype": "stdin", "port": "80"], isEnded: false),
        .data(3, [1, 2], isEnded: false), .data(3, [], isEnded: true), .ping(1), .reset(1), .goAway,
      ])
    #expect(try client.replies(server.reply(1) + server.reply(3)) == [1, 3])
    #expect(server.data(5, [7], ends: true) == [0, 0, 0, 5, 1, 0, 0, 1, 7])
    #expect(server.pong(1) == [0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 1])
  }

  @Test(
    "what a client may not send",
    arguments: [
      { $0.control(1, [0, 0]) }, { $0.open(2, [:]) }, { $0.open(3, [:]) + $0.open(1, [:]) },
      { $0.open(1, [:]) + $0.open(1, [:]) },
      { $0.control(1, [0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 1, 2, 3]) }, { $0.control(6, [], version: 2) },
      { $0.control(6, []) },
      { $0.control(3, [1]) }, { _ in [0, 0, 0, 1, 0, 0xff, 0xff, 0xff] }, { $0.open(1, ["a": "1", "A": "2"]) },
      { $0.open(1, ["a": String(repeating: "x", count: HeaderUnpacker.maxBytes)]) },
      { client in (0...SPDYFraming.maxStreams).flatMap { client.open($0 * 2 + 1, [:]) } },
    ] as [@Sendable (SPDYClient) -> [UInt8]])
  func faults(_ bytes: @Sendable (SPDYClient) -> [UInt8]) throws {
    let sent = bytes(try SPDYClient())
    #expect(throws: StreamFault.self) {
      var server = try SPDYFraming()
      _ = try server.receive(sent)
    }
  }

  @Test("ATT-062: random bytes end in a fault or in events, never in a trap") func fuzz() throws {
    var random = SeededBytes(seed: 11)
    let client = try SPDYClient()
    for _ in 0..<2_000 {
      var bytes = client.open(1, ["streamType": "data", "port": "1"]) + client.data(1, [1, 2, 3])
      for _ in 0..<(1 + Int(random.next()) % 4) { bytes[Int(random.next()) % bytes.count] = random.next() }
      var server = try SPDYFraming()
      _ = try? server.receive(bytes)
      var socket = WebSocketFraming()
      _ = try? socket.receive(bytes)
    }
  }
}

struct SeededBytes {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt8 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return UInt8(truncatingIfNeeded: state >> 33)
  }
}
