import Glibc
import Internet
import KubeMachinery
import LinuxSystem
import Logging
import Model
import Networking
import TestNetwork

@testable import ServiceProxy

/// A node in a network namespace: the engine's network of pods with its firewall, and a proxy of services. What is outside has a
/// namespace of its own.
final class TestNode: Sendable {
  static let isRoot = geteuid() == 0
  static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
  static let nameService = IPv4Address(bits: 0x0a60_000a)
  static let apiAddress = IPv4Address(bits: 0x0a60_0001)

  let host: Descriptor
  let outside: Descriptor
  let proxy: ServiceProxy
  private let poller: Poller
  private let stack: NetworkStack
  private let network: NetworkRecord
  private let stateDirectory: String

  struct Pod: Sendable {
    let netns: Descriptor
    let address: IPv4Address

    func run<Result: Sendable>(_ body: @Sendable () throws -> Result) throws -> Result {
      try NamespaceThread.run(entering: [netns], body)
    }

    /// A server that answers every connection with its own address, and goes on doing so while the word goes back and forth.
    func serve(_ port: UInt16 = 8_080, _ transport: TransportProtocol = .tcp) throws -> EchoServer {
      try run { [address] in try EchoServer(transport, port: port, word: address.description) }
    }
  }

  /// - Parameter hasUplink: without, nothing is reached outside, and there is no default route.
  init(hasUplink: Bool = true) throws {
    host = try NetworkNamespace.create()
    outside = try NetworkNamespace.create()
    poller = try Poller()
    if hasUplink {
      try TestWire.connect(host: host, outside: outside)
    } else {
      try NamespaceThread.run(entering: [host]) {
        _ = try NetlinkSocket(protocol: Netlink.protocolRoute).run(
          [RouteNetlink.configureLink(name: "lo", up: true)], subject: "lo")
      }
    }
    stateDirectory = "/tmp/proxy-test-\(ContainerID.random().short)"
    let (poller, directory) = (poller, stateDirectory)
    (stack, network, proxy) = try NamespaceThread.run(entering: [host]) {
      let stack = try NetworkStack(
        instance: "test", stateDirectory: directory, poller: poller, logger: Self.logger)
      let network = try stack.createNetwork(NetworkRequest(name: "pods", subnet: "10.244.0.0/24"), existing: [])
      return (stack, network, try ServiceProxy(settings: Self.settings, poller: poller, logger: Self.logger))
    }
    try proxy.start()
  }

  private static let settings = ServiceProxySettings(
    node: "node", serviceRange: IPv4Subnet(containing: IPv4Address(bits: 0x0a60_0000), prefixLength: 16),
    answeredHere: [
      OwnPlace(nameService, port: 53, transports: [.udp, .tcp]), OwnPlace(apiAddress, port: 6_443, isOfService: true),
    ])

  /// One that takes over, as after a start of the agent.
  func secondProxy() throws -> ServiceProxy {
    try onHost { [poller] in try ServiceProxy(settings: Self.settings, poller: poller, logger: Self.logger) }
  }

  deinit {
    proxy.stop()
    stack.shutDown(removeKernelState: false)
    poller.shutdown()
    for name in ["ip_forward.enabled-by-us", "ipv6_forwarding.enabled-by-us"] {
      try? FileSystem.removeFile("\(stateDirectory)/\(name)")
    }
    rmdir(stateDirectory)
  }

  func onHost<Result: Sendable>(_ body: @Sendable () throws -> Result) throws -> Result {
    try NamespaceThread.run(entering: [host], body)
  }

  func onOutside<Result: Sendable>(_ body: @Sendable () throws -> Result) throws -> Result {
    try NamespaceThread.run(entering: [outside], body)
  }

  func pod() throws -> Pod {
    let netns = try NetworkNamespace.create()
    let id = ContainerID.random()
    let endpoint = try stack.planEndpoint(
      network: network, container: id, name: id.short, aliases: [], requestedAddress: nil, mac: nil,
      interfaceIndex: 0)
    try onHost { [stack, network] in try stack.attach(endpoint, network: network, netns: netns) }
    return Pod(netns: netns, address: endpoint.address)
  }

  /// A relay to a server of the API, until it is cancelled.
  func relay(to server: String) throws -> Task<Void, Never> {
    let relay = try onHost { [poller] in
      try APIRelay(
        APIRelay.Settings(
          address: Self.apiAddress, port: 6_443,
          podRanges: [IPv4Subnet(containing: IPv4Address(bits: 0x0af4_0000), prefixLength: 24)]),
        server: { server }, poller: poller, logger: Self.logger)
    }
    return Task { await relay.run() }
  }

  /// Makes the host outside send what is for an address to this node, or all that it knows no other way for.
  func leadOutside(to address: IPv4Address? = nil) throws {
    try onOutside {
      let socket = try NetlinkSocket(protocol: Netlink.protocolRoute)
      let links = try socket.run([RouteNetlink.link(name: "port")], subject: "port")
      guard let link = links.joined().lazy.compactMap(LinkRecord.init).first else {
        throw SystemError(errno: ENODEV, operation: "find device", subject: "port")
      }
      let route =
        address.map { RouteNetlink.addDeviceRoute(index: link.index, destination: $0.bits, prefixLength: 32) }
        ?? RouteNetlink.addRoute(index: link.index, gateway: TestWire.hostAddress.bits)
      try socket.run([route], subject: "port")
    }
  }

  /// What the engine says other hosts reach.
  func exposure() throws -> HostExposure { try onHost { [stack] in try stack.exposure() } }

  /// Tells the proxy and waits until it is done.
  func tell(_ news: [ClusterNews]) {
    for piece in news { proxy.receive(piece) }
    proxy.settle()
  }

  /// What nft prints for a command on this node.
  func nft(_ command: String) throws -> String {
    let words = command.split(separator: " ").map(String.init)
    let output = try onHost {
      try LinuxProcessSpawner().run(ProcessRequest(executable: "/usr/sbin/nft", arguments: ["nft"] + words))
    }
    return String(decoding: output.stdout, as: UTF8.self)
  }
}
