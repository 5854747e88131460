import LinuxSystem
import Logging
import Model

/// The name service of all containers of an engine: answers names of containers itself and forwards the rest.
final class DNSServer: Sendable {
  /// Where a container asks: addresses of its own network namespace.
  static let address = IPv4Address(bits: 0x7f00_000b)
  /// Of one container.
  static let bounds = DNSListener.Bounds(inFlight: 100, connections: 16, connectionsOfOne: 16)

  let poller: Poller
  /// Where datagrams of all containers are answered.
  let loop: ReadyLoop
  let directory = NameDirectory()
  private let forwarder: DNSForwarder
  private let resolvers: HostResolvers
  private let rebinding: RebindingGuard
  private let logger: Logger
  private let listeners = Locked<[ContainerID: DNSListener]>([:])
  /// When an answer was last told as refused, by container; none of those that are gone.
  private let told = Locked<[ContainerID: ContinuousClock.Instant]>([:])

  /// A container that asks for such names again and again does not fill the log.
  private static let pauseOfWarnings = Duration.seconds(60)

  init(
    poller: Poller, namespace: HostNamespace, logger: Logger, resolvers: HostResolvers = HostResolvers(),
    rebinding: RebindingGuard = RebindingGuard()
  ) throws {
    loop = try ReadyLoop(name: "names")
    self.poller = poller
    self.logger = logger
    self.resolvers = resolvers
    self.rebinding = rebinding
    forwarder = DNSForwarder(poller: poller, namespace: namespace)
  }

  /// Serves a container; one that is served already is served anew.
  ///
  /// - Parameter servers: addresses without port; the host's where empty.
  func start(container: ContainerID, netns: Descriptor, servers: [String]) throws {
    let chosen = try servers.prefix(HostResolvers.maximumServers).compactMap { text -> SocketAddress? in
      guard let address = SocketAddress(text, port: HostResolvers.port) else {
        throw PlatformError(.invalidArgument, "invalid DNS server address '\(text.prefix(64))'")
      }
      // The container's own name service cannot be what it forwards to.
      return address == .ipv4(Self.address, port: HostResolvers.port) ? nil : address
    }
    stop(container: container)
    let responder = ContainerResponder(container: container, servers: chosen.isEmpty ? nil : chosen, server: self)
    let listener = try NamespaceThread.run(entering: [netns]) { [loop, poller] in
      try DNSListener(at: Self.address, responder: responder, loop: loop, poller: poller, bounds: Self.bounds)
    }
    listeners.withLock { $0[container] = listener }
    try listener.start()
  }

  /// Ends the service of a container; it need not have one.
  func stop(container: ContainerID) {
    let listener = listeners.withLock { $0.removeValue(forKey: container) }
    told.withLock { $0[container] = nil }
    listener?.stop()
  }

  func isServing(_ container: ContainerID) -> Bool {
    listeners.withLock { $0[container] != nil }
  }

  func shutDown() {
    let all = listeners.withLock { listeners in
      defer { listeners = [:] }
      return Array(listeners.values)
    }
    for listener in all { listener.stop() }
  }

  /// Logs why a container's name service ended.
  func report(_ error: any Error, container: ContainerID) {
    logger.error("name service ended", metadata: ["container": "\(container.short)", "error": "\(error)"])
  }

  /// Logs that a container's name service could not take a connection; it goes on.
  func reportAccept(_ error: any Error, container: ContainerID) {
    logger.warning("name service failed to accept", metadata: ["container": "\(container.short)", "error": "\(error)"])
  }

  /// Answers what needs no server.
  func immediateAnswer(to bytes: [UInt8], asker: ContainerID, over transport: TransportProtocol) -> DNSDecision {
    DNSDecision.of(bytes) { query in
      switch directory.find(query, asker: asker) {
      case .values(let values): .answer(DNSAnswer.make(to: query, values).fitting(query, over: transport))
      case .noData: .answer(DNSAnswer.make(to: query, []))
      case .nobody: .answer(DNSAnswer.make(to: query, [], code: .noSuchName))
      case .unknown: .forward(query)
      }
    }
  }

  /// Asks servers. A container that has only internal networks gets *server failure*: its questions would leave the
  /// host through us.
  func forward(
    _ query: DNSQuery, transport: TransportProtocol, asker: ContainerID, servers: [SocketAddress]?
  ) async -> [UInt8] {
    guard directory.mayAskServers(asker) else { return DNSAnswer.make(to: query, [], code: .serverFailure) }
    let answer = await forwarder.answer(query, transport: transport, servers: servers ?? resolvers.current())
    guard rebinding.refuses(answer, to: query, isOwn: directory.isOwn, isOwn6: directory.isOwn) else { return answer }
    warn(of: query, asker: asker)
    return DNSAnswer.make(to: query, [])
  }

  private func warn(of query: DNSQuery, asker: ContainerID) {
    let now = ContinuousClock.now
    let isNew = told.withLock { told in
      if let last = told[asker], last.duration(to: now) < Self.pauseOfWarnings { return false }
      told[asker] = now
      return true
    }
    guard isNew else { return }
    logger.warning(
      "a name outside leads to an address inside; it is answered without addresses (the next minute's are not told)",
      metadata: ["name": "\(query.name ?? "")", "container": "\(asker.short)"])
  }
}

/// The name service as one container sees it.
private struct ContainerResponder: DNSResponder {
  let container: ContainerID
  /// Where other names are looked up; the host's servers where nil.
  let servers: [SocketAddress]?
  let server: DNSServer

  func immediateAnswer(to bytes: [UInt8], from client: SocketAddress, over transport: TransportProtocol) -> DNSDecision
  {
    server.immediateAnswer(to: bytes, asker: container, over: transport)
  }

  func forward(_ query: DNSQuery, transport: TransportProtocol, from client: SocketAddress) async -> [UInt8] {
    await server.forward(query, transport: transport, asker: container, servers: servers)
  }

  func hasEnded(_ error: any Error) { server.report(error, container: container) }
  func couldNotAccept(_ error: any Error) { server.reportAccept(error, container: container) }
}
