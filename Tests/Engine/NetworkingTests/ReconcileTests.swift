import Glibc
import LinuxSystem
import TestNetwork
import Testing

@testable import Model
@testable import Networking

@Suite("After a crash", .enabled(if: TestHost.isRoot), .blockingThreads)
struct ReconcileTests {
  @Test func `a new engine finds everything in place and keeps connections`() throws {
    let host = try TestHost()
    let network = try host.network("front")
    let server = try host.container("server", on: network)
    let bindings = try host.onHost {
      try host.stack.publish(
        [PortRequest(protocol: .tcp, containerPort: 80, hostPorts: 8080...8080)], endpoint: server.endpoint,
        containerName: "server")
    }
    try host.onHost {
      try host.stack.startDNS(container: server.id, netns: server.netns, endpoints: server.endpoints)
    }
    let before = try host.ruleset()
    host.stack.shutDown(removeKernelState: false)
    let next = try host.secondStack(instance: host.instance)
    let report = try host.onHost {
      try next.reconcile(
        networks: [network],
        running: [
          RunningContainer(
            id: server.id, name: "server", netns: server.netns, endpoints: server.endpoints, bindings: bindings)
        ])
    }
    #expect(report.allSatisfy { $0.hasPrefix("opened") }, "\(report)")
    #expect(try host.ruleset() == before)
    let again = try host.onHost {
      try next.reconcile(
        networks: [network],
        running: [
          RunningContainer(
            id: server.id, name: "server", netns: server.netns, endpoints: server.endpoints, bindings: bindings)
        ])
    }
    #expect(again.isEmpty)
    let listener = try server.run { try TestTraffic.listen(.tcp, port: 80) }
    let seen = try TestTraffic.exchange(
      from: { try host.onHost($0) }, to: .ipv4(.loopback, port: 8080), listener: listener)
    #expect(seen.word == "hello")
    // Addresses of the records are not given away.
    let planned = try next.planEndpoint(
      network: network, container: .random(), name: "other", aliases: [], requestedAddress: nil, mac: nil,
      interfaceIndex: 0)
    #expect(planned.address != server.address)
    next.shutDown(removeKernelState: true)
  }

