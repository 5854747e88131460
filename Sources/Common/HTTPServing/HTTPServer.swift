import Glibc
import LinuxSystem
import Logging
import Model
import NIOCore
import NIOPosix

/// An HTTP/1.1 server. One task for each connection, its requests answered in order.
///
/// Socket input and output run on event loop threads; everything of the responder runs on `executor`, where one is given
/// (so it may block there), else on the cooperative pool.
public final class HTTPServer: Sendable {
  private struct State {
    /// Open connections.
    var open: [ObjectIdentifier: ConnectionIO] = [:]
    /// Of them, those from each IP address.
    var openFromAddress: [String: Int] = [:]
    /// The tasks of connections, which may outlive these for a moment; nil until the task is made.
    var tasks: [ObjectIdentifier: Task<Void, Never>?] = [:]
    var listeners: [any Channel] = []
    var files: [UnixListener] = []
    var isDraining = false
    var whenDone: CheckedContinuation<Void, Never>?

    mutating func take(_ io: ConnectionIO) {
      open[ObjectIdentifier(io)] = io
      if let address = io.remoteAddress { openFromAddress[address, default: 0] += 1 }
    }

    mutating func forget(_ io: ConnectionIO) {
      guard open.removeValue(forKey: ObjectIdentifier(io)) != nil, let address = io.remoteAddress else { return }
      let left = openFromAddress[address, default: 1] - 1
      openFromAddress[address] = left > 0 ? left : nil
    }
  }

  private let configuration: HTTPServerConfiguration
  private let responder: any HTTPResponder
  private let errors: ErrorMapper
  private let executor: (any TaskExecutor)?
  private let logger: Logger
  private let group: MultiThreadedEventLoopGroup
  private let state = Locked(State())

