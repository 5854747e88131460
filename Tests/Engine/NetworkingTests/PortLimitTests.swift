import Glibc
import LinuxSystem
import TestNetwork
import Testing

@testable import Model
@testable import Networking

@Suite("Labels that limit published ports")
struct PortLimitLabelTests {
  @Test func `each limit is read, other labels are not`() throws {
    let limits = try PortLimits.read([
      "bulkhead.publish.80/tcp.connections": "100", "bulkhead.publish.80/tcp.connections-per-source": "1",
      "bulkhead.publish.53/udp.rate": "50/second", "bulkhead.publish.53/udp.rate-per-source": "1000000/hour",
      "com.example": "bulkhead.publish.80/tcp.rate", "bulkhead.publish": "x",
    ])
    #expect(limits.map(\.containerPort) == [53, 80])
    #expect(limits[0].texts.map { "\($0.name)=\($0.value)" } == ["rate=50/second", "rate-per-source=1000000/hour"])
    #expect(limits[1].texts.map { "\($0.name)=\($0.value)" } == ["connections=100", "connections-per-source=1"])
  }

  static let wrong: [(label: String, value: String, reason: String)] = [
    ("80.connections", "1", "PORT/tcp.LIMIT"), ("0/tcp.rate", "1/second", "PORT/tcp.LIMIT"),
    ("80/sctp.rate", "1/second", "PORT/tcp.LIMIT"), ("70000/tcp.rate", "1/second", "PORT/tcp.LIMIT"),
    ("080/tcp.rate", "1/second", "PORT/tcp.LIMIT"), ("80/tcp", "1", "PORT/tcp.LIMIT"), (".", "1", "PORT/tcp.LIMIT"),
    ("80/tcp.bandwidth", "1", "there is no such limit"), ("80/tcp.rate.x", "1/second", "there is no such limit"),
    ("80/tcp.connections", "0", "from 1 to 1000000"), ("80/tcp.connections", "1000001", "from 1 to 1000000"),
    ("80/tcp.connections", "-1", "from 1 to 1000000"), ("80/tcp.connections", "1 counter drop", "from 1 to 1000000"),
    ("80/tcp.connections", "", "from 1 to 1000000"), ("80/tcp.rate", "50", "such as 50/second"),
    ("80/tcp.rate", "50/day", "such as 50/second"), ("80/tcp.rate", "0/second", "such as 50/second"),
    ("80/tcp.rate", "1/second/2", "such as 50/second"), ("80/tcp.rate-per-source", "x/second }", "such as 50/second"),
  ]

  @Test(arguments: wrong)
  func `what is wrong is told with label and value`(label: String, value: String, reason: String) throws {
    let name = "bulkhead.publish.\(label)"
    let error = try #require(throws: PlatformError.self) { try PortLimits.read([name: value]) }
    #expect(error.code == .invalidArgument)
    #expect(error.message.hasPrefix("invalid label \(name)='\(value)': ") && error.message.contains(reason))
  }

  @Test func `there is a bound of ports`() {
    let labels = (1...257).map { ("bulkhead.publish.\($0)/tcp.connections", "1") }
    #expect(throws: PlatformError.self) { try PortLimits.read(Dictionary(uniqueKeysWithValues: labels)) }
  }
}

@Suite("Rules of limits")
struct LimitRuleTests {
  private static func group(_ port: UInt16, connections: Int = 3) -> LimitGroup {
    var limits = PortLimits(transport: .tcp, containerPort: port)
    limits.connections = connections
    let bindings = ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1"].map {
      PortBinding(protocol: .tcp, containerPort: port, hostAddress: $0, hostPort: port)
    }
    return LimitGroup(
      container: ContainerID(unchecked: String(repeating: "a", count: 64)), limits: limits, bindings: bindings)
  }

  @Test func `a change leaves what is there, removes what is not wanted, and is nothing where all is well`() {
    let (first, second) = (Self.group(80), Self.group(81))
    let whole: Set = [LimitRules.baseChain, first.chain]
    #expect(LimitRules.change(table: "t", from: [], to: []) == "")
    #expect(LimitRules.change(table: "t", from: whole, to: [first]) == "")
    let begun = LimitRules.change(table: "t", from: [], to: [first])
    #expect(begun.contains("chain \(LimitRules.baseChain)") && begun.contains("chain \(first.chain) {"))
    #expect(begun.contains("add element inet t limits { tcp . 80 : jump \(first.chain) }"))
    #expect(begun.contains("add element inet t limits6_at { 2001:db8::1 . tcp . 80 : jump \(first.chain) }"))
    let more = LimitRules.change(table: "t", from: whole, to: [first, second])
    #expect(!more.contains("chain \(first.chain) {") && more.contains("chain \(second.chain) {"))
    #expect(more.contains("flush map inet t limits6\n"))
    let changed = LimitRules.change(table: "t", from: whole, to: [Self.group(80, connections: 4)])
    #expect(changed.contains("delete counter inet t \(first.chain)\n"))
    let ended = LimitRules.change(table: "t", from: whole, to: [])
    #expect(ended.contains("delete chain inet t \(LimitRules.baseChain)\n") && !ended.contains("add "))
  }

  @Test func `ports that are not published have no rules`() throws {
    let limits = try PortLimits.read(["bulkhead.publish.80/tcp.connections": "1"])
    let other = PortBinding(protocol: .udp, containerPort: 80, hostAddress: "0.0.0.0", hostPort: 80)
    #expect(LimitGroup.groups(limits, of: ContainerID.random(), at: [other]) == [])
  }
}

