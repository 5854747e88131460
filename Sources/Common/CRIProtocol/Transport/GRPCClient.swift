import LinuxSystem
import NIOCore
import NIOHPACK
import NIOHTTP2
import NIOPosix
import SwiftProtobuf

/// A gRPC client of one unix socket. It connects when the first call comes, keeps that connection for all calls, and connects anew
/// when it is gone: a server that is started again is found by the next call.
///
/// Every method throws `GRPCStatus` and nothing else; `unavailable` is what a server that is not there gives. What a call that
/// failed with `unavailable` has done on the other side is not known, except where the connection could not be made.
package final class GRPCClient: Sendable {
  private struct Connection: Sendable {
    let channel: any Channel
    let multiplexer: NIOHTTP2Handler.StreamMultiplexer
  }

  private enum State {
    case idle
    case connected(EventLoopFuture<Connection>)
    case closed
  }

  private let path: String
  private let group: any EventLoopGroup
  private let limits: GRPCLimits
  private let state = Locked(State.idle)

  /// - Parameters:
  ///   - path: the socket's file; need not exist yet.
  ///   - group: whose event loops are used; has to outlive the client.
  package init(
    unixSocketPath path: String, group: any EventLoopGroup = .singletonMultiThreadedEventLoopGroup,
    limits: GRPCLimits = GRPCLimits()
  ) {
    self.path = path
    self.group = group
    self.limits = limits
  }

  /// Calls a method that answers with one message.
  /// - Parameter timeoutSeconds: from when the call goes out until the answer is there; the server is told, too. Has to be given for
  ///   each kind of call: a pull takes longer than a status. Where the connection has as many calls under way as the server takes, a
  ///   call waits as long at most for its turn, and fails with `resourceExhausted` then.
  package func call<Request, Response>(
    _ method: GRPCMethod<Request, Response>, _ request: Request, timeoutSeconds: Double
  ) async throws -> Response {
    let inbox = try await open(
      method.path, request, timeout: .nanoseconds(Int64(min(max(timeoutSeconds, 0), 8_640_000) * 1e9)))
    guard let message = try await inbox.next() else {
      throw GRPCStatus(.internal, "the answer to \(method.name) has no message")
    }
    guard try await inbox.next() == nil else {
      inbox.abandon(GRPCStatus(.cancelled))
      throw GRPCStatus(.internal, "the answer to \(method.name) has more than one message")
    }
    return try Self.decode(message)
  }

  /// Calls a method that answers with messages as they come. The call ends when the sequence does, when the task that reads it is
  /// cancelled, or when nobody holds the sequence any more.
  package func stream<Request, Response>(
    _ method: GRPCStreamingMethod<Request, Response>, _ request: Request
  ) async throws -> GRPCResponses<Response> {
    GRPCResponses(inbox: try await open(method.path, request, timeout: nil))
  }

  /// Waits until the server is there, asking again and again.
  ///
  /// Throws `GRPCStatus`: `unavailable` with the last reason when the time is over, `cancelled`.
  package func waitUntilConnected(timeoutSeconds: Double) async throws {
    let deadline = ContinuousClock.now + .milliseconds(Int64(timeoutSeconds * 1000))
    var pause = Duration.milliseconds(20)
    while true {
      do {
        _ = try await connection()
        return
      } catch let status as GRPCStatus {
        if ContinuousClock.now + pause > deadline { throw status }
      }
      do {
        try await Task.sleep(for: pause)
      } catch {
        throw GRPCStatus(.cancelled, "waiting for '\(path)' was given up")
      }
      pause = min(pause * 2, .seconds(1))
    }
  }

  /// Ends the connection and with it all calls; later ones fail with `cancelled`.
  package func close() async {
    let last = state.withLock { state in
      defer { state = .closed }
      return state
    }
    guard case .connected(let future) = last, let connection = try? await future.get() else { return }
    try? await connection.channel.close()
  }

  private func open(_ path: String, _ request: some Message, timeout: TimeAmount?) async throws -> GRPCInbox {
    let bytes: [UInt8]
    do {
      bytes = try request.serializedBytes()
    } catch {
      throw GRPCStatus(.internal, "the request cannot be serialised: \(error)")
    }
    let frame = try GRPCMessageReader.frame(bytes, maxMessageBytes: limits.maxMessageBytes)
    var head: HPACKHeaders = [
      ":method": "POST", ":scheme": "http", ":path": path, ":authority": "localhost",
      "content-type": "application/grpc",
      "te": "trailers", "user-agent": "bulkhead",
    ]
    if let timeout { head.add(name: "grpc-timeout", value: GRPCTimeout.format(timeout)) }
    do {
      return try await openStream(connection(), head, frame, timeout)
    } catch let status as GRPCStatus {
      throw status
    } catch {
      // The connection ended between two calls: nothing was sent, so asking once more does no harm.
      do {
        return try await openStream(connection(), head, frame, timeout)
      } catch {
        throw error as? GRPCStatus ?? GRPCStatus(.unavailable, "'\(self.path)' does not answer: \(error)")
      }
    }
  }

  private func openStream(
    _ connection: Connection, _ head: HPACKHeaders, _ frame: ByteBuffer, _ timeout: TimeAmount?
  ) async throws -> GRPCInbox {
    let inbox = GRPCInbox(maxWaiting: limits.maxWaitingMessages)
    let channel = try await connection.multiplexer.createStreamChannel { [limits] channel in
      channel.eventLoop.makeCompletedFuture {
        try channel.syncOptions?.setOption(.autoRead, value: false)
        try channel.pipeline.syncOperations.addHandler(
          GRPCClientStream(
            inbox: inbox, head: head, request: frame, timeout: timeout, maxMessageBytes: limits.maxMessageBytes))
      }
    }.get()
    inbox.attach(channel)
    return inbox
  }

  private func connection() async throws -> Connection {
    let future = try state.withLock { state throws(GRPCStatus) -> EventLoopFuture<Connection> in
      switch state {
      case .closed: throw GRPCStatus(.cancelled, "the client is closed")
      case .connected(let future): return future
      case .idle:
        let future = connect()
        state = .connected(future)
        return future
      }
    }
    do {
      return try await future.get()
    } catch {
      throw GRPCStatus(.unavailable, "failed to connect to '\(path)': \(error)")
    }
  }

  private func connect() -> EventLoopFuture<Connection> {
    let future = ClientBootstrap(group: group)
      .connectTimeout(.seconds(5))
      .channelInitializer { [limits] channel in
        channel.eventLoop.makeCompletedFuture {
          _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
            mode: .client, connectionConfiguration: limits.connectionConfiguration,
            streamConfiguration: limits.streamConfiguration
          ) { $0.eventLoop.makeFailedFuture(GRPCStatus(.internal, "a server opens no calls")) }
        }
      }
      .connect(unixDomainSocketPath: path)
      .flatMapThrowing { channel in
        let handler = try channel.pipeline.syncOperations.handler(type: NIOHTTP2Handler.self)
        return Connection(channel: channel, multiplexer: try handler.syncMultiplexer())
      }
    // A connection that failed or ended makes room for the next.
    future.whenSuccess { [self] connection in
      connection.channel.closeFuture.whenComplete { [self] _ in forget(future) }
    }
    future.whenFailure { [self] _ in forget(future) }
    return future
  }

  private func forget(_ future: EventLoopFuture<Connection>) {
    state.withLock { state in
      if case .connected(let current) = state, current === future { state = .idle }
    }
  }

  static func decode<Response: Message>(_ bytes: [UInt8]) throws(GRPCStatus) -> Response {
    do {
      return try Response(serializedBytes: bytes)
    } catch {
      throw GRPCStatus(.internal, "the answer is not a message of this method")
    }
  }
}

/// The messages of a streaming call, in their order. Throws `GRPCStatus` where the call does not end with `ok`.
package struct GRPCResponses<Response: Message>: AsyncSequence, Sendable {
  package typealias Element = Response

  /// Gives the call up when nobody holds it any more.
  fileprivate final class Hold: Sendable {
    let inbox: GRPCInbox
    init(_ inbox: GRPCInbox) { self.inbox = inbox }
    deinit { inbox.abandon(GRPCStatus(.cancelled, "the call was given up")) }
  }

  private let hold: Hold

  init(inbox: GRPCInbox) { hold = Hold(inbox) }

  package struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let hold: Hold

    package mutating func next() async throws -> Response? {
      try await hold.inbox.next().map { try GRPCClient.decode($0) }
    }
  }

  package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(hold: hold) }
}
