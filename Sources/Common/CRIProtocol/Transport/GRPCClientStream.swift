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
  private var reader: GRPCMessageReader

  /// - Parameter request: the message with its prefix.
  init(inbox: GRPCInbox, head: HPACKHeaders, request: ByteBuffer, maxMessageBytes: Int) {
    self.inbox = inbox
    self.head = head
    self.request = request
    reader = GRPCMessageReader(maxMessageBytes: maxMessageBytes)
  }

  func channelActive(context: ChannelHandlerContext) {
    context.write(wrapOutboundOut(.headers(.init(headers: head))), promise: nil)
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
