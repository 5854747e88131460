import Glibc
import LinuxSystem
import TestNetwork
import Testing

@testable import Model
@testable import Networking

@Suite("What containers cannot do", .enabled(if: TestHost.isRoot), .blockingThreads)
struct IsolationBetweenNetworksTests {
  @Test func `a container does not reach another network`() throws {
    let host = try TestHost()
    let front = try host.network("front")
    let back = try host.network("back")
    let server = try host.container("server", on: back)
    let stranger = try host.container("stranger", on: front)
    let friend = try host.container("friend", on: front, back)
    let listener = try server.run { try TestTraffic.listen(.tcp, port: 80) }
    #expect(try !stranger.run { TestTraffic.connects(to: .ipv4(server.address, port: 80)) })
    let seen = try TestTraffic.exchange(
      from: { body in try friend.run(body) }, to: .ipv4(server.address, port: 80), listener: listener)
    #expect(seen.peer?.host == friend.endpoints[1].address.description)
  }

  @Test func `an internal network has no way out and none in`() throws {
    let host = try TestHost()
    let network = try host.network("vault", internal: true)
    let server = try host.container("server", on: network)
    let client = try host.container("client", on: network)
    #expect(client.endpoint.gateway == nil)
    let outside = try NamespaceThread.run(entering: [host.outside]) { try TestTraffic.listen(.tcp, port: 443) }
    defer { withExtendedLifetime(outside) {} }
    let gateway = try #require(network.gateway)
    // Even with a route of its own.
    try client.run {
      let socket = try NetlinkSocket(protocol: Netlink.protocolRoute)
      let link = try #require(try socket.run([RouteNetlink.link(name: "eth0")], subject: "").first?.first)
      let index = try #require(LinkRecord(link)).index
      try socket.run([RouteNetlink.addRoute(index: index, gateway: gateway.bits)], subject: "")
    }
    #expect(try !client.run { TestTraffic.connects(to: .ipv4(TestHost.outsideAddress, port: 443)) })
    let listener = try server.run { try TestTraffic.listen(.tcp, port: 80) }
    let seen = try TestTraffic.exchange(
      from: { body in try client.run(body) }, to: .ipv4(server.address, port: 80), listener: listener)
    #expect(seen.word == "hello")
    let bindings = try host.onHost {
      try host.stack.publish(
        [PortRequest(protocol: .tcp, containerPort: 80)], endpoint: server.endpoint, containerName: "server")
    }
    #expect(bindings.isEmpty)
  }

  @Test func `a forged source address is dropped, the own one passes`() throws {
    let host = try TestHost()
    let network = try host.network("front")
    let victim = try host.container("victim", on: network)
    let forger = try host.container("forger", on: network)
    let receiver = try victim.run { try TestTraffic.listen(.udp, port: 5_000) }
    let forged = IPv4Address(bits: forger.address.bits + 7)
    try forger.run {
      let socket = try NetlinkSocket(protocol: Netlink.protocolRoute)
      let link = try #require(try socket.run([RouteNetlink.link(name: "eth0")], subject: "").first?.first)
      let index = try #require(LinkRecord(link)).index
      try socket.run([RouteNetlink.addAddress(index: index, local: forged.bits, prefixLength: 32)], subject: "")
    }
    // The honest datagram comes second: when it is the first to arrive, the forged one has been dropped.
    for (source, word) in [(forged, "forged"), (forger.address, "honest")] {
      try forger.run {
        let socket = try InternetSocket.open(.udp, family: AF_INET, nonBlocking: false)
        try InternetSocket.bind(socket, to: .ipv4(source, port: 0))
        try DatagramSocket.send(socket, Array(word.utf8), to: .ipv4(victim.address, port: 5_000))
      }
    }
    let bytes = try [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
      count = try receiver.read(into: UnsafeMutableRawBufferPointer(buffer))
    }
    #expect(String(decoding: bytes, as: UTF8.self) == "honest")
  }

  @Test func `a container does not reach what listens on the host's loopback`() throws {
    let host = try TestHost()
    let network = try host.network("front")
    let client = try host.container("client", on: network)
    let listener = try host.onHost { try TestTraffic.listen(.tcp, port: 9_000, address: .loopback) }
    defer { withExtendedLifetime(listener) {} }
    try client.run {
      let socket = try NetlinkSocket(protocol: Netlink.protocolRoute)
      // The container sends packets for 127.0.0.1 out, as its root may arrange.
      try socket.run(
        [RouteNetlink.configureLink(name: "eth0", settings: [.routeLocalnet: 1], up: true)], subject: "")
      try LinuxProcessSpawner.runIP(["route", "flush", "table", "local"])
      try LinuxProcessSpawner.runIP([
        "route", "add", "127.0.0.0/8", "via", "\(client.endpoint.gateway ?? .any)", "dev", "eth0",
      ])
    }
    #expect(try !client.run { TestTraffic.connects(to: .ipv4(.loopback, port: 9_000)) })
  }

