import Glibc
import LinuxSystem
import TestNetwork
import Testing

@testable import Model
@testable import Networking

@Suite("Networks with IPv6", .enabled(if: TestHost.isRoot), .blockingThreads)
struct DualStackTests {
  /// What `ip -6 …` prints in the caller's namespace.
  static func ip(_ arguments: String...) throws -> String {
    let output = try LinuxProcessSpawner().run(
      ProcessRequest(executable: "/usr/sbin/ip", arguments: ["ip", "-6"] + arguments))
    return String(decoding: output.stdout, as: UTF8.self)
  }

  @Test func `containers reach each other, the host and the outside by both families`() throws {
    let host = try TestHost()
    let network = try host.network("front", ipv6: true)
    let pool = try #require(network.ipv6)
    let server = try host.container("server", on: network)
    let client = try host.container("client", on: network)
    #expect(pool.subnet.network.isUniqueLocal && pool.subnet.contains(server.address6))
    #expect(server.endpoint.ipv6?.gateway == pool.gateway)
    let listener = try server.run { try TestTraffic.listen(.tcp, at: .ipv6(IPv6Address.any.octets, port: 80)) }
    let seen = try TestTraffic.exchange(
      from: { try client.run($0) }, to: .ipv6(server.address6.octets, port: 80), listener: listener)
    #expect(seen.word == "hello" && seen.peer?.host == client.address6.description)
    let old = try TestTraffic.exchange(
      from: { try client.run($0) }, to: .ipv4(server.address, port: 80), listener: listener)
    #expect(old.peer?.host == "::ffff:\(client.address)")
    let near = try host.onHost { try TestTraffic.listen(.tcp, at: .ipv6(IPv6Address.any.octets, port: 9_000)) }
    let host6 = try TestTraffic.exchange(
      from: { try client.run($0) }, to: .ipv6(pool.gateway.octets, port: 9_000), listener: near)
    #expect(host6.peer?.host == client.address6.description)
    let outside = try host.onOutside { try TestTraffic.listen(.tcp, at: .ipv6(IPv6Address.any.octets, port: 443)) }
    let away = try TestTraffic.exchange(
      from: { try client.run($0) }, to: .ipv6(TestHost.outsideIPv6.octets, port: 443), listener: outside)
    #expect(away.peer?.host == TestHost.hostIPv6.description)
    // A container that forgets what it was told asks, and is answered.
    try client.run { try LinuxProcessSpawner.runIP(["neigh", "flush", "all", "nud", "permanent"], family: "-6") }
    let again = try TestTraffic.exchange(
      from: { try client.run($0) }, to: .ipv6(server.address6.octets, port: 80), listener: listener)
    #expect(again.word == "hello")
  }

  @Test func `networks are kept apart, and an internal one has no way out`() throws {
    let host = try TestHost()
    let front = try host.network("front", ipv6: true)
    let vault = try host.network("vault", internal: true, ipv6: true)
    let server = try host.container("server", on: front)
    let hidden = try host.container("hidden", on: vault)
    let friend = try host.container("friend", on: vault)
    let listener = try server.run { try TestTraffic.listen(.tcp, at: .ipv6(IPv6Address.any.octets, port: 80)) }
    let outside = try host.onOutside { try TestTraffic.listen(.tcp, at: .ipv6(IPv6Address.any.octets, port: 443)) }
    defer { withExtendedLifetime((listener, outside)) {} }
    let gateway = try #require(vault.ipv6?.gateway)
    try hidden.run { try LinuxProcessSpawner.runIP(["route", "add", "default", "via", "\(gateway)"], family: "-6") }
    #expect(try !hidden.run { TestTraffic.connects(to: .ipv6(server.address6.octets, port: 80)) })
    #expect(try !hidden.run { TestTraffic.connects(to: .ipv6(TestHost.outsideIPv6.octets, port: 443)) })
    #expect(try !host.onOutside { TestTraffic.connects(to: .ipv6(server.address6.octets, port: 80)) })
    let inside = try friend.run { try TestTraffic.listen(.tcp, at: .ipv6(IPv6Address.any.octets, port: 80)) }
    let seen = try TestTraffic.exchange(
      from: { try hidden.run($0) }, to: .ipv6(friend.address6.octets, port: 80), listener: inside)
    #expect(seen.word == "hello")
  }

  @Test func `a published port keeps the client's address, on loopback and by hairpin it is reached too`() throws {
    let host = try TestHost()
    let network = try host.network("front", ipv6: true)
    let server = try host.container("server", on: network)
    let neighbour = try host.container("neighbour", on: network)
    let listener = try server.run { try TestTraffic.listen(.tcp, at: .ipv6(IPv6Address.any.octets, port: 80)) }
    let bindings = try host.onHost {
      try host.stack.publish(
        [PortRequest(protocol: .tcp, containerPort: 80, hostPorts: 8080...8080)], endpoint: server.endpoint,
        containerName: "server")
    }
    #expect(bindings.map(\.hostAddress) == ["0.0.0.0", "::"])
    let gateway = try #require(network.ipv6?.gateway)
    let cases: [(String, IPv6Address, String, (@Sendable () throws -> Descriptor) throws -> Descriptor)] = [
      ("outside", TestHost.hostIPv6, TestHost.outsideIPv6.description, { try host.onOutside($0) }),
      ("own address", TestHost.hostIPv6, TestHost.hostIPv6.description, { try host.onHost($0) }),
      ("hairpin", TestHost.hostIPv6, gateway.description, { try server.run($0) }),
      ("neighbour", TestHost.hostIPv6, neighbour.address6.description, { try neighbour.run($0) }),
      ("loopback, relayed", .loopback, "::ffff:\(try #require(network.gateway))", { try host.onHost($0) }),
    ]
    for (name, target, peer, client) in cases {
      let seen = try TestTraffic.exchange(from: client, to: .ipv6(target.octets, port: 8080), listener: listener)
      #expect(seen.word == "hello" && seen.peer?.host == peer, "\(name): \(seen)")
    }
    try host.onHost { try host.stack.unpublish(container: server.id) }
    #expect(try !host.onOutside { TestTraffic.connects(to: .ipv6(TestHost.hostIPv6.octets, port: 8080)) })
    #expect(try !host.ruleset().contains("8080"))
  }

