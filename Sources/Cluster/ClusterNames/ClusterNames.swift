import Internet
import KubeMachinery
import LinuxSystem
import Logging

/// The name service of the cluster: answers names of services, endpoints and pods itself, and asks servers for the rest.
///
/// Somebody tells it of objects (`receive`). It answers pods and the node's own programs, nobody else. Bounds: questions under way
/// for all and for each client, connections, answers kept, records in an answer.
///
/// Source: RFC 1035; Kubernetes *DNS-Based Service Discovery*, version 1.1. Names of which nothing can be known yet are answered with
/// a failure, as resolvers keep that a name does not exist.
public final class ClusterNames: Sendable {
  /// The resources that it has to be told of.
  public static let resources = NameCatalog.resources

  static let bounds = DNSListener.Bounds(inFlight: 1_000, connections: 256, connectionsOfOne: 16)
  /// Questions of one client that wait for a server.
  static let inFlightOfClient = 100
  /// Aliases of services that stand for each other.
  private static let maximumAliases = 8

  private let settings: ClusterNamesSettings
  private let zone: ClusterZone
  private let poller: Poller
  private let logger: Logger
  private let namespace: HostNamespace
  private let loop: ReadyLoop
  private let forwarder: DNSForwarder
  private let resolvers: HostResolvers
  private let rebinding = RebindingGuard()
  private let cache = DNSCache()
  private let catalog = Locked(NameCatalog())
  private let waiting = Locked<[IPv4Address: Int]>([:])
  private let listener = Locked<DNSListener?>(nil)

  /// Opens no port yet. Belongs to the network namespace of the calling thread. Throws `SystemError`.
  ///
  /// - Parameters:
  ///   - forwardLimit: from a client's question to the answer of a server.
  ///   - resolvers: the node's servers, where the settings name none.
  public init(
    settings: ClusterNamesSettings, poller: Poller, logger: Logger,
    forwardLimit: Duration = DNSForwarder.timeLimit, resolvers: HostResolvers = HostResolvers()
  ) throws {
    self.settings = settings
    self.poller = poller
    self.logger = logger
    self.resolvers = resolvers
    zone = ClusterZone(
      domain: settings.domain, ranges: [settings.serviceRange] + settings.podRanges, server: settings.address)
    namespace = try HostNamespace()
    loop = try ReadyLoop(name: "cluster-names")
    forwarder = DNSForwarder(poller: poller, namespace: namespace, limit: forwardLimit)
  }

  /// Begins to answer at port 53, over UDP and TCP; once. The address has to be the node's own (`ServiceProxy` makes it so). Blocking.
  /// Throws `SystemError`, such as EADDRINUSE and EADDRNOTAVAIL.
  public func start() throws {
    let listener = try namespace.run { [self] in
      try DNSListener(
        at: settings.address, responder: Responder(names: self), loop: loop, poller: poller, bounds: Self.bounds)
    }
    try listener.start()
    self.listener.withLock { $0 = listener }
  }

  /// Ends; questions under way are not answered. Nothing where it was not started.
  public func stop() {
    let running = listener.withLock { listener in
      defer { listener = nil }
      return listener
    }
    running?.stop()
  }

  /// Takes a change of an object; returns at once, and the next question is answered by it. News of other resources are passed over.
  public func receive(_ news: ClusterNews) { catalog.withLock { $0.take(news) } }

  // MARK: Questions

  /// Pods have addresses of their ranges; a program of the node asks from the address that it asks.
  private func mayAsk(_ client: SocketAddress) -> Bool {
    guard case .ipv4(let address, _) = client else { return false }
    return address == settings.address || address.isLoopback || settings.podRanges.contains { $0.contains(address) }
  }

  fileprivate func immediateAnswer(
    to bytes: [UInt8], from client: SocketAddress, over transport: TransportProtocol
  ) -> DNSDecision {
    guard mayAsk(client) else { return .nothing }
    return DNSDecision.of(bytes) { query in
      if let answer = ownAnswer(to: query) { return .answer(answer.fitting(query, over: transport)) }
      return cache.answer(to: query).map { .answer($0.fitting(query, over: transport)) } ?? .forward(query)
    }
  }

  /// Where a name leads within the cluster.
  private struct Way {
    /// The aliases on it.
    var aliases: [DNSAnswer.Record] = []
    /// Its last name, and what is known of that.
    var name: String
    var end: ClusterZone.Finding
  }

  private func way(from name: String, _ type: UInt16) -> Way {
    catalog.withLock { catalog in
      var way = Way(name: name, end: zone.find(name, type: type, in: catalog))
      while case .alias(let target) = way.end, way.aliases.count < Self.maximumAliases {
        way.aliases.append(DNSAnswer.Record(.alias(target), owner: way.name))
        way.name = target
        way.end = zone.find(target, type: type, in: catalog)
      }
      return way
    }
  }

