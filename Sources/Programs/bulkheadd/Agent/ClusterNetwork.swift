import ClusterNames
import Internet
import KubeMachinery
import KubeResources
import LinuxSystem
import Logging
import NodeAgent
import ServiceProxy

/// Services and names of the cluster on this node: what leads to endpoints, and what answers pods' questions for names.
struct ClusterNetwork: Sendable {
  /// 10.244.0.0/16, in which the engine's own default for pods is.
  private static let podRange = IPv4Subnet(containing: IPv4Address(bits: 0x0af4_0000), prefixLength: 16)

  private let proxy: ServiceProxy
  private let names: ClusterNames
  private let cluster: any ClusterAccess
  private let node: String
  private let logger: Logger

  /// Makes the name server's address the node's own. Blocking. Throws `unavailable` where nft is missing.
  init(node: String, cluster: any ClusterAccess, poller: Poller, logger: Logger) throws {
    self.node = node
    self.cluster = cluster
    self.logger = logger
    proxy = try ServiceProxy(settings: Self.settings(node), poller: poller, logger: logger)
    names = try ClusterNames(
      settings: ClusterNamesSettings(
        address: ServiceAllocation.nameServer, serviceRange: ServiceAllocation.range, podRanges: [Self.podRange]),
      poller: poller, logger: logger)
  }

  private static func settings(_ node: String) -> ServiceProxySettings {
    ServiceProxySettings(
      node: node, serviceRange: ServiceAllocation.range, answeredHere: [ServiceAllocation.nameServer])
  }

  /// Takes the rules and addresses of services off this machine. Blocking.
  static func remove(poller: Poller, logger: Logger) throws {
    try ServiceProxy(settings: settings(""), poller: poller, logger: logger).removeAll()
  }

  /// Until cancelled; rules stay, so that services work while the agent is replaced.
  func run() async throws {
    try proxy.start()
    try names.start()
    await withTaskGroup(of: Void.self) { group in
      for resource in Set(ServiceProxy.resources + ClusterNames.resources) {
        group.addTask { await follow(resource) }
      }
      await group.waitForAll()
    }
    names.stop()
    proxy.stop()
  }

  private func follow(_ resource: ResourceName) async {
    let path =
      resource.group.isEmpty ? ["api", "v1", resource.resource] : ["apis", resource.group, "v1", resource.resource]
    // Of pods, an agent may see its node's own.
    let query = resource.resource == "pods" ? [EnvironmentVariable("fieldSelector", "spec.nodeName=\(node)")] : []
    await ObjectFeed(cluster, path: path, query: query).run { news in
      let told: ClusterNews =
        switch news {
        case .all(let objects): .all(resource, objects)
        case .changed(let object): .present(resource, object)
        case .gone(let object): .gone(resource, object)
        }
      proxy.receive(told)
      names.receive(told)
    } failed: { error in
      logger.warning("the server's \(resource.resource) cannot be followed: \(error)")
    }
  }
}
