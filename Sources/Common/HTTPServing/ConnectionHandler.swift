import NIOCore

/// The event loop's end of a connection: hands bytes to its `ConnectionIO` and holds reading back when that is full.
final class ConnectionHandler: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundIn = ByteBuffer

  private let io: ConnectionIO
  private let onActive: (EventLoop) -> Void
  private let onInactive: () -> Void

  init(io: ConnectionIO, onActive: @escaping (EventLoop) -> Void, onInactive: @escaping () -> Void) {
    self.io = io
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
    io.received(unwrapInboundIn(data))
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
