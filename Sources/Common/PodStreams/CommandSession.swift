import HTTPServing

/// What a client of `exec` and `attach` asked for.
public struct CommandStreams: Equatable, Sendable {
  public var input: Bool
  public var output: Bool
  public var errors: Bool
  /// With a terminal there is no stream of errors, and the client tells how large its window is.
  public var isTerminal: Bool

  public init(input: Bool, output: Bool, errors: Bool, isTerminal: Bool) {
    self.input = input
    self.output = output
    self.errors = errors && !isTerminal
    self.isTerminal = isTerminal
  }
}

extension CommandStreams {
  /// As Kubernetes names them in a query: `stdin=true`, or `True`, as clients in Python write it.
  /// Sources: Kubernetes `core/v1.PodExecOptions`, `conversion.Convert_Slice_string_To_bool`.
  public init(_ query: QueryParameters) {
    func wants(_ name: String) -> Bool { query[name].map { !["false", "0"].contains($0.lowercased()) } ?? false }
    self.init(input: wants("stdin"), output: wants("stdout"), errors: wants("stderr"), isTerminal: wants("tty"))
  }
}

/// What a client of `exec` and `attach` does.
public enum CommandEvent: Equatable, Sendable {
  case input([UInt8])
  case inputEnd
  case resize(width: Int, height: Int)
  /// It wants no more.
  case gone
}

/// The client's end of a command's streams, carried by SPDY or a WebSocket, in the form that Kubernetes gives them: pure, bytes in and out.
///
/// Source: Kubernetes, remote command, versions 4 (`v4.channel.k8s.io`) and 5 of its protocol.
public struct CommandSession {
  /// How streams are told apart.
  public enum Carrier: Sendable, Equatable {
    case spdy
    /// A byte before each message says which stream it is of; version 5 can end the input.
    case webSocket
  }

  public enum Output: UInt8, Sendable {
    case output = 1
    case errors = 2
    /// How it ended: a document of kind `Status`.
    case status = 3
  }

  private enum Channel {
    static let input: UInt8 = 0
    static let resize: UInt8 = 4
    static let close: UInt8 = 255
  }

  private enum Framing {
    case spdy(SPDYFraming)
    case webSocket(WebSocketFraming)
  }

  private static let maxResizeBytes = 4096
  /// What a client may say before its streams are all there; each piece counts as so much more than its bytes.
  static let maxEarlyBytes = 1 << 20
  private static let pieceBytes = 64

  private let wanted: CommandStreams
  private var framing: Framing
  /// SPDY's streams by what they are for.
  private var streams: [String: UInt32] = [:]
  private var resizing: [UInt8] = []
  private var hasInputEnded = false
  private var earlyBytes = 0
  /// Whether all streams are there, so that output may be sent.
  public private(set) var isReady: Bool

  public init(_ wanted: CommandStreams, carrier: Carrier) throws(StreamFault) {
    self.wanted = wanted
    switch carrier {
    case .spdy:
      framing = .spdy(try SPDYFraming())
      isReady = false
    case .webSocket:
      framing = .webSocket(WebSocketFraming())
      isReady = true
    }
  }

  /// What is sent first of all: a client at a WebSocket waits for a sign that its streams are there.
  public var greeting: [UInt8] {
    guard case .webSocket = framing else { return [] }
    let lowest: Output = wanted.output ? .output : wanted.errors ? .errors : .status
    return WebSocketFraming.message([lowest.rawValue])
  }

  /// Takes bytes of the client. Throws for what it may not send; the session is over then.
  /// - Returns: what it did, and what it is to be answered.
  public mutating func receive(_ bytes: [UInt8]) throws(StreamFault) -> (events: [CommandEvent], reply: [UInt8]) {
    var (events, reply): ([CommandEvent], [UInt8]) = ([], [])
    switch framing {
    case .webSocket(var socket):
      let received = try socket.receive(bytes)
      framing = .webSocket(socket)
      for event in received {
        switch event {
        case .message(let message): try take(message, &events)
        case .ping(let payload): reply += WebSocketFraming.pong(payload)
        case .close: events.append(.gone)
        }
      }
    case .spdy(var spdy):
      let received = try spdy.receive(bytes)
      for event in received { try take(event, &spdy, &events, &reply) }
      framing = .spdy(spdy)
    }
    return (events, reply)
  }

  private mutating func take(_ message: [UInt8], _ events: inout [CommandEvent]) throws(StreamFault) {
    guard let channel = message.first else { throw StreamFault("a message without a channel") }
    switch channel {
    case Channel.input: takeInput(Array(message.dropFirst()), &events)
    case Channel.resize: try takeResize(Array(message.dropFirst()), &events)
    case Channel.close where message.count > 1 && message[1] == Channel.input: endInput(&events)
    case Channel.close: break
    default: throw StreamFault("a message of channel \(channel)")
    }
  }

