import ClusterNames
import Glibc
import Internet
import LinuxSystem
import Logging
import Model
import Networking
import ServiceProxy

/// A node in a network namespace: the engine's network of pods with its firewall, and a proxy of services.
final class BenchNode {
  static let nameService = IPv4Address(bits: 0x0a60_000a)

  let proxy: ServiceProxy
  let names: ClusterNames
  private let host: Descriptor
  private let poller: Poller
  private let stack: NetworkStack
  private let network: NetworkRecord
  private let folder: String

  init() throws {
    host = try NetworkNamespace.create()
    poller = try Poller()
    folder = "/tmp/service-figures-\(getpid())"
    let logger = Logger(label: "figures") { StreamLogHandler.standardError(label: $0) }
    (stack, network, proxy, names) = try NamespaceThread.run(entering: [host]) { [poller, folder] in
      let socket = try NetlinkSocket(protocol: Netlink.protocolRoute)
      try socket.run([RouteNetlink.configureLink(name: "lo", up: true)], subject: "lo")
      let stack = try NetworkStack(instance: "figures", stateDirectory: folder, poller: poller, logger: logger)
      let network = try stack.createNetwork(
        NetworkRequest(name: "pods", subnet: "10.244.0.0/24"), existing: [])
      let range = IPv4Subnet(containing: Self.nameService, prefixLength: 16)
      let proxy = try ServiceProxy(
        settings: ServiceProxySettings(
          node: "node", serviceRange: range,
          answeredHere: [OwnPlace(Self.nameService, port: 53, transports: [.udp, .tcp])]),
        poller: poller, logger: logger)
      let names = try ClusterNames(
        settings: ClusterNamesSettings(
          address: Self.nameService, serviceRange: range,
          podRanges: [IPv4Subnet(containing: IPv4Address(bits: 0x0af4_0000), prefixLength: 24)], servers: []),
        poller: poller, logger: logger)
      return (stack, network, proxy, names)
    }
    try proxy.start()
    try names.start()
  }

  func pod() throws -> (netns: Descriptor, address: IPv4Address) {
    let netns = try NetworkNamespace.create()
    let id = ContainerID.random()
    let endpoint = try stack.planEndpoint(
      network: network, container: id, name: id.short, aliases: [], requestedAddress: nil, mac: nil,
      interfaceIndex: 0)
    try NamespaceThread.run(entering: [host]) { [stack, network] in
      try stack.attach(endpoint, network: network, netns: netns)
    }
    return (netns, endpoint.address)
  }

  func remove() {
    names.stop()
    proxy.stop()
    stack.shutDown(removeKernelState: false)
    poller.shutdown()
    try? FileSystem.removeFile("\(folder)/ip_forward.enabled-by-us")
    rmdir(folder)
  }
}