  @Test func `asked addresses are given once, and only where the network has IPv6`() throws {
    let host = try TestHost()
    var request = NetworkRequest(name: "front", enableIPv6: true)
    request.ipv6.subnet = "2001:db8:5::/64"
    let (network, plain) = try host.onHost { [request] in
      (
        try host.stack.createNetwork(request, existing: []),
        try host.stack.createNetwork(NetworkRequest(name: "plain"), existing: [])
      )
    }
    func plan(_ network: NetworkRecord, _ address: String?) throws -> EndpointRecord {
      try host.stack.planEndpoint(
        network: network, container: .random(), name: "c", aliases: [], requestedAddress: nil,
        requestedIPv6: address.flatMap(IPv6Address.init), mac: nil, interfaceIndex: 0)
    }
    let wanted = try plan(network, "2001:db8:5::77")
    #expect(wanted.ipv6?.address.description == "2001:db8:5::77")
    for (network, address, code) in [
      (network, "2001:db8:5::77", PlatformError.Code.forbidden), (network, "2001:db8:6::1", .invalidArgument),
      (plain, "2001:db8:5::78", .invalidArgument),
    ] {
      let error = #expect(throws: PlatformError.self) { try plan(network, address) }
      #expect(error?.code == code)
    }
    host.stack.releaseEndpoint(wanted)
    #expect(try plan(network, "2001:db8:5::77").ipv6 != nil)
    // What did not come about has taken no address of the other family with it.
    #expect(try plan(plain, nil).address == plain.subnet.map { IPv4Address(bits: $0.network.bits + 2) })
    let overlap = #expect(throws: PlatformError.self) {
      try host.onHost { [request] in try host.stack.createNetwork(request, existing: []) }
    }
    #expect(overlap?.code == .forbidden)
    var without = NetworkRequest(name: "n")
    without.ipv6.subnet = "fd00::/64"
    let error = #expect(throws: PlatformError.self) {
      try host.onHost { [without] in try host.stack.createNetwork(without, existing: []) }
    }
    #expect(error?.code == .invalidArgument)
  }

  @Test func `the host keeps what routers told it when forwarding goes on, and other routes stay`() throws {
    let host = try TestHost()
    let uplink = "/proc/sys/net/ipv6/conf/uplink/accept_ra"
    let before = try host.onHost {
      #expect(try FileSystem.read(uplink, maxBytes: 8) == Array("1\n".utf8))
      // As a router's advertisement would have it.
      try LinuxProcessSpawner.runIP(
        ["route", "add", "default", "via", "fe80::1", "dev", "uplink", "proto", "ra"], family: "-6")
      return try Self.ip("route")
    }
    let network = try host.network("front", ipv6: true)
    try host.onHost {
      #expect(try FileSystem.read(uplink, maxBytes: 8) == Array("2\n".utf8))
      let subnet = try #require(network.ipv6?.subnet)
      let own = try Self.ip("route").split(separator: "\n").filter { !$0.contains("\(subnet)") }
      #expect(own.joined(separator: "\n") + "\n" == before)
      let note = try FileSystem.read("\(host.stateDirectory)/\(Forwarding.noteNameIPv6)", maxBytes: 4_096)
      #expect(String(decoding: note, as: UTF8.self).contains("uplink"))
      try host.stack.removeNetwork(network)
      #expect(try Self.ip("route") == before)
    }
  }

  @Test func `a new engine finds everything in place, and takes what has no record`() throws {
    let host = try TestHost()
    let network = try host.network("front", ipv6: true)
    let gone = try host.network("gone", ipv6: true)
    let server = try host.container("server", on: network)
    let bindings = try host.onHost {
      try host.stack.publish(
        [PortRequest(protocol: .tcp, containerPort: 80, hostPorts: 8080...8080)], endpoint: server.endpoint,
        containerName: "server")
    }
    let running = RunningContainer(
      id: server.id, name: "server", netns: server.netns, endpoints: server.endpoints, bindings: bindings,
      hasNameService: false)
    host.stack.shutDown(removeKernelState: false)
    let next = try host.secondStack(instance: host.instance)
    let report = try host.onHost { try next.reconcile(networks: [network], running: [running]) }
    #expect(report.contains("removed the route of subnet \(try #require(gone.ipv6?.subnet))"))
    #expect(!report.contains { $0.hasPrefix("failed") }, "\(report)")
    #expect(try host.onHost { try next.reconcile(networks: [network], running: [running]) }.isEmpty)
    let listener = try server.run { try TestTraffic.listen(.tcp, at: .ipv6(IPv6Address.any.octets, port: 80)) }
    let seen = try TestTraffic.exchange(
      from: { try host.onOutside($0) }, to: .ipv6(TestHost.hostIPv6.octets, port: 8080), listener: listener)
    #expect(seen.peer?.host == TestHost.outsideIPv6.description)
    try host.onHost { next.shutDown(removeKernelState: true) }
    #expect(try !host.onHost { try Self.ip("route") }.contains("unreachable"))
  }
}
