import HTTPServing
import Testing

@testable import PodStreams

@Suite struct SessionTests {
  private static let all = CommandStreams(input: true, output: true, errors: true, isTerminal: false)

  private static func masked(_ payload: [UInt8]) -> [UInt8] { WebSocketFramingTests.masked(0x82, payload) }

  @Test(arguments: [
    ("stdin=true&stdout=1&stderr=true", true, true, true), ("stdin=False&stdout=True&stderr=0", false, true, false),
    ("stdout=", false, true, false), ("", false, false, false), ("stderr=true&tty=TRUE", false, false, false),
  ])
  func streamsAreAskedForByAnyWordButNo(_ query: String, _ input: Bool, _ output: Bool, _ errors: Bool) throws {
    let streams = CommandStreams(try QueryParameters(parsing: query, maxItems: 8))
    #expect((streams.input, streams.output, streams.errors) == (input, output, errors))
  }

  @Test func aCommandAtAWebSocket() throws {
    var session = try CommandSession(
      CommandStreams(input: true, output: true, errors: true, isTerminal: true), carrier: .webSocket)
    #expect(session.isReady && session.greeting == [0x82, 1, 1])
    let bytes =
      Self.masked([0, 65]) + Self.masked([4] + Array("{\"Width\":80,\"Height\":24}".utf8)) + Self.masked([255, 0])
      + Self.masked([0, 66])
    #expect(try session.receive(bytes).events == [.input([65]), .resize(width: 80, height: 24), .inputEnd])
    #expect(session.bytes([1], of: .output) == [0x82, 2, 1, 1])
    // A terminal has one stream for both.
    #expect(session.bytes([1], of: .errors) == [])
    #expect(session.end(status: [123, 125]) == [0x82, 3, 3, 123, 125] + [0x88, 2, 3, 0xe8])
    #expect(throws: StreamFault.self) { try session.receive(Self.masked([1, 1])) }
    #expect(throws: StreamFault.self) { try session.receive(Self.masked([])) }
  }

