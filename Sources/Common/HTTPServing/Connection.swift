import Logging
import NIOCore

/// Serves one connection: reads a request, answers it, and so on until either side has enough.
struct Connection: Sendable {
  let io: ConnectionIO
  let peer: PeerCredentials?
  let configuration: HTTPServerConfiguration
  let responder: any HTTPResponder
  let errors: ErrorMapper
  let executor: (any TaskExecutor)?
  let logger: Logger
  /// Whether the server is shutting down: the answer under way is the last.
  let isDraining: @Sendable () -> Bool

  func run() async {
    do {
      var isFirst = true
      while try await serveOne(isFirst: isFirst), !isDraining() { isFirst = false }
    } catch let refusal as HTTPRefusal {
      _ = try? await send(errors.response(status: refusal.status, message: refusal.message), head: nil, body: nil)
    } catch {
      // The client went away, or the server stops: nobody is left to be told.
    }
    await close()
  }

  /// Serves the next request; false when the connection is done.
  private func serveOne(isFirst: Bool) async throws -> Bool {
    guard let head = try await readHead(isFirst: isFirst) else { return false }
    let body = RequestBody(
      framing: head.framing, expectsContinue: head.expectsContinue, connection: io, configuration: configuration)
    let request = request(head, body)
    let start = NIODeadline.now()
    let response = await answer(request)
    defer { log(request, response, since: start) }
    return try await send(response, head: head, body: body)
  }

  private func request(_ head: RequestHead, _ body: RequestBody) -> HTTPRequest {
    HTTPRequest(
      method: head.method, rawPath: head.rawPath, path: head.path, query: head.query, headers: head.headers,
      peer: peer, body: body, isUpgrade: head.isUpgrade, remoteAddress: io.remoteAddress, isEncrypted: io.isEncrypted,
      clientCertificate: io.clientCertificate, upgrades: head.upgrades)
  }

  private func readHead(isFirst: Bool) async throws -> RequestHead? {
    var parser = RequestHeadParser(configuration: configuration)
    var buffer = ByteBuffer()
    io.beginWait(isFirst ? configuration.headTimeoutMilliseconds : configuration.idleTimeoutMilliseconds)
    defer { io.clearDeadline() }
    while true {
      guard let bytes = try await nextHeadBytes(hasBegun: parser.hasBegun) else {
        if parser.hasBegun { throw HTTPRefusal(.badRequest, "the request ends in its head") }
        return nil
      }
      if !parser.hasBegun, !isFirst { io.beginWait(configuration.headTimeoutMilliseconds) }
      if buffer.readableBytes == 0 { buffer = bytes } else { buffer.writeImmutableBuffer(bytes) }
      if let head = try parser.parse(&buffer) {
        io.pushBack(buffer)
        return head
      }
    }
  }

  /// The next bytes; an unused connection that times out just ends.
  private func nextHeadBytes(hasBegun: Bool) async throws -> ByteBuffer? {
    do {
      return try await io.read(isBetweenRequests: !hasBegun)
    } catch let refusal as HTTPRefusal where !hasBegun && refusal.status == .requestTimeout {
      return nil
    }
  }

  /// The responder's answer, or the one its error maps to.
  private func answer(_ request: HTTPRequest) async -> HTTPResponse {
    do {
      return try await responder.respond(to: request)
    } catch let refusal as HTTPRefusal {
      var response = errors.response(status: refusal.status, message: refusal.message)
      response.closesConnection = !request.body.isFinished
      return response
    } catch {
      if let (status, message) = errors.classify(error) { return errors.response(status: status, message: message) }
      if error is ClientDisconnected || error is CancellationError {
        var response = errors.response(status: .serviceUnavailable, message: "the request was given up")
        response.closesConnection = true
        return response
      }
      let id = String(UInt64.random(in: 0...UInt64.max), radix: 16)
      logger.error(
        "request failed",
        metadata: [
          "request": "\(id)", "method": "\(request.method.rawValue)", "path": "\(LogText.escape(request.rawPath))",
          "error": "\(error)",
        ])
      return errors.response(
        status: .internalServerError, message: "internal error; the log knows more of request \(id)")
    }
  }

  private func log(_ request: HTTPRequest, _ response: HTTPResponse, since start: NIODeadline) {
    guard logger.logLevel <= .debug else { return }
    let microseconds = (NIODeadline.now() - start).nanoseconds / 1_000
    logger.debug(
      "request",
      metadata: [
        "method": "\(request.method.rawValue)", "path": "\(LogText.escape(request.rawPath))",
        "status": "\(response.status.code)", "us": "\(microseconds)", "uid": "\(peer.map { String($0.uid) } ?? "-")",
      ])
  }

  /// Lets the client read what was sent: a close with unread bytes pending would destroy it, so what comes is thrown
  /// away for a moment first.
  private func close() async {
    // TLS in its handshake would keep the end of the output until that is over, which is the client's to decide.
    guard io.clientHasSpoken else { return io.close() }
    await io.closeOutput(withinMilliseconds: configuration.streamIdleTimeoutMilliseconds)
    io.beginWait(configuration.lingerMilliseconds)
    var count = 0
    while count < configuration.maxDiscardedBodyBytes, let bytes = try? await io.read() { count += bytes.readableBytes }
    io.close()
  }
}
