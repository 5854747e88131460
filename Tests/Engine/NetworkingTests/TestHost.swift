import Glibc
import Logging
import Synchronization
import TestNetwork
import Testing

@testable import LinuxSystem
@testable import Model
@testable import Networking

/// A network namespace that plays the host, another that plays the network outside, and a network stack on the host.
///
/// Nothing of the machine's own network is touched, and everything goes away with the namespaces.
final class TestHost: Sendable {
  static let isRoot = geteuid() == 0
  static let (hostAddress, outsideAddress) = (TestWire.hostAddress, TestWire.outsideAddress)
  static let (hostIPv6, outsideIPv6) = (TestWire.hostIPv6, TestWire.outsideIPv6)

  let host: Descriptor
  let outside: Descriptor
  let poller: Poller
  let stateDirectory: String
  let instance: String
  let stack: NetworkStack

  /// - Parameter uplink: the name of the device by which the host reaches the outside.
  init(instance: String = "test", uplink: String = "uplink") throws {
    self.instance = instance
    host = try NetworkNamespace.create()
    outside = try NetworkNamespace.create()
    poller = try Poller()
    stateDirectory = "/tmp/net-test-\(ContainerID.random().short)"
    try TestWire.connect(host: host, outside: outside, uplink: uplink)
    let poller = poller
    let directory = stateDirectory
    stack = try NamespaceThread.run(entering: [host]) {
      try NetworkStack(instance: instance, stateDirectory: directory, poller: poller, logger: quietLogger)
    }
  }

  deinit {
    stack.shutDown(removeKernelState: false)
    poller.shutdown()
    for note in [Forwarding.noteName, Forwarding.noteNameIPv6] {
      try? FileSystem.removeFile("\(stateDirectory)/\(note)")
    }
    rmdir(stateDirectory)
  }

  /// A second engine on the same host.
  func secondStack(instance: String) throws -> NetworkStack {
    try onHost { [poller, stateDirectory] in
      try NetworkStack(instance: instance, stateDirectory: stateDirectory, poller: poller, logger: quietLogger)
    }
  }

  /// Runs code in the host's namespace.
  func onHost<Result: Sendable>(_ body: @Sendable () throws -> Result) throws -> Result {
    try NamespaceThread.run(entering: [host], body)
  }

  /// Runs code in the namespace outside.
  func onOutside<Result: Sendable>(_ body: @Sendable () throws -> Result) throws -> Result {
    try NamespaceThread.run(entering: [outside], body)
  }

  /// Creates a bridge network.
  func network(
    _ name: String, internal isInternal: Bool = false, subnet: String? = nil, ipv6: Bool = false
  ) throws -> NetworkRecord {
    try onHost { [stack] in
      try stack.createNetwork(
        NetworkRequest(name: name, subnet: subnet, isInternal: isInternal, enableIPv6: ipv6), existing: [])
    }
  }

  /// A container: a namespace attached to networks.
  func container(_ name: String, on networks: NetworkRecord..., aliases: [String] = []) throws -> TestContainer {
    let netns = try NetworkNamespace.create()
    let id = ContainerID.random()
    var endpoints: [EndpointRecord] = []
    for (index, network) in networks.enumerated() {
      let endpoint = try stack.planEndpoint(
        network: network, container: id, name: name, aliases: aliases, requestedAddress: nil, mac: nil,
        interfaceIndex: index)
      try onHost { [stack] in try stack.attach(endpoint, network: network, netns: netns) }
      endpoints.append(endpoint)
    }
    return TestContainer(id: id, name: name, netns: netns, endpoints: endpoints)
  }

  /// The host's neighbours on container links, as `ip neigh` prints them.
  func neighbours() throws -> [String] {
    let output = try onHost {
      try LinuxProcessSpawner().run(
        ProcessRequest(executable: "/usr/sbin/ip", arguments: ["ip", "-4", "neigh"]))
    }
    return String(decoding: output.stdout, as: UTF8.self).split(separator: "\n").map(String.init)
      .filter { !$0.contains("uplink") }.sorted()
  }

  /// What `nft list table` prints of the engine's table.
  func ruleset() throws -> String { try nftOutput("list table inet \(stack.tableName)") }

  /// What nft prints for a command on this host.
  func nftOutput(_ command: String) throws -> String {
    let output = try onHost {
      try LinuxProcessSpawner().run(
        ProcessRequest(executable: "/usr/sbin/nft", arguments: ["nft"] + command.split(separator: " ").map(String.init))
      )
    }
    return String(decoding: output.stdout, as: UTF8.self)
  }
}

/// Says nothing.
let quietLogger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

struct TestContainer: Sendable {
  let id: ContainerID
  let name: String
  let netns: Descriptor
  let endpoints: [EndpointRecord]

  var address: IPv4Address { endpoints[0].address }
  var address6: IPv6Address { endpoints[0].ipv6?.address ?? .any }
  var endpoint: EndpointRecord { endpoints[0] }

  func run<Result: Sendable>(_ body: @Sendable () throws -> Result) throws -> Result {
    try NamespaceThread.run(entering: [netns], body)
  }
}
