import Dispatch
import Internet
import KubeMachinery
import LinuxSystem
import Logging

/// Leads what is sent to services to their endpoints: keeps the rules of the kernel as the services and endpoints of the cluster
/// want them.
///
/// Somebody tells it of objects (`receive`); its own thread carries changes out, all that have come together in one transaction.
/// Nothing is changed before all services and slices were listed once. What it made stays when it ends, so that services work
/// while the agent is replaced.
public final class ServiceProxy: Sendable {
  /// The resources that it has to be told of.
  public static let resources = [ServiceCatalog.servicesResource, ServiceCatalog.slicesResource]

  /// What belongs to the queue.
  private final class Kernel {
    let table: ServiceTable
    let addresses: ServiceAddresses
    let exchanges: DatagramExchanges
    var state = RuleState()
    /// A comparison after a failure is to come.
    var isRetrying = false

    init(table: ServiceTable, addresses: ServiceAddresses, exchanges: DatagramExchanges) {
      self.table = table
      self.addresses = addresses
      self.exchanges = exchanges
    }
  }

  private struct Waiting {
    var catalog = ServiceCatalog()
    /// The queue has been asked to look, and has not yet.
    var isScheduled = false
    var watch: Task<Void, Never>?
  }

  private let settings: ServiceProxySettings
  private let poller: Poller
  private let logger: Logger
  private let namespace: HostNamespace
  private let tablePort: UInt32
  private let waiting = Locked(Waiting())
  private let queue = DispatchQueue(label: "bulkhead.service-proxy")
  // Only the queue's one thread touches it after `init`.
  nonisolated(unsafe) private let kernel: Kernel

  /// Programs that load rules often do so in several transactions.
  private static let patience = Duration.milliseconds(20)
  private static let pauseAfterFailure = Duration.seconds(1)

  /// Makes the addresses of `answeredHere` the node's. Works in the network namespace of the calling thread; blocking. Throws
  /// `SystemError` where the kernel refuses (it needs CAP_NET_ADMIN); rules are loaded with the first changes.
  public init(settings: ServiceProxySettings, poller: Poller, logger: Logger) throws {
    self.settings = settings
    self.poller = poller
    self.logger = logger
    namespace = try HostNamespace()
    let socket = try NetlinkSocket(protocol: Netlink.protocolNetfilter)
    let addresses = try ServiceAddresses(label: settings.label)
    try addresses.routeIfUnreachable(settings.serviceRange)
    // Those of load balancers that a former proxy left stay until it is known which there are.
    try addresses.add(settings.ownAddresses)
    let table = ServiceTable(settings: settings, socket: socket, logger: logger)
    tablePort = table.port
    kernel = Kernel(
      table: table, addresses: addresses, exchanges: DatagramExchanges(socket: socket, logger: logger))
  }

  /// Begins to watch over the table, so that what others change is put back; once. Throws `SystemError`.
  public func start() throws {
    let monitor = try namespace.run { try NFTablesMonitor() }
    let task = Task { [self] in await watch(monitor) }
    waiting.withLock { $0.watch = task }
  }

  /// Ends the watch and waits for changes that are under way; rules and addresses stay. Blocking.
  public func stop() {
    let task = waiting.withLock { waiting in
      defer { waiting.watch = nil }
      return waiting.watch
    }
    task?.cancel()
    queue.sync {}
  }

  /// Removes the table and the addresses; services are reached no longer. Blocking. Throws `SystemError`, or what `nft` complains of.
  public func removeAll() throws {
    try queue.sync {
      try namespaceRun { kernel in
        try kernel.table.remove()
        try kernel.addresses.hold([])
      }
    }
  }

  /// Takes a change of an object; returns at once. News of other resources are passed over.
  public func receive(_ news: ClusterNews) {
    let isNew = waiting.withLock { waiting in
      waiting.catalog.take(news)
      guard waiting.catalog.isWhole, !waiting.isScheduled else { return false }
      waiting.isScheduled = true
      return true
    }
    if isNew { queue.async { [self] in carryOut() } }
  }

  /// Returns when everything that was received before is carried out, or could not be. Blocking.
  public func settle() { queue.sync {} }

  private func namespaceRun(_ body: @Sendable (Kernel) throws -> Void) throws {
    try namespace.run { [self] in try body(kernel) }
  }

  private func carryOut() {
    let (changed, spread) = waiting.withLock { waiting in
      waiting.isScheduled = false
      let before = waiting.catalog.spread
      let changed = waiting.catalog.changedRules(settings)
      return (changed, waiting.catalog.spread.subtracting(before))
    }
    for service in spread.sorted() {
      logger.warning(
        "the clients of a service do not stay with their endpoint: too many endpoints are of such services",
        metadata: ["service": "\(service.namespace)/\(service.name)"])
    }
    do {
      try namespaceRun { kernel in
        let delta = kernel.state.update(changed)
        guard !delta.isEmpty || !kernel.table.isLoaded else { return }
        try kernel.table.apply(delta, kernel.state)
        kernel.exchanges.forgetStale(kernel.state.takeStaleDatagrams())
        try kernel.addresses.hold(kernel.state.balancers.union(settings.ownAddresses))
      }
    } catch {
      logger.error("failed to change the rules of services", metadata: ["error": "\(error)"])
      again()
    }
  }

  /// Has everything compared with the kernel after a while.
  private func again() {
    guard !kernel.isRetrying else { return }
    kernel.isRetrying = true
    let pause = DispatchTimeInterval.milliseconds(1_000)
    queue.asyncAfter(deadline: .now() + pause) { [self] in
      kernel.isRetrying = false
      do {
        try namespaceRun { kernel in
          _ = try kernel.table.load(kernel.state)
          kernel.exchanges.forgetStale(kernel.state.takeStaleDatagrams())
          try kernel.addresses.hold(kernel.state.balancers.union(settings.ownAddresses))
        }
      } catch {
        logger.error("failed to change the rules of services", metadata: ["error": "\(error)"])
        again()
      }
    }
  }

  private func watch(_ monitor: NFTablesMonitor) async {
    while !Task.isCancelled {
      do {
        try await poller.waitReadable(monitor.raw)
        try await Task.sleep(for: Self.patience)
        if concerns(try monitor.drain()) { queue.async { [self] in verify() } }
      } catch is CancellationError {
        return
      } catch {
        if Task.isCancelled { return }
        logger.error("failed to watch the rules of services", metadata: ["error": "\(error)"])
        try? await Task.sleep(for: Self.pauseAfterFailure)
      }
    }
  }

  /// Whether somebody else changed our table; nil stands for more than could be noted.
  private func concerns(_ events: [NFTablesMonitor.Event]?) -> Bool {
    guard let events else { return true }
    return NFTablesMonitor.othersChanged(settings.table, in: events, ownPort: tablePort)
  }

  private func verify() {
    do {
      try namespaceRun { kernel in
        let restored = try kernel.table.verify(kernel.state)
        if !restored.isEmpty {
          logger.warning("somebody changed the table of services", metadata: ["restored": "\(restored)"])
        }
      }
    } catch {
      logger.error("failed to keep the rules of services", metadata: ["error": "\(error)"])
      again()
    }
  }
}
