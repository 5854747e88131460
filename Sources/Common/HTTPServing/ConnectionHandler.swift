import NIOCore
import NIOSSL

/// The event loop's end of a connection: hands bytes to its `ConnectionIO` and holds reading back when that is full.
final class ConnectionHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer

  private let io: ConnectionIO
  private let shortcut: RequestShortcut
  private let onActive: (EventLoop) -> Void
  private let onInactive: () -> Void
  /// Answers were written that are not on their way yet.
  private var mustFlush = false

  init(
    io: ConnectionIO, shortcut: RequestShortcut, onActive: @escaping (EventLoop) -> Void,
    onInactive: @escaping () -> Void
  ) {
    self.io = io
    self.shortcut = shortcut
    self.onActive = onActive
    self.onInactive = onInactive
  }

  func channelActive(context: ChannelHandlerContext) {
    onActive(context.eventLoop)
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    io.ended(isGone: true)
    onInactive()
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    if !io.clientHasSpoken { io.clientSpeaks(showing: clientCertificate(context)) }
    // A client that asks and does not read fills its own socket, not our memory.
    while bytes.readableBytes > 0, context.channel.isWritable, io.awaitsRequest,
      let answer = shortcut.answer(&bytes, from: io)
    {
      context.write(NIOAny(answer), promise: nil)
      mustFlush = true
    }
    if bytes.readableBytes > 0 { io.received(bytes) }
  }

  /// Bytes come after the handshake, in which the certificate was checked.
  private func clientCertificate(_ context: ChannelHandlerContext) -> [UInt8]? {
    guard io.isEncrypted,
      let handler = try? context.pipeline.syncOperations.handler(type: NIOSSLServerHandler.self)
    else { return nil }
    return try? handler.peerCertificate?.toDERBytes()
  }

  func channelReadComplete(context: ChannelHandlerContext) {
    if mustFlush {
      mustFlush = false
      context.flush()
    }
    context.fireChannelReadComplete()
  }

  func read(context: ChannelHandlerContext) {
    if io.mayRead() { context.read() }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed { io.ended(isGone: false) }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    io.ended(ClientDisconnected(), isGone: true)
    context.close(promise: nil)
  }
}
