import Glibc
import LinuxSystem
import Logging
import Model

/// Makes relays for ports published on IPv6 addresses.
final class RelayService: Sendable {
  let poller: Poller
  let namespace: HostNamespace
  let logger: Logger
  /// Clients that reach nothing outside of their network, so no published port either.
  let isShutIn: @Sendable (SocketAddress) -> Bool

  init(
    poller: Poller, namespace: HostNamespace, logger: Logger, isShutIn: @escaping @Sendable (SocketAddress) -> Bool
  ) {
    self.isShutIn = isShutIn
    self.poller = poller
    self.namespace = namespace
    self.logger = logger
  }

  /// Binds a relay's listening socket in the caller's namespace; nothing is accepted before `start`.
  func prepare(
    _ transport: TransportProtocol, from address: SocketAddress, to destination: SocketAddress
  ) throws -> PortRelay {
    let listener = try InternetSocket.open(transport, family: address.family, nonBlocking: true)
    if address.family == AF_INET6 {
      try InternetSocket.set(listener, level: Int32(IPPROTO_IPV6), option: IPV6_V6ONLY, to: 1)
    }
    if transport == .tcp { try InternetSocket.set(listener, option: SO_REUSEADDR, to: 1) }
    try InternetSocket.bind(listener, to: address)
    if transport == .tcp { try InternetSocket.listen(listener, backlog: 0) }
    return PortRelay(transport: transport, listener: listener, destination: destination, service: self)
  }
}

/// Carries the traffic of one published port from an IPv6 address of the host to a container's IPv4 address.
///
/// The container sees the host as the peer. Connections end with the engine; those over IPv4 do not.
final class PortRelay: Sendable {
  let transport: TransportProtocol
  /// Bound; holds the port as long as it is open.
  let listener: Descriptor
  let destination: SocketAddress
  let service: RelayService
  private let task = Locked<Task<Void, Never>?>(nil)

  /// Connections of one port; one more is closed.
  static let maximumConnections = 1_024
  /// Connections that wait in the kernel.
  static let backlog: Int32 = 512

  init(transport: TransportProtocol, listener: Descriptor, destination: SocketAddress, service: RelayService) {
    self.transport = transport
    self.listener = listener
    self.destination = destination
    self.service = service
  }

  /// Begins to accept.
  func start() throws {
    guard transport == .tcp else {
      task.withLock { $0 = Task { [self] in await DatagramRelay(relay: self).run() } }
      return
    }
    try InternetSocket.listen(listener, backlog: Self.backlog)
    let (isShutIn, logger) = (service.isShutIn, service.logger)
    let relay = try StreamRelay(
      listener, poller: service.poller, bounds: StreamRelay.Bounds(connections: Self.maximumConnections),
      admits: { !isShutIn($0) }, connect: { [self] _ in try connectToContainer() },
      failed: { logger.warning("relay failed to accept", metadata: ["error": "\($0)"]) })
    task.withLock { $0 = Task { await relay.run() } }
  }

  /// Frees the port and ends all connections.
  func stop() {
    let running = task.withLock { task in
      defer { task = nil }
      return task
    }
    running?.cancel()
    InternetSocket.close(listener)
  }

  /// Opens a connected socket to the container; a TCP connection may still be under way.
  func connectToContainer() throws -> Descriptor {
    let (destination, transport) = (destination, transport)
    return try service.namespace.run { try InternetSocket.connect(transport, to: destination) }
  }
}