  public init(
    configuration: HTTPServerConfiguration = HTTPServerConfiguration(), responder: any HTTPResponder,
    errors: ErrorMapper = .plainText, executor: (any TaskExecutor)? = nil, logger: Logger
  ) {
    self.configuration = configuration
    self.responder = responder
    self.errors = errors
    self.executor = executor
    self.logger = logger
    group = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoopThreads)
  }

  /// Connections open now.
  public var connectionCount: Int { state.withLock { $0.open.count } }

  /// Listens on a unix socket whose file has exactly this mode, owner and group; a stale file is replaced.
  ///
  /// Throws `PlatformError`: `invalidArgument` (path too long), `conflict` (somebody listens there), `unavailable`.
  public func listen(
    unixSocketPath path: String, mode: UInt32 = 0o660, owner uid: UInt32? = nil, group gid: UInt32? = nil
  )
    async throws
  {
    let listener = try UnixListener.bind(path: path, mode: mode, owner: uid, group: gid, backlog: configuration.backlog)
    state.withLock { $0.files.append(listener) }
    try await listen(inheritedDescriptor: listener.descriptor)
  }

  /// Listens on TCP, over TLS where an identity is given.
  /// - Parameters:
  ///   - host: a name or an IP address of this machine; `::` is every address.
  ///   - port: 0 takes one that is free.
  /// - Returns: the port.
  /// - Throws: `PlatformError` (`unavailable`) where the address is not to be had; its cause is the `SystemError` of bind(2).
  @discardableResult
  public func listen(host: String, port: Int, tls: ServerTLS?) async throws -> Int {
    do {
      let channel = try await ServerBootstrap(group: group)
        .serverChannelOption(.backlog, value: configuration.backlog)
        .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
        .childChannelOption(.allowRemoteHalfClosure, value: true)
        .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
        .childChannelInitializer { [self] channel in
          channel.eventLoop.makeCompletedFuture {
            if let tls { try channel.pipeline.syncOperations.addHandler(tls.makeHandler()) }
            try addHandler(channel, isEncrypted: tls != nil)
          }
        }
        .bind(host: host, port: port).get()
      state.withLock { $0.listeners.append(channel) }
      return channel.localAddress?.port ?? port
    } catch let error as IOError {
      let reason = SystemError(errno: error.errnoCode, operation: "bind", subject: "\(host) port \(port)")
      throw PlatformError(
        .unavailable, "failed to listen on \(host) port \(port): \(SystemError.message(for: error.errnoCode))",
        cause: reason)
    } catch {
      throw PlatformError(.unavailable, "failed to listen on \(host) port \(port): \(error)", cause: error)
    }
  }

  /// Serves a stream socket that listens already; the descriptor is the server's from now on.
  public func listen(inheritedDescriptor descriptor: CInt) async throws {
    let channel = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: configuration.backlog)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .childChannelInitializer { [self] channel in channel.eventLoop.makeCompletedFuture { try addHandler(channel) } }
      .withBoundSocket(descriptor).get()
    state.withLock { $0.listeners.append(channel) }
  }

  /// Stops: no new connections; those without a request are closed; the others may finish within `gracefulSeconds`, then
  /// they are cut. The server cannot be used again; a second call does nothing.
  public func shutdown(gracefulSeconds: Int64) async {
    let wasDraining = state.withLock { state in
      defer { state.isDraining = true }
      return state.isDraining
    }
    if wasDraining { return }
    let (listeners, files, idle) = state.withLock { state -> ([any Channel], [UnixListener], [ConnectionIO]) in
      return (state.listeners, state.files, state.open.values.filter { $0.waitingSince != nil })
    }
    for listener in listeners { try? await listener.close() }
    for file in files { file.removeFile() }
    for io in idle { io.close() }
    let cut = group.next().scheduleTask(in: .seconds(gracefulSeconds)) { [self] in cutAll() }
    let giveUp = group.next().scheduleTask(in: .seconds(gracefulSeconds + Self.giveUpSeconds)) { [self] in finish() }
    await withCheckedContinuation { continuation in
      let isDone = state.withLock { state in
        if !state.tasks.isEmpty { state.whenDone = continuation }
        return state.tasks.isEmpty
      }
      if isDone { continuation.resume() }
    }
    cut.cancel()
    giveUp.cancel()
    // A task that does not heed its cancellation may still use its event loop, so that is left to the program's end.
    if state.withLock({ $0.tasks.isEmpty }) { try? await group.shutdownGracefully() }
  }

  /// How long `shutdown` waits for tasks that it has cancelled.
  private static let giveUpSeconds: Int64 = 5

  private func cutAll() {
    let (open, tasks) = state.withLock { (Array($0.open.values), $0.tasks.values.compactMap { $0 }) }
    for task in tasks { task.cancel() }
    for io in open { io.close() }
  }

  private func finish() {
    let waiter = state.withLock { state in
      defer { state.whenDone = nil }
      return state.whenDone
    }
    waiter?.resume()
  }

  private func addHandler(_ channel: any Channel, isEncrypted: Bool = false) throws {
    let io = ConnectionIO(
      channel: channel, maxReadAheadBytes: configuration.maxReadAheadBytes, isEncrypted: isEncrypted)
    let shortcut = RequestShortcut(
      configuration: configuration, responder: responder,
      isDraining: { [self] in state.withLock { $0.isDraining } })
    let handler = ConnectionHandler(
      io: io, shortcut: shortcut, onActive: { [self] _ in admit(io) },
      onInactive: { [self] in state.withLock { $0.forget(io) } })
    try channel.pipeline.syncOperations.addHandler(handler)
  }

  /// Starts serving a connection, in place of the one that has waited longest where the house is full.
  private func admit(_ io: ConnectionIO) {
    if let peer = Self.peer(of: io.channel), configuration.refusedUsers.contains(peer.uid) {
      logger.warning("a user who is barred from the socket was refused", metadata: ["uid": "\(peer.uid)"])
      refuse(io, .forbidden, "this user may not use this socket", lingers: true)
      return
    }
    enum Decision { case start, refuse, startInsteadOf(ConnectionIO) }
    let decision = state.withLock { state -> Decision in
      if state.isDraining { return .refuse }
      if let address = io.remoteAddress,
        state.openFromAddress[address, default: 0] >= configuration.maxConnectionsPerAddress
      {
        return .refuse
      }
      defer { io.beginWait(configuration.headTimeoutMilliseconds) }
      if state.open.count < configuration.maxConnections {
        state.take(io)
        return .start
      }
      let waiting = state.open.values.compactMap { io in io.waitingSince.map { (io, $0) } }
      guard let oldest = waiting.min(by: { $0.1 < $1.1 })?.0 else { return .refuse }
      state.forget(oldest)
      state.take(io)
      return .startInsteadOf(oldest)
    }
    switch decision {
    case .refuse: refuse(io, .serviceUnavailable, "too many connections; try again later")
    case .start: start(io)
    case .startInsteadOf(let oldest):
      oldest.close()
      start(io)
    }
  }

  /// - Parameter lingers: leaves the client a moment to read the answer, which a close with its request unread would destroy.
  private func refuse(_ io: ConnectionIO, _ status: HTTPStatus, _ message: String, lingers: Bool = false) {
    var buffer = ByteBuffer()
    let body = errors.body(status, message)
    ResponseEncoder.head(
      status: status, headers: ["Content-Type": errors.contentType],
      framing: [("Connection", "close"), ("Content-Length", String(body.count))], into: &buffer)
    buffer.writeBytes(body)
    io.channel.writeAndFlush(buffer, promise: nil)
    guard lingers else { return io.close() }
    io.channel.close(mode: .output, promise: nil)
    io.channel.eventLoop.scheduleTask(in: .milliseconds(configuration.lingerMilliseconds)) { io.close() }
  }

  private func start(_ io: ConnectionIO) {
    let peer = Self.peer(of: io.channel)
    let connection = Connection(
      io: io, peer: peer, configuration: configuration, responder: responder, errors: errors, executor: executor,
      logger: logger, isDraining: { [self] in state.withLock { $0.isDraining } })
    let key = ObjectIdentifier(io)
    state.withLock { $0.tasks[key] = .some(nil) }
    // Owned by `tasks`: cancelled by `cutAll`, forgotten when it ends.
    let task = Task(executorPreference: executor) { [self] in
      await connection.run()
      ended(key)
    }
    state.withLock { if $0.tasks[key] != nil { $0.tasks[key] = task } }
  }

  private func ended(_ key: ObjectIdentifier) {
    let isDone = state.withLock { state in
      state.tasks[key] = nil
      return state.isDraining && state.tasks.isEmpty
    }
    if isDone { finish() }
  }

  private struct KernelCredentials {
    var pid: Int32 = 0
    var uid: UInt32 = 0
    var gid: UInt32 = 0
  }

  /// Asks the kernel who connected; nil for what is not a unix socket. Runs on the channel's event loop.
  private static func peer(of channel: any Channel) -> PeerCredentials? {
    guard case .unixDomainSocket? = channel.localAddress, let provider = channel as? any SocketOptionProvider else {
      return nil
    }
    let future: EventLoopFuture<KernelCredentials> = provider.unsafeGetSocketOption(
      level: .socket, name: NIOBSDSocket.Option(rawValue: SO_PEERCRED))
    var found: PeerCredentials?
    future.assumeIsolated().whenSuccess { found = PeerCredentials(pid: $0.pid, uid: $0.uid, gid: $0.gid) }
    return found
  }
}
