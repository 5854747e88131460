import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// A registry that does what a test tells it to, on a port of its own at 127.0.0.1.
public final class ScriptedServer: Sendable {
  public struct Request: Sendable {
    public var method: HTTPMethod
    /// Path and query.
    public var target: String
    public var headers: HTTPHeaders
    public var body: [UInt8]
  }

  public enum Answer: Sendable {
    case full(Int, HTTPHeaders = [:], [UInt8] = [])
    /// Announces the headers as given, sends the bytes, and closes the connection.
    case cut(Int, HTTPHeaders, [UInt8])
    /// Sends zeroes for as long as the client reads.
    case endless(Int, HTTPHeaders)
  }

  private let channel: any Channel
  private let group: MultiThreadedEventLoopGroup
  private let log = Mutex<[Request]>([])

  public var port: Int { channel.localAddress?.port ?? 0 }
  public var address: String { "127.0.0.1:\(port)" }
  public var requests: [Request] { log.withLock { $0 } }

  public init(_ answer: @escaping @Sendable (Request, _ index: Int) -> Answer) throws {
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let box = Box()
    channel = try ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 64)
      .childChannelInitializer { channel in
        channel.pipeline.configureHTTPServerPipeline().flatMapThrowing {
          try channel.pipeline.syncOperations.addHandler(
            Handler { request in
              let index = box.server.withLock { $0?.server?.note(request) } ?? 0
              return answer(request, index)
            })
        }
      }
      .bind(host: "127.0.0.1", port: 0).wait()
    box.server.withLock { $0 = WeakServer(self) }
  }

  deinit {
    channel.close(promise: nil)
    group.shutdownGracefully { _ in }
  }

  private func note(_ request: Request) -> Int {
    log.withLock {
      $0.append(request)
      return $0.count - 1
    }
  }

  /// The channel lives longer than the server, which ends it.
  private struct WeakServer {
    weak var server: ScriptedServer?
    init(_ server: ScriptedServer) { self.server = server }
  }

  private final class Box: Sendable {
    let server = Mutex<WeakServer?>(nil)
  }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let answer: (Request) -> Answer
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(_ answer: @escaping (Request) -> Answer) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head):
        self.head = head
        body = []
      case .body(let piece): body.append(contentsOf: piece.readableBytesView)
      case .end:
        guard let head else { return }
        let request = Request(method: head.method, target: head.uri, headers: head.headers, body: body)
        reply(answer(request), to: head.method, context)
      }
    }

    private func reply(_ answer: Answer, to method: HTTPMethod, _ context: ChannelHandlerContext) {
      func send(_ status: Int, _ headers: HTTPHeaders, _ bytes: [UInt8], length: Bool) {
        var headers = headers
        if length, !headers.contains(name: "Content-Length") {
          headers.add(name: "Content-Length", value: String(bytes.count))
        }
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        if !bytes.isEmpty { context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: bytes)))), promise: nil) }
      }
      switch answer {
      case .full(let status, let headers, let bytes):
        var headers = headers
        // An answer to HEAD tells the length and has no body (RFC 9110, section 9.3.2); one would spoil the connection.
        if method == .HEAD, !headers.contains(name: "Content-Length") {
          headers.add(name: "Content-Length", value: String(bytes.count))
        }
        send(status, headers, method == .HEAD ? [] : bytes, length: true)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
      case .cut(let status, let headers, let bytes):
        send(status, headers, bytes, length: false)
        context.flush()
        context.close(promise: nil)
      case .endless(let status, let headers):
        send(status, headers, [], length: false)
        pour(context)
      }
    }

    private func pour(_ context: ChannelHandlerContext) {
      let piece = ByteBuffer(repeating: 0, count: 64 << 10)
      let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
      context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(piece)))).whenSuccess {
        let (handler, context) = bound.value
        handler.pour(context)
      }
    }
  }
}
