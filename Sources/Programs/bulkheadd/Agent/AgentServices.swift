import ClusterNames
import Internet
import KubeControllers
import KubeMachinery
import KubeResources
import LinuxSystem
import Logging
import NodeAgent
import ServiceProxy

/// Services and names of the cluster on this node: follows the objects that they are made of, keeps the kernel's rules, answers
/// questions, and leads pods to the API where its server is out of their reach.
struct AgentServices {
  /// Where pods ask for names.
  static let nameService = ServiceAllocation.nameServer

  private static let services = ResourceName(group: "", resource: "services")
  private static let slices = ResourceName(group: "discovery.k8s.io", resource: "endpointslices")
  private static let pods = ResourceName(group: "", resource: "pods")

  private let proxy: ServiceProxy
  private let names: ClusterNames
  private let relay: APIRelay?
  private let node: String
  private let logger: Logger

  /// Takes the addresses of the name service and of the API and begins to answer there. Blocking.
  ///
  /// - Parameters:
  ///   - address: the node's.
  ///   - podRange: where the engine gives pods their addresses.
  ///   - server: `https://HOST:PORT` of the API's server at the moment.
  init(
    node: String, address: String, podRange: IPv4Subnet, server: @escaping @Sendable () -> String, poller: Poller,
    logger: Logger
  ) throws {
    self.node = node
    self.logger = logger
    var settings = Self.settings(node)
    settings.podRanges = [podRange]
    settings.nodeAddresses = [IPv4Address(address)].compactMap { $0 }
    proxy = try ServiceProxy(settings: settings, poller: poller, logger: logger)
    names = try ClusterNames(
      settings: ClusterNamesSettings(
        address: Self.nameService, serviceRange: ServiceAllocation.range, podRanges: [podRange]),
      poller: poller, logger: logger)
    try proxy.start()
    try names.start()
    relay = Self.relay(podRange, server, poller, logger)
  }

  /// Nil, and told, where the port is taken.
  private static func relay(
    _ podRange: IPv4Subnet, _ server: @escaping @Sendable () -> String, _ poller: Poller, _ logger: Logger
  ) -> APIRelay? {
    do {
      return try APIRelay(
        APIRelay.Settings(
          address: ServiceAllocation.apiAddress, port: APIService.relayPort, podRanges: [podRange]),
        server: server, poller: poller, logger: logger)
    } catch {
      logger.error(
        "pods do not reach the API where it listens on this machine's loopback only", metadata: ["error": "\(error)"])
      return nil
    }
  }

  private static func settings(_ node: String) -> ServiceProxySettings {
    ServiceProxySettings(
      node: node, serviceRange: ServiceAllocation.range,
      answeredHere: [
        OwnPlace(nameService, port: DNSListener.port, transports: [.udp, .tcp]),
        OwnPlace(ServiceAllocation.apiAddress, port: APIService.relayPort, isOfService: true),
      ])
  }

  /// Takes the rules and addresses of services off this machine. Blocking.
  static func remove(poller: Poller, logger: Logger) throws {
    try ServiceProxy(settings: settings(""), poller: poller, logger: logger).removeAll()
  }

  /// Until cancelled. Connections to services go on without it, and so do new ones, to the endpoints that there were.
  func run(_ cluster: any ClusterAccess) async {
    let own = [EnvironmentVariable("fieldSelector", "spec.nodeName=\(node)")]
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await follow(cluster, ["api", "v1", "services"], [], Self.services) }
      group.addTask {
        await follow(cluster, ["apis", "discovery.k8s.io", "v1", "endpointslices"], [], Self.slices)
      }
      group.addTask { await follow(cluster, ["api", "v1", "pods"], own, Self.pods) }
      if let relay { group.addTask { await relay.run() } }
      await group.waitForAll()
    }
    names.stop()
    proxy.stop()
  }

  private func follow(
    _ cluster: any ClusterAccess, _ path: [String], _ query: [EnvironmentVariable], _ resource: ResourceName
  ) async {
    let (proxy, names, logger) = (proxy, names, logger)
    await ObjectFeed(cluster, path: path, query: query).run(
      { news in
        let told: ClusterNews =
          switch news {
          case .all(let documents): .all(resource, documents)
          case .changed(let document): .present(resource, document)
          case .gone(let document): .gone(resource, document)
          }
        names.receive(told)
        proxy.receive(told)
      },
      failed: { logger.warning("the server's \(resource) cannot be followed: \($0)") })
  }
}