  @Test func aCommandAtSPDY() throws {
    let client = try SPDYClient()
    var session = try CommandSession(Self.all, carrier: .spdy)
    #expect(!session.isReady && session.greeting == [])
    var reply: [UInt8] = []
    for (number, kind) in ["error", "stdin", "stdout"].enumerated() {
      let taken = try session.receive(client.open(number * 2 + 1, ["streamType": kind]))
      #expect(taken.events == [] && !session.isReady)
      reply += taken.reply
    }
    reply += try session.receive(client.open(7, ["streamType": "stderr"])).reply
    #expect(try session.isReady && client.replies(reply) == [1, 3, 5, 7])
    #expect(
      try session.receive(client.data(3, [65]) + client.data(3, [], ends: true)).events == [.input([65]), .inputEnd])
    #expect(session.bytes([9], of: .errors) == client.data(7, [9]))
    #expect(
      session.end(status: [1]) == client.data(5, [], ends: true) + client.data(7, [], ends: true)
        + client.data(1, [1], ends: true))
    #expect(try session.receive(client.goAway()).events == [.gone])
  }

  @Test func sizesOfWindowsMayBeCutAndAreChecked() throws {
    let client = try SPDYClient()
    var session = try CommandSession(
      CommandStreams(input: false, output: true, errors: true, isTerminal: true), carrier: .spdy)
    for (number, kind) in ["error", "stdout", "resize"].enumerated() {
      _ = try session.receive(client.open(number * 2 + 1, ["streamType": kind]))
    }
    #expect(session.isReady)
    #expect(try session.receive(client.data(5, Array("{\"Width\":8,\"He".utf8))).events == [])
    #expect(
      try session.receive(
        client.data(5, Array("ight\":4}\n{\"Width\":0,\"Height\":9}{\"Width\":70000,\"Height\":1}".utf8))
      ).events
        == [.resize(width: 8, height: 4)])
    #expect(throws: StreamFault.self) { try session.receive(client.data(5, [UInt8](repeating: 32, count: 5_000))) }
  }

  @Test(
    "streams that nobody asked for, or twice, are refused",
    arguments: [["stdin", "stdin"], ["resize"], ["data"], [""]])
  func wrongStreams(_ kinds: [String]) throws {
    let client = try SPDYClient()
    var session = try CommandSession(Self.all, carrier: .spdy)
    let bytes = kinds.enumerated().flatMap { client.open($0 * 2 + 1, ["streamType": $1]) }
    #expect(throws: StreamFault.self) { try session.receive(bytes) }
  }

  @Test("a forwarded connection, on SPDY and on SPDY in a WebSocket", arguments: [false, true])
  func forwards(_ isTunnelled: Bool) throws {
    let client = try SPDYClient()
    let carried = { (bytes: [UInt8]) in isTunnelled ? Self.masked(bytes) : bytes }
    let answer = { (bytes: [UInt8]) in isTunnelled ? WebSocketFraming.message(bytes) : bytes }
    var session = try ForwardSession(isTunnelled: isTunnelled)
    func open(_ stream: Int, _ kind: String, request: String) throws -> [ForwardEvent] {
      try session.receive(carried(client.open(stream, ["streamType": kind, "port": "8080", "requestID": request])))
        .events
    }
    #expect(try open(1, "error", request: "0") == [])
    #expect(try open(3, "data", request: "0") == [.connect(3, port: 8080)])
    #expect(try session.receive(carried(client.data(3, [1, 2]))).events == [.data(3, [1, 2])])
    #expect(session.bytes([7], of: 3) == answer(client.data(3, [7])))
    #expect(try session.receive(carried(client.data(3, [], ends: true))).events == [.inputEnd(3)])
    #expect(session.end(3) == answer(client.data(1, [], ends: true) + client.data(3, [], ends: true)))
    #expect(session.bytes([7], of: 3) == [] && session.end(3) == [])
    _ = try open(5, "error", request: "1")
    _ = try open(7, "data", request: "1")
    #expect(
      session.end(7, failure: "no")
        == answer(client.data(5, Array("no".utf8), ends: true) + client.data(7, [], ends: true)))
    #expect(throws: StreamFault.self) { try open(9, "data", request: "2") }
  }

  @Test func connectionsThatAreOverDoNotCountThoughTheirClientsSayNothing() throws {
    let client = try SPDYClient()
    var session = try ForwardSession(isTunnelled: false)
    for number in 0..<SPDYFraming.maxStreams {
      for (offset, kind) in ["error", "data"].enumerated() {
        _ = try session.receive(
          client.open(number * 4 + offset * 2 + 1, ["streamType": kind, "port": "80", "requestID": "\(number)"]))
      }
      let id = UInt32(number * 4 + 3)
      #expect(!session.end(id).isEmpty)
      #expect(try session.receive(client.data(number * 4 + 3, [1])).events == [])
    }
  }

  @Test func connectionsWhoseStreamsComeWithTheirEndAreCountedToo() throws {
    let client = try SPDYClient()
    var session = try ForwardSession(isTunnelled: false)
    func open(_ number: Int, _ kind: String, _ offset: Int) throws {
      let headers: KeyValuePairs = ["streamType": kind, "port": "80", "requestID": "\(number)"]
      _ = try session.receive(client.open(number * 4 + offset, headers, ends: true))
    }
    for number in 0..<SPDYFraming.maxStreams {
      try open(number, "error", 1)
      if number % 2 == 0 { try open(number, "data", 3) }
    }
    #expect(throws: StreamFault.self) { try open(SPDYFraming.maxStreams, "error", 1) }
  }

  @Test func aConnectionThatIsGivenUpEndsItsStreamOfErrors() throws {
    let client = try SPDYClient()
    var session = try ForwardSession(isTunnelled: false)
    for (offset, kind) in ["error", "data"].enumerated() {
      _ = try session.receive(
        client.open(offset * 2 + 1, ["streamType": kind, "port": "80", "requestID": "0"]))
    }
    let (events, reply) = try session.receive(client.reset(3))
    #expect(events == [.reset(3)] && reply == client.data(1, [], ends: true))
    #expect(session.end(3) == [])
  }

  @Test func whatComesBeforeAllStreamsAreThereIsBounded() throws {
    let client = try SPDYClient()
    var session = try CommandSession(Self.all, carrier: .spdy)
    _ = try session.receive(client.open(1, ["streamType": "stdin"]))
    #expect(throws: StreamFault.self) {
      for _ in 0..<20 { _ = try session.receive(client.data(1, [UInt8](repeating: 65, count: 64 << 10))) }
    }
    var small = try CommandSession(Self.all, carrier: .spdy)
    let other = try SPDYClient()
    _ = try small.receive(other.open(1, ["streamType": "stdin"]))
    let frames = (0..<1_000).flatMap { _ in other.data(1, [65]) }
    #expect(throws: StreamFault.self) { for _ in 0..<20 { _ = try small.receive(frames) } }
    // Once they are there, as much may come as the command takes.
    var ready = try CommandSession(
      CommandStreams(input: true, output: false, errors: false, isTerminal: false), carrier: .spdy)
    let third = try SPDYClient()
    _ = try ready.receive(third.open(1, ["streamType": "stdin"]))
    _ = try ready.receive(third.open(3, ["streamType": "error"]))
    for _ in 0..<20 {
      let events = try ready.receive(third.data(1, [UInt8](repeating: 65, count: 64 << 10))).events
      #expect(events.count == 1)
    }
  }

  @Test func sizesOfWindowsThatAreTooManyAreRefusedBeforeTheyAreRead() throws {
    let documents = Array(String(repeating: "{}", count: 3_000).utf8)
    var session = try CommandSession(
      CommandStreams(input: true, output: true, errors: false, isTerminal: true), carrier: .webSocket)
    #expect(throws: StreamFault.self) { try session.receive(Self.masked([4] + documents)) }
  }

  @Test("ports that are none", arguments: ["", "0", "65536", "http"]) func ports(_ port: String) throws {
    let client = try SPDYClient()
    var session = try ForwardSession(isTunnelled: false)
    #expect(throws: StreamFault.self) {
      try session.receive(client.open(1, ["streamType": "error", "port": port, "requestID": "0"]))
    }
  }
}
