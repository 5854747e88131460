import NIOCore
import NIOHPACK
import NIOHTTP2

/// One call on the server's side: reads the request's message, runs the handler in a task, writes what it answers.
/// Lives on its channel's event loop.
final class GRPCServerStream: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias OutboundOut = HTTP2Frame.FramePayload

  private enum State {
    case waiting
    case reading(GRPCHandlers.Handler)
    /// The task that runs the handler; its end is reported to `finish`.
    case running(Task<Void, Never>)
    case finished
  }

  private let server: GRPCServer
  private let channel: any Channel
  private var state = State.waiting
  private var reader: GRPCMessageReader
  private var request: [UInt8]?
  private var deadline: Scheduled<Void>?
  private var hasSentHead = false

  init(server: GRPCServer, channel: any Channel) {
    self.server = server
    self.channel = channel
    reader = GRPCMessageReader(maxMessageBytes: server.limits.maxMessageBytes)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .headers(let frame):
      if case .waiting = state { begin(frame.headers) }
      if frame.endStream { requestEnded() }
    case .data(let frame):
      guard case .reading = state, case .byteBuffer(var bytes) = frame.data else { return }
      reader.append(&bytes)
      take()
      if frame.endStream { requestEnded() }
    default: break
    }
  }

  func channelInactive(context: ChannelHandlerContext) { stop() }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    stop()
    context.close(promise: nil)
  }

  private func begin(_ headers: HPACKHeaders) {
    guard headers.first(name: ":method") == "POST" else { return refuse(httpStatus: "405") }
    guard headers.first(name: "content-type")?.hasPrefix("application/grpc") == true else {
      return refuse(httpStatus: "415")
    }
    let path = headers.first(name: ":path") ?? ""
    guard let handler = server.handlers[path] else {
      return finish(GRPCStatus(.unimplemented, "the method \(path.prefix(200)) is not implemented"))
    }
    if let encoding = headers.first(name: "grpc-encoding"), encoding != "identity" {
      return finish(GRPCStatus(.unimplemented, "messages in the encoding '\(encoding.prefix(40))' are not taken"))
    }
    if let text = headers.first(name: "grpc-timeout") {
      guard let time = GRPCTimeout.parse(text) else {
        return finish(GRPCStatus(.invalidArgument, "the value '\(text.prefix(40))' of grpc-timeout is not a time"))
      }
      deadline = channel.eventLoop.assumeIsolated().scheduleTask(in: time) { [self] in
        finish(GRPCStatus(.deadlineExceeded, "the deadline of the call passed"))
      }
    }
    state = .reading(handler)
  }

  private func take() {
    do throws(GRPCStatus) {
      while let message = try reader.next() {
        guard request == nil else { throw GRPCStatus(.internal, "the method takes one message, more came") }
        request = message
      }
    } catch {
      finish(error)
    }
  }

  private func requestEnded() {
    guard case .reading(let handler) = state else { return }
    guard let request, reader.isEmpty else {
      return finish(GRPCStatus(.internal, "the request ended within its message"))
    }
    self.request = nil
    run(handler, request)
  }

  private func run(_ handler: GRPCHandlers.Handler, _ request: [UInt8]) {
    let isUnary = handler.isUnary
    guard server.callBegan(isUnary: isUnary) else { return finish(GRPCStatus(.unavailable, "the server ends")) }
    let loopBound = NIOLoopBound(self, eventLoop: channel.eventLoop)
    let loop = channel.eventLoop
    // Owned by the state: cancelled by `stop`, and its end is `finish`.
    let task = Task(executorPreference: server.executor) { [server] in
      defer { server.callEnded(isUnary: isUnary) }
      do {
        var message: [UInt8]?
        switch handler {
        case .unary(let body): message = try await body(request)
        case .streaming(let body):
          loop.execute { loopBound.value.sendHead() }
          try await body(request) { message in
            try Task.checkCancellation()
            try await loop.flatSubmit { loopBound.value.send(message) }.get()
          }
        }
        loop.execute { [message] in loopBound.value.finish(.ok, message) }
      } catch {
        let status = error as? GRPCStatus ?? server.handlers.statusOf(error)
        loop.execute { loopBound.value.finish(status) }
      }
    }
    state = .running(task)
  }

  private func sendHead() {
    guard case .running = state, !hasSentHead else { return }
    hasSentHead = true
    channel.writeAndFlush(HTTP2Frame.FramePayload.headers(.init(headers: Self.head)), promise: nil)
  }

  /// Writes a message of a streaming answer; the future succeeds when the connection has taken it.
  private func send(_ message: [UInt8]) -> EventLoopFuture<Void> {
    guard case .running = state else { return channel.eventLoop.makeFailedFuture(CancellationError()) }
    do {
      let bytes = try GRPCMessageReader.frame(message, maxMessageBytes: server.limits.maxMessageBytes)
      sendHead()
      return channel.writeAndFlush(HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(bytes))))
    } catch {
      return channel.eventLoop.makeFailedFuture(error)
    }
  }

  /// Ends the call once: the last message, where there is one, and the status in the trailers.
  private func finish(_ status: GRPCStatus, _ message: [UInt8]? = nil) {
    if case .finished = state { return }
    var status = status
    if let message {
      do throws(GRPCStatus) {
        let bytes = try GRPCMessageReader.frame(message, maxMessageBytes: server.limits.maxMessageBytes)
        sendHead()
        channel.write(HTTP2Frame.FramePayload.data(.init(data: .byteBuffer(bytes))), promise: nil)
      } catch {
        status = error
      }
    }
    stop()
    var trailers = hasSentHead ? HPACKHeaders() : Self.head
    trailers.add(name: "grpc-status", value: String(status.code.rawValue))
    if !status.message.isEmpty {
      trailers.add(name: "grpc-message", value: GRPCStatus.encode(message: status.message))
    }
    close(after: .headers(.init(headers: trailers, endStream: true)))
  }

  private func refuse(httpStatus: String) {
    stop()
    close(after: .headers(.init(headers: [":status": httpStatus], endStream: true)))
  }

  /// A client that is still sending is told by a reset, which is what closing an open stream is.
  private func close(after frame: HTTP2Frame.FramePayload) {
    channel.writeAndFlush(frame).whenComplete { [channel] _ in channel.close(promise: nil) }
  }

  private func stop() {
    if case .running(let task) = state { task.cancel() }
    state = .finished
    deadline?.cancel()
    deadline = nil
  }

  private static let head: HPACKHeaders = [":status": "200", "content-type": "application/grpc"]
}
