import NIOCore

/// Answers requests on the event loop, where the responder has the answer at hand: no task, no change of thread.
struct RequestShortcut {
  let configuration: HTTPServerConfiguration
  let responder: any HTTPResponder
  let isDraining: () -> Bool

  /// The answer to the request at the buffer's start, which is taken off then. Nil, and the buffer as it was, where the
  /// request is not whole, has a body, ends the connection, is malformed, or has no answer at hand: all of which are
  /// the connection's task's business.
  func answer(_ buffer: inout ByteBuffer, from io: ConnectionIO) -> ByteBuffer? {
    var rest = buffer
    var parser = RequestHeadParser(configuration: configuration)
    guard let head = try? parser.parse(&rest), head.method == .GET || head.method == .HEAD, head.framing == .none,
      head.keepsAlive, !head.isHTTP10, !head.isUpgrade, !head.expectsContinue, !isDraining()
    else { return nil }
    let request = HTTPRequest(
      method: head.method, rawPath: head.rawPath, path: head.path, query: head.query, headers: head.headers, peer: nil,
      body: RequestBody(), isUpgrade: false, remoteAddress: io.remoteAddress, isEncrypted: io.isEncrypted,
      clientCertificate: io.clientCertificate)
    guard let response = responder.respondAtOnce(to: request), let answer = encode(response, head, io) else {
      return nil
    }
    buffer = rest
    io.renewWait(configuration.idleTimeoutMilliseconds)
    return answer
  }

  private func encode(_ response: HTTPResponse, _ head: RequestHead, _ io: ConnectionIO) -> ByteBuffer? {
    let bytes: [UInt8]
    switch response.body {
    case .empty: bytes = []
    case .bytes(let whole): bytes = whole
    case .file, .stream, .hijack: return nil
    }
    guard !response.closesConnection else { return nil }
    var answer = io.channel.allocator.buffer(capacity: 512 + bytes.count)
    ResponseEncoder.head(
      status: response.status, headers: response.headers,
      framing: ResponseEncoder.length(of: bytes, in: response), into: &answer)
    if head.method != .HEAD, response.status.mayHaveResponseBody { answer.writeBytes(bytes) }
    return answer
  }
}
