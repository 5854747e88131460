import NIOCore
import NIOHPACK
import NIOHTTP2

/// One call on the client's side: sends the request, puts what comes into the inbox. Lives on its channel's event loop.
final class GRPCClientStream: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias OutboundOut = HTTP2Frame.FramePayload

  private let inbox: GRPCInbox
  private let head: HPACKHeaders
  private let request: ByteBuffer
  private let timeout: TimeAmount?
  private var timer: Scheduled<Void>?
  private var isRemoved = false
  private var reader: GRPCMessageReader

  /// - Parameters:
  ///   - request: the message with its prefix.
  ///   - timeout: for the answer, and before that for a place among the calls that the server takes.
  init(inbox: GRPCInbox, head: HPACKHeaders, request: ByteBuffer, timeout: TimeAmount?, maxMessageBytes: Int) {
    self.inbox = inbox
    self.head = head
    self.request = request
    self.timeout = timeout
    reader = GRPCMessageReader(maxMessageBytes: maxMessageBytes)
  }

  func handlerAdded(context: ChannelHandlerContext) {
    startTimer(context.eventLoop, .resourceExhausted, "the connection had no room for the call")
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    isRemoved = true
    timer?.cancel()
    inbox.finish(GRPCStatus(.unavailable, "the connection ended before the answer did"))
  }

  private func startTimer(_ loop: any EventLoop, _ code: GRPCStatus.Code, _ message: String) {
    timer?.cancel()
    guard let timeout, !isRemoved else { return }
    timer = loop.scheduleTask(in: timeout) { [inbox] in
      inbox.abandon(GRPCStatus(code, "\(message) within \(timeout.nanoseconds / 1_000_000) ms"))
    }
  }

  func channelActive(context: ChannelHandlerContext) {
    let loop = context.eventLoop
    // Calls beyond what the server takes at once are active, too, and their headers wait: time counts from when these are out.
    context.write(wrapOutboundOut(.headers(.init(headers: head)))).assumeIsolated().whenSuccess { [self] in
      startTimer(loop, .deadlineExceeded, "no answer")
    }
    context.writeAndFlush(
      wrapOutboundOut(.data(.init(data: .byteBuffer(request), endStream: true))), promise: nil)
    context.read()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .headers(let frame): read(frame.headers, isLast: frame.endStream)
    case .data(let frame):
      guard case .byteBuffer(var bytes) = frame.data else { return }
      reader.append(&bytes)
      do throws(GRPCStatus) {
        while let message = try reader.next() { inbox.deliver(message) }
      } catch {
        inbox.finish(error)
        return context.close(promise: nil)
      }
      if frame.endStream { inbox.finish(GRPCStatus(.internal, "the answer ended without a status")) }
    default: break
    }
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if inbox.wantsMore { context.read() }
    context.fireChannelReadComplete()
  }

  func channelInactive(context: ChannelHandlerContext) {
    inbox.finish(GRPCStatus(.unavailable, "the connection ended before the answer did"))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    inbox.finish(Self.status(of: error))
    context.close(promise: nil)
  }

  private func read(_ headers: HPACKHeaders, isLast: Bool) {
    if let status = headers.first(name: ":status"), status != "200", !status.hasPrefix("1") {
      return inbox.finish(GRPCStatus(httpStatus: status))
    }
    guard isLast else { return }
    guard let text = headers.first(name: "grpc-status") else {
      return inbox.finish(GRPCStatus(.internal, "the answer ended without a status"))
    }
    let code = Int(text).flatMap { GRPCStatus.Code(rawValue: $0) } ?? .unknown
    let message = headers.first(name: "grpc-message") ?? ""
    if code == .ok, !reader.isEmpty { return inbox.finish(GRPCStatus(.internal, "the answer ended within a message")) }
    inbox.finish(GRPCStatus(code, GRPCStatus.decode(message: message)))
  }

  /// Source: gRPC over HTTP/2, "Errors".
  private static func status(of error: any Error) -> GRPCStatus {
    guard let reset = error as? NIOHTTP2Errors.StreamClosed else {
      return GRPCStatus(.unavailable, "the connection failed: \(error)")
    }
    switch reset.errorCode {
    case .cancel: return GRPCStatus(.cancelled, "the peer gave the call up")
    case .refusedStream: return GRPCStatus(.unavailable, "the peer refused the call")
    case .enhanceYourCalm: return GRPCStatus(.resourceExhausted, "the peer has too much to do")
    default: return GRPCStatus(.internal, "the peer reset the call: \(reset.errorCode)")
    }
  }
}