  private mutating func take(
    _ event: SPDYFraming.Event, _ spdy: inout SPDYFraming, _ events: inout [CommandEvent], _ reply: inout [UInt8]
  ) throws(StreamFault) {
    switch event {
    case .opened(let stream, let headers, let isEnded):
      let kind = headers["streamtype"] ?? ""
      guard Self.kinds(wanted).contains(kind), streams.updateValue(stream, forKey: kind) == nil else {
        throw StreamFault("a stream of type '\(kind.prefix(32))', which was not asked for, or is there already")
      }
      reply += spdy.reply(stream)
      isReady = streams.count == Self.kinds(wanted).count
      if isEnded, kind == "stdin" { endInput(&events) }
    case .data(let stream, let bytes, let isEnded):
      if !isReady {
        earlyBytes += bytes.count + Self.pieceBytes
        guard earlyBytes <= Self.maxEarlyBytes else {
          throw StreamFault("over \(Self.maxEarlyBytes) bytes before all streams were there")
        }
      }
      if stream == streams["stdin"] {
        takeInput(bytes, &events)
        if isEnded { endInput(&events) }
      } else if stream == streams["resize"] {
        try takeResize(bytes, &events)
      }
    case .reset(let stream):
      if stream == streams["stdin"] { endInput(&events) } else if stream == streams["error"] { events.append(.gone) }
    case .ping(let id): reply += spdy.pong(id)
    case .goAway: events.append(.gone)
    }
  }

  private static func kinds(_ wanted: CommandStreams) -> Set<String> {
    var kinds: Set = ["error"]
    if wanted.input { kinds.insert("stdin") }
    if wanted.output { kinds.insert("stdout") }
    if wanted.errors { kinds.insert("stderr") }
    if wanted.isTerminal { kinds.insert("resize") }
    return kinds
  }

  private mutating func takeInput(_ bytes: [UInt8], _ events: inout [CommandEvent]) {
    if wanted.input, !hasInputEnded, !bytes.isEmpty { events.append(.input(bytes)) }
  }

  private mutating func endInput(_ events: inout [CommandEvent]) {
    if wanted.input, !hasInputEnded { events.append(.inputEnd) }
    hasInputEnded = true
  }

  /// Sizes come as one JSON document after another, which frames may cut.
  private mutating func takeResize(_ bytes: [UInt8], _ events: inout [CommandEvent]) throws(StreamFault) {
    guard resizing.count + bytes.count <= Self.maxResizeBytes else {
      throw StreamFault("sizes of a window of over \(Self.maxResizeBytes) bytes")
    }
    resizing += bytes
    while let end = resizing.firstIndex(of: UInt8(ascii: "}")) {
      let document = Array(resizing[...end])
      resizing.removeFirst(end + 1)
      guard case .object(let members) = try? JSONParser.parse(document) else {
        throw StreamFault("a window's size that is none")
      }
      func size(_ name: String) -> Int {
        guard case .integer(let value) = members.first(where: { $0.name == name })?.value else { return 0 }
        return (0...Int64(UInt16.max)).contains(value) ? Int(value) : 0
      }
      let (width, height) = (size("Width"), size("Height"))
      if width > 0, height > 0 { events.append(.resize(width: width, height: height)) }
    }
  }

  // MARK: - What the client gets

  /// Bytes of a stream that it asked for; nothing for others.
  public mutating func bytes(_ payload: [UInt8], of output: Output) -> [UInt8] {
    guard !payload.isEmpty, output == .status || (output == .output ? wanted.output : wanted.errors) else { return [] }
    switch framing {
    case .webSocket: return WebSocketFraming.message([output.rawValue] + payload)
    case .spdy(let spdy):
      let kind = output == .status ? "error" : output == .output ? "stdout" : "stderr"
      return streams[kind].map { spdy.data($0, payload) } ?? []
    }
  }

  /// Ends all streams with how the command ended.
  /// - Parameter status: a document of kind `Status`.
  public mutating func end(status: [UInt8]) -> [UInt8] {
    switch framing {
    case .webSocket:
      return bytes(status, of: .status) + WebSocketFraming.close()
    case .spdy(let spdy):
      var last: [UInt8] = []
      for kind in ["stdout", "stderr"] { if let stream = streams[kind] { last += spdy.data(stream, [], ends: true) } }
      if let stream = streams["error"] { last += spdy.data(stream, status, ends: true) }
      return last
    }
  }
}