  @Test func `ATT-049 a container's ARP for others' addresses changes nothing`() throws {
    let host = try TestHost()
    let network = try host.network("front")
    let server = try host.container("server", on: network)
    let client = try host.container("client", on: network)
    let forger = try host.container("forger", on: network)
    let gateway = try #require(network.gateway)
    let before = try host.neighbours()
    for claimed in [server.address, gateway, IPv4Address(bits: server.address.bits + 200)] {
      for operation: UInt8 in [1, 2] {
        try forger.run { try TestTraffic.announce(claimed, operation: operation, about: client.address) }
      }
    }
    let listener = try server.run { try TestTraffic.listen(.tcp, port: 80) }
    let seen = try TestTraffic.exchange(
      from: { try client.run($0) }, to: .ipv4(server.address, port: 80), listener: listener)
    #expect(seen.peer?.host == client.address.description)
    #expect(try host.neighbours() == before)
  }

  @Test func `ATT-050 IPv6 of a container reaches nobody`() throws {
    let host = try TestHost()
    let client = try host.container("client", on: try host.network("front"))
    let receiver = try host.onHost {
      let socket = try InternetSocket.open(.udp, family: AF_INET6, nonBlocking: false)
      try InternetSocket.bind(socket, to: try #require(SocketAddress("::", port: 5_000)))
      try TestTraffic.limit(socket, milliseconds: TestTraffic.patienceMilliseconds)
      return socket
    }
    try client.run {
      try LinuxProcessSpawner.runIP(["addr", "add", "fe80::2/64", "dev", "eth0", "nodad"], family: "-6")
      try LinuxProcessSpawner.runIP(["route", "add", "default", "dev", "eth0"], family: "-6")
      let socket = try InternetSocket.open(.udp, family: AF_INET6, nonBlocking: false)
      for target in ["ff02::1", "fd00::1"] {
        try DatagramSocket.send(socket, [1], to: SocketAddress(target, port: 5_000))
      }
    }
    let error = #expect(throws: SystemError.self) { _ = try receiver.run(limit: 8) }
    #expect(error?.errno == EAGAIN)
  }

  @Test func `ATT-052 link-local services outside are out of reach`() throws {
    let host = try TestHost()
    let client = try host.container("client", on: try host.network("front"))
    let metadata = try #require(IPv4Address("169.254.169.254"))
    let listener = try NamespaceThread.run(entering: [host.outside]) {
      try LinuxProcessSpawner.runIP(["addr", "add", "169.254.169.254/32", "dev", "port"])
      return try TestTraffic.listen(.tcp, port: 80)
    }
    #expect(try host.onHost { TestTraffic.connects(to: .ipv4(metadata, port: 80)) })
    #expect(try !client.run { TestTraffic.connects(to: .ipv4(metadata, port: 80)) })
    withExtendedLifetime(listener) {}
  }

  @Test func `engines of other instances on the host are kept apart`() throws {
    let host = try TestHost(instance: "one")
    let other = try host.secondStack(instance: "two")
    let network = try host.network("front")
    let foreign = try host.onHost { try other.createNetwork(NetworkRequest(name: "front"), existing: []) }
    let subnet = try #require(network.subnet)
    #expect(foreign.subnet.map(subnet.overlaps) == false)
    #expect(throws: PlatformError.self) {
      try host.onHost {
        try other.createNetwork(NetworkRequest(name: "clash", subnet: subnet.description), existing: [])
      }
    }
    let server = try host.container("server", on: network)
    let listener = try server.run { try TestTraffic.listen(.tcp, port: 80) }
    defer { withExtendedLifetime(listener) {} }
    let netns = try NetworkNamespace.create()
    let endpoint = try other.planEndpoint(
      network: foreign, container: .random(), name: "stranger", aliases: [], requestedAddress: nil, mac: nil,
      interfaceIndex: 0)
    try host.onHost { try other.attach(endpoint, network: foreign, netns: netns) }
    #expect(
      try !NamespaceThread.run(entering: [netns]) { TestTraffic.connects(to: .ipv4(server.address, port: 80)) })
    host.stack.shutDown(removeKernelState: true)
    #expect(try host.onHost { try other.links.ownLinks() } == [endpoint.interfaceHost])
    other.shutDown(removeKernelState: true)
  }
}

extension LinuxProcessSpawner {
  static func runIP(_ arguments: [String], family: String = "-4") throws {
    let output = try LinuxProcessSpawner().run(
      ProcessRequest(executable: "/usr/sbin/ip", arguments: ["ip", family] + arguments))
    if !output.status.isSuccess {
      throw SystemError(
        errno: EINVAL, operation: "ip", subject: String(decoding: output.stderr, as: UTF8.self))
    }
  }
}
