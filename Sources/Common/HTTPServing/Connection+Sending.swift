import NIOCore

extension Connection {
  /// Sends an answer; true where the connection can serve another request. A nil `head` answers what was no request.
  @discardableResult
  func send(_ response: HTTPResponse, head: RequestHead?, body: RequestBody?) async throws -> Bool {
    let keeps = head?.keepsAlive == true && !response.closesConnection && !isDraining()
    switch response.body {
    case .empty: return try await sendWhole(response, [], head: head, body: body, keeps: keeps)
    case .bytes(let bytes): return try await sendWhole(response, bytes, head: head, body: body, keeps: keeps)
    case .file(let file): return try await sendFile(response, file, head: head, body: body, keeps: keeps)
    case .stream(let produce): return try await sendStream(response, produce, head: head, body: body, keeps: keeps)
    case .hijack(let take):
      try await hijack(response, take, head: head, body: body)
      return false
    }
  }

  private func sendWhole(
    _ response: HTTPResponse, _ bytes: [UInt8], head: RequestHead?, body: RequestBody?, keeps: Bool
  ) async throws -> Bool {
    let framing = connectionHeader(head, keeps: keeps) + ResponseEncoder.length(of: bytes, in: response)
    var buffer = ByteBuffer()
    buffer.reserveCapacity(256 + bytes.count)
    ResponseEncoder.head(status: response.status, headers: response.headers, framing: framing, into: &buffer)
    if head?.method != .HEAD, response.status.mayHaveResponseBody { buffer.writeBytes(bytes) }
    guard keeps, let body else {
      try await io.write(buffer)
      return false
    }
    try await io.writeAhead(buffer)
    return try await body.discard(limit: configuration.maxDiscardedBodyBytes)
  }

  private func sendFile(
    _ response: HTTPResponse, _ file: FileBody, head: RequestHead?, body: RequestBody?, keeps: Bool
  ) async throws -> Bool {
    try await body?.sendContinueIfAwaited(io)
    var buffer = ByteBuffer()
    ResponseEncoder.head(
      status: response.status, headers: response.headers,
      framing: connectionHeader(head, keeps: keeps) + [("Content-Length", String(file.count))], into: &buffer)
    if head?.method == .HEAD || file.count == 0 {
      try await io.write(buffer)
    } else {
      try await io.writeAhead(buffer)
      do {
        try await file.send(over: io, patience: configuration.streamIdleTimeoutMilliseconds)
      } catch {
        report(error)
        // Fewer bytes than announced: the client knows that the answer is not whole.
        io.close()
        throw ClientDisconnected()
      }
    }
    guard keeps, let body else { return false }
    return try await body.discard(limit: configuration.maxDiscardedBodyBytes)
  }

  private func sendStream(
    _ response: HTTPResponse, _ produce: @escaping @Sendable (StreamWriter) async throws -> Void,
    head: RequestHead?, body: RequestBody?, keeps: Bool
  ) async throws -> Bool {
    // Of a stream whose length its owner knows, every byte has to come: he throws where it cannot.
    let hasLength = response.headers.contains(name: "Content-Length")
    let isChunked = head?.isHTTP10 == false && !hasLength
    let keeps = keeps && (isChunked || hasLength)
    var framing = connectionHeader(head, keeps: keeps)
    if isChunked { framing.append(("Transfer-Encoding", "chunked")) }
    // A go-ahead cannot be sent any more once the answer has begun.
    try await body?.sendContinueIfAwaited(io)
    var buffer = ByteBuffer()
    ResponseEncoder.head(status: response.status, headers: response.headers, framing: framing, into: &buffer)
    try await io.write(buffer)
    guard head?.method != .HEAD else { return keeps }
    let writer = StreamWriter(connection: io, form: isChunked ? .chunked : .plain)
    do {
      try await runCancelled(by: .inputClosed) { try await produce(writer) }
    } catch {
      report(error)
      // Without its last chunk the client knows that the answer is not whole.
      io.close()
      throw ClientDisconnected()
    }
    try await writer.finish()
    guard keeps, let body else { return false }
    return try await body.discard(limit: configuration.maxDiscardedBodyBytes)
  }

  private func hijack(
    _ response: HTTPResponse, _ take: @escaping @Sendable (HijackedStream) async throws -> Void, head: RequestHead?,
    body: RequestBody?
  ) async throws {
    // Raw bytes begin where the request's body ends, so that must have been read.
    guard let body, try await body.discard(limit: configuration.maxDiscardedBodyBytes) else {
      throw HTTPRefusal(.badRequest, "the body of a request for a raw stream is too long")
    }
    let upgrade = response.upgradesTo ?? (head?.isUpgrade == true ? "tcp" : nil)
    var buffer = ByteBuffer()
    ResponseEncoder.head(
      status: upgrade != nil ? .switchingProtocols : response.status, headers: response.headers,
      framing: upgrade.map { [("Connection", "Upgrade"), ("Upgrade", $0)] } ?? [], into: &buffer)
    try await io.write(buffer)
    let stream = HijackedStream(connection: io)
    do {
      try await runCancelled(by: .gone) { try await take(stream) }
    } catch {
      report(error)
    }
  }

  private func connectionHeader(_ head: RequestHead?, keeps: Bool) -> [(String, String)] {
    if !keeps { return [("Connection", "close")] }
    return head?.isHTTP10 == true ? [("Connection", "keep-alive")] : []
  }

  /// Runs work in a task of its own, owned by this connection's task, that ends when the client goes away.
  private func runCancelled(
    by kind: ConnectionIO.Disconnect, _ work: @escaping @Sendable () async throws -> Void
  ) async throws {
    let task = Task(executorPreference: executor) { try await work() }
    io.watch(kind) { task.cancel() }
    defer { io.unwatch() }
    try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }

  private func report(_ error: any Error) {
    if error is ClientDisconnected || error is CancellationError { return }
    logger.warning("a streamed answer was cut short", metadata: ["error": "\(error)"])
  }
}
