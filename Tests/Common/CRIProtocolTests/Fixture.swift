import Glibc
import Logging
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import SwiftProtobuf
import Synchronization

@testable import CRIProtocol

let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

/// A server on a socket of its own for one test.
func withServer(
  limits: GRPCLimits = GRPCLimits(), _ register: (inout GRPCHandlers) -> Void,
  _ body: (GRPCServer, String) async throws -> Void
) async throws {
  var handlers = GRPCHandlers { GRPCStatus(.unknown, "\($0)") }
  register(&handlers)
  let path = "/tmp/bulkhead-cri-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock"
  let server = GRPCServer(handlers: handlers, limits: limits, logger: quietLogger)
  try await server.listen(unixSocketPath: path)
  do {
    try await body(server, path)
  } catch {
    await server.shutdown(gracefulSeconds: 1)
    throw error
  }
  await server.shutdown(gracefulSeconds: 1)
}

/// What a server answers to headers and bytes that no client of ours would send.
struct RawAnswer: Sendable, Equatable {
  var status: String?
  var code: GRPCStatus.Code?
  var wasReset = false
}

/// Opens one call with these headers and data frames and waits for its end.
func rawCall(_ path: String, _ headers: HPACKHeaders, data: [[UInt8]], ends: Bool = true) async throws -> RawAnswer {
  let channel = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
    .channelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
          mode: .client, connectionConfiguration: .init(), streamConfiguration: .init()
        ) { $0.eventLoop.makeSucceededVoidFuture() }
      }
    }
    .connect(unixDomainSocketPath: path).get()
  let multiplexer = try await channel.eventLoop.submit {
    try channel.pipeline.syncOperations.handler(type: NIOHTTP2Handler.self).syncMultiplexer()
  }.get()
  let answer = channel.eventLoop.makePromise(of: RawAnswer.self)
  let stream = try await multiplexer.createStreamChannel { stream in
    stream.eventLoop.makeCompletedFuture {
      try stream.pipeline.syncOperations.addHandler(RawAnswerReader(answer))
    }
  }.get()
  stream.writeAndFlush(
    HTTP2Frame.FramePayload.headers(.init(headers: headers, endStream: ends && data.isEmpty))
  ).cascadeFailure(to: answer)
  for (number, bytes) in data.enumerated() {
    stream.writeAndFlush(
      HTTP2Frame.FramePayload.data(
        .init(data: .byteBuffer(ByteBuffer(bytes: bytes)), endStream: ends && number == data.count - 1)),
      promise: nil)
  }
  let result = try await answer.futureResult.get()
  try? await channel.close()
  return result
}

private final class RawAnswerReader: ChannelInboundHandler {
  typealias InboundIn = HTTP2Frame.FramePayload

  private let promise: EventLoopPromise<RawAnswer>
  private var answer = RawAnswer()

  init(_ promise: EventLoopPromise<RawAnswer>) { self.promise = promise }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guard case .headers(let frame) = unwrapInboundIn(data) else { return }
    if let status = frame.headers.first(name: ":status") { answer.status = status }
    if let code = frame.headers.first(name: "grpc-status").flatMap({ Int($0) }) { answer.code = .init(rawValue: code) }
    if frame.endStream { promise.succeed(answer) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    answer.wasReset = true
    context.close(promise: nil)
  }

  func channelInactive(context: ChannelHandlerContext) { promise.succeed(answer) }
}