  @Test func `leftovers go, what was flushed comes back`() throws {
    let host = try TestHost()
    let front = try host.network("front")
    let gone = try host.network("gone")
    let lost = try host.container("lost", on: gone)
    let kept = try host.container("kept", on: front)
    let neighbour = try host.container("neighbour", on: front)
    host.stack.shutDown(removeKernelState: false)
    try host.onHost {
      let output = try LinuxProcessSpawner().run(
        ProcessRequest(executable: "/usr/sbin/nft", arguments: ["nft", "flush", "ruleset"]))
      #expect(output.status.isSuccess)
      // Loses its link while it runs.
      try host.stack.links.disconnect(name: neighbour.endpoint.interfaceHost)
    }
    let next = try host.secondStack(instance: host.instance)
    let running = [kept, neighbour].map {
      RunningContainer(id: $0.id, name: $0.name, netns: $0.netns, endpoints: $0.endpoints, hasNameService: false)
    }
    let report = try host.onHost { try next.reconcile(networks: [front], running: running) }
    #expect(report.contains("removed link \(lost.endpoint.interfaceHost)"))
    #expect(report.contains("removed the route of subnet \(try #require(gone.subnet))"))
    #expect(report.contains("connected container \(neighbour.id.short) to its network again"))
    #expect(
      try Set(next.links.ownLinks()) == [kept.endpoint.interfaceHost, neighbour.endpoint.interfaceHost])
    let listener = try kept.run { try TestTraffic.listen(.tcp, port: 80) }
    let seen = try TestTraffic.exchange(
      from: { try neighbour.run($0) }, to: .ipv4(kept.address, port: 80), listener: listener)
    #expect(seen.peer?.host == neighbour.address.description)
    next.shutDown(removeKernelState: true)
    let tables = try host.onHost {
      try LinuxProcessSpawner().run(
        ProcessRequest(executable: "/usr/sbin/nft", arguments: ["nft", "list", "tables"]))
    }
    #expect(tables.stdout.isEmpty)
    #expect(try next.links.ownLinks().isEmpty)
    #expect(try next.links.claimedSubnets(of: IPv4Address.self).isEmpty)
  }

  @Test func `a firewall that is flushed while the engine runs is restored by the next change`() throws {
    let host = try TestHost()
    let network = try host.network("front")
    let server = try host.container("server", on: network)
    let before = try host.ruleset()
    try host.onHost {
      _ = try LinuxProcessSpawner().run(
        ProcessRequest(executable: "/usr/sbin/nft", arguments: ["nft", "flush", "ruleset"]))
    }
    #expect(try host.ruleset().isEmpty)
    let client = try host.container("client", on: network)
    try host.onHost { try host.stack.detach(client.endpoint, network: network) }
    #expect(try host.ruleset() == before)
    withExtendedLifetime(server) {}
  }

  @Test func `detach is repeatable, gives the address back and leaves other rules alone`() throws {
    let host = try TestHost()
    try host.onHost {
      _ = try LinuxProcessSpawner().run(
        ProcessRequest(executable: "/usr/sbin/nft", arguments: ["nft", "add", "table", "inet", "foreign"]))
    }
    let network = try host.network("front")
    let container = try host.container("web", on: network)
    let endpoint = container.endpoint
    #expect(throws: PlatformError.self) { try host.stack.removeNetwork(network) }
    for _ in 0..<2 {
      try host.onHost { try host.stack.detach(endpoint, network: network) }
      host.stack.releaseEndpoint(endpoint)
    }
    #expect(try host.stack.links.ownLinks().isEmpty)
    #expect(try !host.ruleset().contains(endpoint.address.description))
    for _ in 0..<2 { try host.onHost { try host.stack.removeNetwork(network) } }
    #expect(try host.stack.links.claimedSubnets(of: IPv4Address.self).isEmpty)
    host.stack.shutDown(removeKernelState: true)
    let tables = try host.onHost {
      try LinuxProcessSpawner().run(
        ProcessRequest(executable: "/usr/sbin/nft", arguments: ["nft", "list", "tables"]))
    }
    #expect(String(decoding: tables.stdout, as: UTF8.self) == "table inet foreign\n")
  }

  @Test func `links of ended containers are reaped together`() throws {
    let host = try TestHost()
    let network = try host.network("front")
    let containers = try (0..<3).map { try host.container("c\($0)", on: network) }
    for container in containers.prefix(2) {
      try host.onHost { try host.stack.detach(container.endpoint, network: network, namespaceEnds: true) }
    }
    host.stack.reaper.reap()
    #expect(try host.stack.links.ownLinks() == [containers[2].endpoint.interfaceHost])
  }

  @Test func `an endpoint is connected again although its old link waits to be reaped`() throws {
    let host = try TestHost()
    let network = try host.network("front")
    let container = try host.container("web", on: network)
    let endpoint = container.endpoint
    let next = try NetworkNamespace.create()
    try host.onHost {
      try host.stack.detach(endpoint, network: network, namespaceEnds: true)
      try host.stack.attach(endpoint, network: network, netns: next)
    }
    host.stack.reaper.reap()
    #expect(try host.stack.links.ownLinks() == [endpoint.interfaceHost])
    let error = #expect(throws: PlatformError.self) {
      try host.onHost { try host.stack.attach(endpoint, network: network, netns: next) }
    }
    #expect(error?.code == .conflict)
    #expect(try host.ruleset().contains("\"\(endpoint.interfaceHost)\" . \(endpoint.address)"))
  }

  @Test func `counters are those of the container's end`() throws {
    let host = try TestHost()
    let network = try host.network("front")
    let container = try host.container("web", on: network)
    let sent = 5
    try container.run {
      let socket = try InternetSocket.open(.udp, family: AF_INET, nonBlocking: false)
      let gateway = try #require(network.gateway)
      for _ in 0..<sent {
        try DatagramSocket.send(socket, [UInt8](repeating: 0, count: 1_000), to: .ipv4(gateway, port: 9))
      }
    }
    let statistics = try host.stack.statistics(container.endpoint)
    #expect(statistics.sentPackets >= UInt64(sent))
    #expect(statistics.sentBytes >= UInt64(sent * 1_000))
    #expect(statistics.receivedBytes < statistics.sentBytes)
    #expect(statistics.sendErrors == 0)
  }
}
