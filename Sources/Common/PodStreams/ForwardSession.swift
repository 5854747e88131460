/// What a client of `port-forward` does. Connections are numbered as their streams of data are.
public enum ForwardEvent: Equatable, Sendable {
  case connect(UInt32, port: UInt16)
  case data(UInt32, [UInt8])
  /// The client sends nothing more, and may still read.
  case inputEnd(UInt32)
  /// The client gave the connection up.
  case reset(UInt32)
  /// It wants no more at all.
  case gone
}

/// The client's end of forwarded ports: each connection is a stream of data and one for an error, on SPDY, or on SPDY within a WebSocket. Pure, bytes
/// in and out.
///
/// Source: Kubernetes, `portforward.k8s.io` and `SPDY/3.1+portforward.k8s.io`.
public struct ForwardSession {
  private var spdy: SPDYFraming
  private var socket: WebSocketFraming?
  /// Streams of errors that wait for theirs of data.
  private var waiting: [String: UInt32] = [:]
  /// By the stream of data, that of errors.
  private var connections: [UInt32: UInt32] = [:]

  /// - Parameter isTunnelled: whether SPDY's bytes come in messages of a WebSocket.
  public init(isTunnelled: Bool) throws(StreamFault) {
    spdy = try SPDYFraming()
    socket = isTunnelled ? WebSocketFraming() : nil
  }

  /// Takes bytes of the client. Throws for what it may not send; the session is over then.
  /// - Returns: what it did, and what it is to be answered.
  public mutating func receive(_ bytes: [UInt8]) throws(StreamFault) -> (events: [ForwardEvent], reply: [UInt8]) {
    guard var socket else {
      var (events, reply): ([ForwardEvent], [UInt8]) = ([], [])
      try take(bytes, &events, &reply)
      return (events, reply)
    }
    let received = try socket.receive(bytes)
    self.socket = socket
    var (events, reply): ([ForwardEvent], [UInt8]) = ([], [])
    for event in received {
      switch event {
      case .message(let inner):
        var answer: [UInt8] = []
        try take(inner, &events, &answer)
        reply += wrapped(answer)
      case .ping(let payload): reply += WebSocketFraming.pong(payload)
      case .close: events.append(.gone)
      }
    }
    return (events, reply)
  }

  private mutating func take(
    _ bytes: [UInt8], _ events: inout [ForwardEvent], _ reply: inout [UInt8]
  ) throws(StreamFault) {
    for event in try spdy.receive(bytes) {
      switch event {
      case .opened(let stream, let headers, let isEnded): try open(stream, headers, isEnded, &events, &reply)
      case .data(let stream, let data, let isEnded):
        guard connections[stream] != nil else { continue }
        if !data.isEmpty { events.append(.data(stream, data)) }
        if isEnded { events.append(.inputEnd(stream)) }
      case .reset(let stream):
        waiting = waiting.filter { $0.value != stream }
        if let errors = connections.removeValue(forKey: stream) {
          reply += spdy.close(errors)
          events.append(.reset(stream))
        }
      case .ping(let id): reply += spdy.pong(id)
      case .goAway: events.append(.gone)
      }
    }
  }

  private mutating func open(
    _ stream: UInt32, _ headers: [String: String], _ isEnded: Bool, _ events: inout [ForwardEvent],
    _ reply: inout [UInt8]
  ) throws(StreamFault) {
    let (request, kind) = (headers["requestid"] ?? "", headers["streamtype"] ?? "")
    guard let port = headers["port"].flatMap(UInt16.init), port > 0 else {
      throw StreamFault("a stream for the port '\((headers["port"] ?? "").prefix(16))'")
    }
    switch kind {
    case "error":
      // Streams that come with their end do not count below, as nothing more is heard of them.
      guard waiting.count + connections.count < SPDYFraming.maxStreams else {
        throw StreamFault("over \(SPDYFraming.maxStreams) connections at once")
      }
      guard waiting.updateValue(stream, forKey: request) == nil else {
        throw StreamFault("two streams of errors for a connection")
      }
      reply += spdy.reply(stream)
    case "data":
      guard let error = waiting.removeValue(forKey: request) else {
        throw StreamFault("a stream of data before that of errors")
      }
      connections[stream] = error
      reply += spdy.reply(stream)
      events.append(.connect(stream, port: port))
      if isEnded { events.append(.inputEnd(stream)) }
    default: throw StreamFault("a stream of type '\(kind.prefix(32))'")
    }
  }

  // MARK: - What the client gets

  /// Bytes of a connection; nothing for one that is over.
  public func bytes(_ payload: [UInt8], of connection: UInt32) -> [UInt8] {
    connections[connection] == nil || payload.isEmpty ? [] : wrapped(spdy.data(connection, payload))
  }

  /// Ends a connection: the other side is done, or, where there is a reason, could not be had.
  public mutating func end(_ connection: UInt32, failure: String? = nil) -> [UInt8] {
    guard let errors = connections.removeValue(forKey: connection) else { return [] }
    return wrapped(spdy.close(errors, last: Array((failure ?? "").utf8)) + spdy.close(connection))
  }

  private func wrapped(_ bytes: [UInt8]) -> [UInt8] {
    socket == nil || bytes.isEmpty ? bytes : WebSocketFraming.message(bytes)
  }
}