@Suite("Limits of published ports, with connections", .enabled(if: TestHost.isRoot), .blockingThreads)
struct LivePortLimitTests {
  private struct Setup {
    let host: TestHost
    let network: NetworkRecord
    let server: TestContainer
    let listener: Descriptor

    init(_ labels: [String: String]) throws {
      host = try TestHost()
      network = try host.network("front", ipv6: true)
      server = try host.container("server", on: network)
      listener = try server.run { try TestTraffic.listen(.tcp, at: .ipv6(IPv6Address.any.octets, port: 80)) }
      let limits = try PortLimits.read(labels)
      try host.onHost { [host, server] in
        try host.stack.guardFirewall()
        _ = try host.stack.publish(
          [PortRequest(protocol: .tcp, containerPort: 80, hostPorts: 8080...8080)], limits: limits,
          endpoint: server.endpoint, containerName: "server")
      }
    }

    static let target = SocketAddress.ipv4(TestHost.hostAddress, port: 8080)
    static let target6 = SocketAddress.ipv6(TestHost.hostIPv6.octets, port: 8080)

    /// A connection that stays; nil where it does not come about.
    func connect(from outside: Bool = true, to target: SocketAddress = Setup.target) throws -> Descriptor? {
      let body: @Sendable () throws -> Descriptor? = {
        let socket = try InternetSocket.open(.tcp, family: target.family, nonBlocking: false)
        try TestTraffic.limit(socket, milliseconds: TestTraffic.patienceMilliseconds)
        let status = target.withPointer { Glibc.connect(socket.raw, $0, $1) }
        return status == 0 ? socket : nil
      }
      return try outside ? host.onOutside(body) : host.onHost(body)
    }

    func dropped() throws -> UInt64 {
      let ports = try host.onHost { [host] in try host.stack.exposure() }.ports
      return try #require(ports.first { $0.port == 8080 && $0.address == "0.0.0.0" }?.droppedByLimits)
    }

    /// Ends a connection at once, without the rest of its life.
    func reset(_ socket: Descriptor) throws {
      var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
      try systemCall("setsockopt") {
        setsockopt(socket.raw, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
      }
      InternetSocket.close(socket)
    }
  }

  @Test func `connections beyond the limit are dropped and counted until one has ended`() throws {
    let setup = try Setup(["bulkhead.publish.80/tcp.connections": "3"])
    var open: [Descriptor] = []
    for target in [Setup.target, Setup.target6, Setup.target] {
      open.append(try #require(try setup.connect(to: target)))
    }
    #expect(try setup.dropped() == 0)
    #expect(try setup.connect() == nil)
    #expect(try setup.connect(to: Setup.target6) == nil)
    #expect(try setup.dropped() >= 2)
    // The host itself is not asked.
    #expect(try setup.connect(from: false) != nil)
    try setup.reset(open.removeLast())
    #expect(try setup.host.becomes { try setup.connect() != nil })
    // Somebody takes the rules away: they come back.
    try setup.host.nft("flush ruleset")
    #expect(try setup.host.becomes { try setup.host.ruleset().contains("ct count over 3") })
    #expect(try setup.host.ruleset().contains("tcp . 8080 : jump limit_"))
    try setup.host.onHost { try setup.host.stack.unpublish(container: setup.server.id) }
    #expect(try !setup.host.ruleset().contains("limit_"))
    withExtendedLifetime(open) {}
  }

  @Test func `a client's share is its own`() throws {
    let setup = try Setup([
      "bulkhead.publish.80/tcp.connections-per-source": "2", "bulkhead.publish.80/tcp.connections": "100",
    ])
    let neighbour = try setup.host.container("neighbour", on: setup.network)
    let open = try (0..<2).map { _ in try #require(try setup.connect()) }
    #expect(try setup.connect() == nil)
    #expect(try neighbour.run { TestTraffic.connects(to: Setup.target) })
    withExtendedLifetime(open) {}
  }

  @Test(arguments: ["rate", "rate-per-source"])
  func `new connections come no faster than they may`(name: String) throws {
    let setup = try Setup(["bulkhead.publish.80/tcp.\(name)": "4/hour"])
    let open = try (0..<4).map { _ in try #require(try setup.connect()) }
    #expect(try setup.connect() == nil)
    #expect(try setup.dropped() >= 1)
    // Those that are there go on.
    try open[0].write(all: Array("hello".utf8))
    let neighbour = try setup.host.container("neighbour", on: setup.network)
    #expect(try neighbour.run { TestTraffic.connects(to: Setup.target) } == (name != "rate"))
  }
}
