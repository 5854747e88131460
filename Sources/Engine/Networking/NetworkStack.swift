import Glibc
import LinuxSystem
import Logging
import Model

/// The networks of one engine: addresses, links, firewall, published ports and name service.
///
/// The engine keeps the records; this holds what the kernel and this process have for them. Every method blocks for
/// milliseconds at most (`nft` is run once, some 10 ms), may be called from any thread, and names made from the
/// records' ids let `reconcile` find what a crash left. Errors are `PlatformError`.
public final class NetworkStack: Sendable {
  struct State {
    var networks: [NetworkID: Network] = [:]
    /// By endpoint id: planned and attached.
    var endpoints: [String: EndpointRecord] = [:]
  }

  /// A network with its addresses.
  struct Network {
    var record: NetworkRecord
    var addresses: AddressAllocator<IPv4Address>?
    var addresses6: AddressAllocator<IPv6Address>?
  }

  let names: InstanceNames
  let stateDirectory: String
  let links: LinkWiring
  let reaper: LinkReaper
  let firewall: Firewall
  let firewallGuard: FirewallGuard
  let connections: ConnectionTracking
  let ports: PortPublisher
  let relays: RelayService
  let dns: DNSServer
  let logger: Logger
  let state = Locked(State())

  /// Networks of one engine; each has its own subnet.
  static let maximumNetworks = 1_024
  /// docker's option for the MTU of a network.
  static let mtuOption = "com.docker.network.driver.mtu"

  /// Opens what talks to the kernel in the caller's network namespace; nothing is changed yet.
  ///
  /// - Parameters:
  ///   - instance: 1 to 64 letters, digits, `.`, `_`, `-`; engines on one host must differ.
  ///   - stateDirectory: for notes about changes of host settings.
  ///   - poller: where DNS and relays wait.
  ///   - rebinding: which addresses name servers may not answer with.
  public init(
    instance: String, stateDirectory: String, poller: Poller, rebinding: RebindingGuard = RebindingGuard(),
    logger: Logger
  ) throws {
    names = try InstanceNames(instance: instance)
    self.stateDirectory = stateDirectory
    self.logger = logger
    links = try Self.translating("failed to open the network stack") { [names] in try LinkWiring(names: names) }
    reaper = LinkReaper(links: links, logger: logger)
    let netfilter = try Self.translating("failed to open the network stack") {
      try NetlinkSocket(protocol: Netlink.protocolNetfilter)
    }
    firewall = Firewall(
      names: names, closed: Forwarding.turnedOn(stateDirectory: stateDirectory), socket: netfilter, logger: logger)
    let namespace = try Self.translating("failed to open the network stack") { try HostNamespace() }
    firewallGuard = FirewallGuard(firewall: firewall, poller: poller, namespace: namespace, logger: logger)
    dns = try Self.translating("failed to open the network stack") {
      try DNSServer(poller: poller, namespace: namespace, logger: logger, rebinding: rebinding)
    }
    relays = RelayService(
      poller: poller, namespace: namespace, logger: logger,
      isShutIn: { [directory = dns.directory] in directory.isInternal($0) })
    connections = ConnectionTracking(socket: netfilter, logger: logger)
    ports = PortPublisher(firewall: firewall, connections: connections, relays: relays, logger: logger)
  }

  /// The nftables table of this engine.
  public var tableName: String { names.table }

  /// Turns errors of the kernel into `PlatformError` with a sentence for the user.
  static func translating<Result>(_ sentence: String, _ body: () throws -> Result) throws -> Result {
    do {
      return try body()
    } catch let error as SystemError {
      let code: PlatformError.Code = error.errno == EPERM || error.errno == EACCES ? .unavailable : .internal
      throw PlatformError(code, "\(sentence): \(SystemError.message(for: error.errno))", cause: error)
    }
  }

  /// Brings up the loopback device of a namespace without networks.
  public func setUpLoopback(netns: Descriptor) throws {
    try Self.translating("failed to set up the loopback device") { try LinkWiring.setUpLoopback(netns: netns) }
  }

  /// Begins to restore what others change in the engine's table, and to follow the host's own rules; until `shutDown`.
  public func guardFirewall() throws {
    try Self.translating("failed to watch the firewall") { try firewallGuard.start() }
  }

  /// Ends the name service, relays and held ports of this process.
  ///
  /// - Parameter removeKernelState: also removes links, routes and the firewall table; running containers lose their
  ///   network. Without it everything in the kernel goes on working for an engine that comes back.
  public func shutDown(removeKernelState: Bool) {
    firewallGuard.stop()
    dns.shutDown()
    ports.closeAll()
    reaper.reap()
    guard removeKernelState else { return }
    do {
      try links.disconnect(names: links.ownLinks())
      try links.releaseAll()
      try firewall.removeTables()
    } catch {
      logger.error("failed to remove the network's kernel state", metadata: ["error": "\(error)"])
    }
  }
}