  /// Nil where servers have to be asked.
  private func ownAnswer(to query: DNSQuery) -> [UInt8]? {
    guard query.class == DNSMessage.classInternet, let name = query.name else { return nil }
    let way = way(from: name, query.type)
    func answer(
      _ records: [DNSAnswer.Record] = [], additional: [DNSAnswer.Record] = [], code: DNSMessage.ResponseCode = .noError
    ) -> [UInt8] {
      // Records are of the question's name unless aliases led elsewhere.
      let own = way.aliases.isEmpty ? records : records.map { DNSAnswer.Record($0.value, owner: way.name) }
      return DNSAnswer.make(
        to: query, answers: way.aliases + own, authority: records.isEmpty ? [zone.authority] : [],
        additional: additional, code: code, isAuthoritative: true)
    }
    switch way.end {
    case .records(let records, let additional): return answer(records, additional: additional)
    case .noData: return answer()
    case .nobody: return answer(code: .noSuchName)
    case .unknown: return nil
    case .alias, .notYet:
      // Services that stand for each other; or a name that may be there.
      return DNSAnswer.make(to: query, [], code: .serverFailure)
    }
  }

  fileprivate func forward(
    _ query: DNSQuery, transport: TransportProtocol, from client: SocketAddress
  ) async -> [UInt8] {
    guard case .ipv4(let address, _) = client, take(address) else {
      return DNSAnswer.make(to: query, [], code: .serverFailure)
    }
    defer { giveBack(address) }
    if let name = query.name, query.class == DNSMessage.classInternet {
      let way = way(from: name, query.type)
      if !way.aliases.isEmpty { return await follow(way, for: query).fitting(query, over: transport) }
    }
    let answer = await ask(query, transport)
    cache.keep(answer, to: query)
    return answer
  }

  /// Asks servers for the last name of a way that left the cluster.
  private func follow(_ way: Way, for query: DNSQuery) async -> [UInt8] {
    guard
      let message = DNSQuery.message(asking: way.name, type: query.type, udpBytes: UInt16(DNSMessage.maximumUDPBytes)),
      let question = try? DNSQuery(parsing: message), let reply = DNSReply(parsing: await ask(question, .udp)),
      let code = DNSMessage.ResponseCode(rawValue: reply.code), !reply.isTruncated
    else { return DNSAnswer.make(to: query, [], code: .serverFailure) }
    let chain = reply.chain(from: way.name, type: query.type)
    return DNSAnswer.make(to: query, answers: way.aliases + chain, code: code)
  }

  /// The answer of a server; without addresses where it leads to what is inside.
  private func ask(_ query: DNSQuery, _ transport: TransportProtocol) async -> [UInt8] {
    let own = SocketAddress.ipv4(settings.address, port: DNSListener.port)
    let servers = (settings.servers ?? resolvers.current()).filter { $0 != own }
    let answer = await forwarder.answer(query, transport: transport, servers: servers)
    let ranges = [settings.serviceRange] + settings.podRanges
    guard rebinding.refuses(answer, to: query, isOwn: { address in ranges.contains { $0.contains(address) } }) else {
      return answer
    }
    logger.debug("a name outside leads to an address inside", metadata: ["name": "\(query.name ?? "")"])
    return DNSAnswer.make(to: query, [])
  }

  private func take(_ client: IPv4Address) -> Bool {
    waiting.withLock { waiting in
      let count = waiting[client] ?? 0
      guard count < Self.inFlightOfClient else { return false }
      waiting[client] = count + 1
      return true
    }
  }

  private func giveBack(_ client: IPv4Address) {
    waiting.withLock { waiting in
      let count = waiting[client] ?? 0
      waiting[client] = count > 1 ? count - 1 : nil
    }
  }

  fileprivate func report(_ text: Logger.Message, _ error: any Error) {
    logger.error(text, metadata: ["error": "\(error)"])
  }
}

private struct Responder: DNSResponder {
  let names: ClusterNames

  func immediateAnswer(to bytes: [UInt8], from client: SocketAddress, over transport: TransportProtocol) -> DNSDecision
  {
    names.immediateAnswer(to: bytes, from: client, over: transport)
  }

  func forward(_ query: DNSQuery, transport: TransportProtocol, from client: SocketAddress) async -> [UInt8] {
    await names.forward(query, transport: transport, from: client)
  }

  func hasEnded(_ error: any Error) { names.report("the name service of the cluster ended", error) }
  func couldNotAccept(_ error: any Error) { names.report("the name service of the cluster failed to accept", error) }
}
