import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix

/// Asks gRPC's health service of a pod. Source: *GRPC Health Checking Protocol*, gRPC over HTTP/2.
enum GRPCHealth {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private static let path = "/grpc.health.v1.Health/Check"
  /// `HealthCheckResponse.ServingStatus.SERVING`
  private static let serving: UInt8 = 1

  /// Whether a service serves; empty: the whole server. Throws `Failure` and what connecting throws. Ends with its task, but for
  /// connecting, which ends by its own time-out.
  static func serves(host: String, port: Int, service: String, connectSeconds: Int64) async throws -> Bool {
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .connectTimeout(.seconds(connectSeconds)).connect(host: host, port: port).get()
    defer { channel.close(promise: nil) }
    return try await withTaskCancellationHandler {
      let answer = channel.eventLoop.makePromise(of: [UInt8].self)
      channel.closeFuture.whenComplete { _ in answer.fail(Failure(description: "the connection ended")) }
      do {
        let multiplexer = try await channel.configureHTTP2Pipeline(
          mode: .client, connectionConfiguration: .init(), streamConfiguration: .init()
        ) { $0.eventLoop.makeFailedFuture(Failure(description: "a server opens no calls")) }.get()
        _ = try await multiplexer.createStreamChannel { stream in
          stream.eventLoop.makeCompletedFuture {
            try stream.pipeline.syncOperations.addHandler(
              HealthCall(authority: "\(host):\(port)", path: path, request: request(service), answer: answer))
          }
        }.get()
      } catch {
        answer.fail(error)
        throw error
      }
      return try await isServing(answer.futureResult.get())
    } onCancel: {
      channel.close(promise: nil)
    }
  }

  /// `HealthCheckRequest{service = 1}` behind the five bytes of a message.
  static func request(_ service: String) -> [UInt8] {
    var message: [UInt8] = []
    // Names of services are short; a longer one than a length of two bytes tells is none.
    let name = Array(service.utf8.prefix(1_024))
    if !name.isEmpty {
      message = [0x0A]
      if name.count < 128 {
        message.append(UInt8(name.count))
      } else {
        message += [UInt8(name.count & 0x7F) | 0x80, UInt8(name.count >> 7)]
      }
      message += name
    }
    return [0] + withUnsafeBytes(of: UInt32(message.count).bigEndian, Array.init) + message
  }

  /// `HealthCheckResponse{status = 1}`; status 0 is not written.
  static func isServing(_ frame: [UInt8]) throws(Failure) -> Bool {
    guard frame.count >= 5, frame[0] == 0 else { throw Failure(description: "the answer is no message") }
    let message = frame.dropFirst(5)
    return message.starts(with: [0x08, serving])
  }
}

/// One call. Lives on its channel's event loop.
private final class HealthCall: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame.FramePayload
  typealias OutboundOut = HTTP2Frame.FramePayload

  private static let maxAnswerBytes = 4_096

  private let head: HPACKHeaders
  private let request: [UInt8]
  private let answer: EventLoopPromise<[UInt8]>
  private var bytes: [UInt8] = []

  init(authority: String, path: String, request: [UInt8], answer: EventLoopPromise<[UInt8]>) {
    head = [
      ":method": "POST", ":scheme": "http", ":path": path, ":authority": authority,
      "content-type": "application/grpc", "te": "trailers", "user-agent": "kube-probe",
    ]
    self.request = request
    self.answer = answer
  }

  func channelActive(context: ChannelHandlerContext) {
    context.write(wrapOutboundOut(.headers(.init(headers: head))), promise: nil)
    let data = HTTP2Frame.FramePayload.Data(data: .byteBuffer(ByteBuffer(bytes: request)), endStream: true)
    context.writeAndFlush(wrapOutboundOut(.data(data)), promise: nil)
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .data(let frame):
      guard case .byteBuffer(let piece) = frame.data, bytes.count + piece.readableBytes <= Self.maxAnswerBytes else {
        return answer.fail(GRPCHealth.Failure(description: "the answer is too long"))
      }
      bytes += piece.readableBytesView
    case .headers(let frame) where frame.endStream:
      let status = frame.headers.first(name: "grpc-status") ?? ""
      guard status == "0" else {
        let message = frame.headers.first(name: "grpc-message") ?? ""
        return answer.fail(GRPCHealth.Failure(description: "rpc error: status \(status) \(message.prefix(200))"))
      }
      answer.succeed(bytes)
    default: break
    }
  }

  func channelInactive(context: ChannelHandlerContext) {
    answer.fail(GRPCHealth.Failure(description: "the call ended without an answer"))
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    answer.fail(error)
    context.close(promise: nil)
  }
}
