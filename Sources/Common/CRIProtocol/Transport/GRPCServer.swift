import HTTPServing
import LinuxSystem
import Logging
import NIOCore
import NIOHTTP2
import NIOPosix

/// A gRPC server on unix sockets: unary and server-streaming methods, HTTP/2 without TLS.
///
/// Who may speak is decided by the socket's file. Socket input and output run on one event loop thread; handlers run on
/// `executor`, where one is given (so they may block there), else on the cooperative pool.
package final class GRPCServer: Sendable {
  private struct State {
    var listeners: [any Channel] = []
    var files: [UnixListener] = []
    var connections: [ObjectIdentifier: any Channel] = [:]
    var calls = 0
    /// Of them, those that answer with one message.
    var unaryCalls = 0
    var isDraining = false
    var waiter: (isIdle: @Sendable (borrowing State) -> Bool, continuation: CheckedContinuation<Void, Never>)?
  }

  let handlers: GRPCHandlers
  let limits: GRPCLimits
  let executor: (any TaskExecutor)?
  private let logger: Logger
  private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
  private let state = Locked(State())

  package init(
    handlers: GRPCHandlers, limits: GRPCLimits = GRPCLimits(), executor: (any TaskExecutor)? = nil, logger: Logger
  ) {
    self.handlers = handlers
    self.limits = limits
    self.executor = executor
    self.logger = logger
  }

  /// Listens on a unix socket whose file has exactly this mode, owner and group; a stale file is replaced.
  ///
  /// Throws `PlatformError`: `invalidArgument` (path too long), `conflict` (somebody listens there), `unavailable`.
  package func listen(unixSocketPath path: String, mode: UInt32 = 0o600, group gid: UInt32? = nil) async throws {
    let listener = try UnixListener.bind(path: path, mode: mode, group: gid, backlog: 128)
    state.withLock { $0.files.append(listener) }
    let channel = try await ServerBootstrap(group: group)
      .childChannelInitializer { [self] channel in
        guard admit(channel) else { return channel.eventLoop.makeFailedFuture(Self.isFull) }
        return channel.eventLoop.makeCompletedFuture { try configure(channel) }
      }
      .withBoundSocket(listener.descriptor).get()
    state.withLock { $0.listeners.append(channel) }
  }

  /// Stops: no new connections or calls; those under way that answer with one message may finish
  /// within `gracefulSeconds`; then they and all streams are cut.
  package func shutdown(gracefulSeconds: Int64) async {
    let (listeners, files) = state.withLock { state -> ([any Channel], [UnixListener]) in
      if state.isDraining { return ([], []) }
      state.isDraining = true
      return (state.listeners, state.files)
    }
    guard !listeners.isEmpty else { return }
    for listener in listeners { try? await listener.close() }
    for file in files { file.removeFile() }
    await waitUntilIdle(seconds: gracefulSeconds) { $0.unaryCalls == 0 }
    for channel in state.withLock({ Array($0.connections.values) }) { try? await channel.close() }
    await waitUntilIdle(seconds: Self.giveUpSeconds) { $0.calls == 0 }
    // A call that does not heed its cancellation may still use its event loop, so that is left to the program's end.
    guard state.withLock({ $0.calls == 0 }) else {
      return logger.warning("calls did not end when their gRPC server did")
    }
    do {
      try await group.shutdownGracefully()
    } catch {
      logger.warning("the event loop of a gRPC server did not end", metadata: ["error": "\(error)"])
    }
  }

  /// How long `shutdown` waits for calls that it has cut.
  private static let giveUpSeconds: Int64 = 5

  private func waitUntilIdle(seconds: Int64, _ isIdle: @escaping @Sendable (borrowing State) -> Bool) async {
    let limit = group.next().scheduleTask(in: .seconds(seconds)) { [self] in wake { _ in true } }
    await withCheckedContinuation { continuation in
      let isIdleNow = state.withLock { state in
        if isIdle(state) { return true }
        state.waiter = (isIdle, continuation)
        return false
      }
      if isIdleNow { continuation.resume() }
    }
    limit.cancel()
  }

  /// Wakes who waits for idleness, where that is reached or `isDue`.
  private func wake(_ isDue: @Sendable (borrowing State) -> Bool = { _ in false }) {
    let continuation = state.withLock { state -> CheckedContinuation<Void, Never>? in
      guard let waiter = state.waiter, waiter.isIdle(state) || isDue(state) else { return nil }
      state.waiter = nil
      return waiter.continuation
    }
    continuation?.resume()
  }

  /// Counts a call that begins; false where the server ends.
  func callBegan(isUnary: Bool) -> Bool {
    state.withLock { state in
      if state.isDraining { return false }
      state.calls += 1
      if isUnary { state.unaryCalls += 1 }
      return true
    }
  }

  func callEnded(isUnary: Bool) {
    state.withLock { state in
      state.calls -= 1
      if isUnary { state.unaryCalls -= 1 }
    }
    wake()
  }

  private static let isFull = GRPCStatus(.resourceExhausted, "too many connections")

  private func admit(_ channel: any Channel) -> Bool {
    let key = ObjectIdentifier(channel)
    let isAdmitted = state.withLock { state in
      if state.isDraining || state.connections.count >= limits.maxConnections { return false }
      state.connections[key] = channel
      return true
    }
    if isAdmitted {
      channel.closeFuture.whenComplete { [self] _ in state.withLock { $0.connections[key] = nil } }
    } else {
      logger.warning("a gRPC connection was refused", metadata: ["bound": "\(limits.maxConnections)"])
    }
    return isAdmitted
  }

  private func configure(_ channel: any Channel) throws {
    _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
      mode: .server, connectionConfiguration: limits.connectionConfiguration,
      streamConfiguration: limits.streamConfiguration
    ) { [self] stream in
      stream.eventLoop.makeCompletedFuture {
        try stream.pipeline.syncOperations.addHandler(GRPCServerStream(server: self, channel: stream))
      }
    }
  }
}

extension GRPCLimits {
  var connectionConfiguration: NIOHTTP2Handler.ConnectionConfiguration {
    var configuration = NIOHTTP2Handler.ConnectionConfiguration()
    configuration.initialSettings = [
      HTTP2Setting(parameter: .maxConcurrentStreams, value: maxConcurrentStreams),
      HTTP2Setting(parameter: .maxHeaderListSize, value: maxHeaderBytes),
      HTTP2Setting(parameter: .initialWindowSize, value: windowBytes),
    ]
    configuration.targetWindowSize = 2 * windowBytes
    // Clients of gRPC measure a connection's delay by a ping for each burst of data.
    configuration.controlFrameRateLimit.maximumCount = 10_000
    return configuration
  }

  var streamConfiguration: NIOHTTP2Handler.StreamConfiguration {
    var configuration = NIOHTTP2Handler.StreamConfiguration()
    configuration.targetWindowSize = windowBytes
    // Each call that its client gives up ends with a reset.
    configuration.streamResetFrameRateLimit.maximumCount = 10_000
    return configuration
  }
}
