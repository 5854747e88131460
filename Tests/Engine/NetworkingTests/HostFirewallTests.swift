import Glibc
import LinuxSystem
import TestNetwork
import Testing

@testable import Model
@testable import Networking

extension TestHost {
  /// Runs nft on the host with a text.
  func nft(_ text: String) throws { try onHost { try NFTProgram.load(text) } }

  /// Looks until something is so; false when two seconds have passed.
  func becomes(_ condition: () throws -> Bool) throws -> Bool {
    let start = ContinuousClock.now
    while start.duration(to: .now) < .seconds(2) {
      if try condition() { return true }
    }
    return false
  }
}

@Suite("Published ports and the host's firewall", .enabled(if: TestHost.isRoot), .blockingThreads)
struct HostFirewallTests {
  private struct Setup {
    let host: TestHost
    let network: NetworkRecord
    let server: TestContainer
    let listener: Descriptor

    init(uplink: String = "uplink") throws {
      host = try TestHost(uplink: uplink)
      network = try host.network("front", ipv6: true)
      server = try host.container("server", on: network)
      listener = try server.run { try TestTraffic.listen(.tcp, at: .ipv6(IPv6Address.any.octets, port: 80)) }
      try host.onHost { [host, server] in
        try host.stack.guardFirewall()
        _ = try host.stack.publish(
          [PortRequest(protocol: .tcp, containerPort: 80, hostPorts: 8080...8080)], endpoint: server.endpoint,
          containerName: "server")
      }
    }

    func reaches(_ target: SocketAddress = .ipv4(TestHost.hostAddress, port: 8080)) throws -> Bool {
      try host.onOutside { TestTraffic.connects(to: target) }
    }

    /// Waits until the engine follows what the host says now.
    func follows(_ text: String) throws -> Bool {
      try host.becomes { try host.ruleset().contains(text) }
    }
  }

  private static let denying = """
    table inet filter {
      chain input {
        type filter hook input priority filter; policy drop;
        iif "lo" accept
        ct state established,related accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
        tcp dport 22 accept
      }
    }
    """

  @Test func `a host that denies what comes in stays closed until it allows the port`() throws {
    let setup = try Setup()
    let host = setup.host
    let target = SocketAddress.ipv4(TestHost.hostAddress, port: 8080)
    #expect(try setup.reaches())
    let first = Descriptor(owning: try systemCall("accept") { accept(setup.listener.raw, nil, nil) })
    try host.nft(Self.denying)
    #expect(try setup.follows("host_0"))
    #expect(try !setup.reaches())
    #expect(try !setup.reaches(.ipv6(TestHost.hostIPv6.octets, port: 8080)))
    // Who is not at `input` either is not asked.
    let neighbour = try host.container("neighbour", on: setup.network)
    for client in [{ try host.onHost($0) }, { try neighbour.run($0) }]
      as [(@Sendable () throws -> Descriptor) throws -> Descriptor]
    {
      #expect(try TestTraffic.exchange(from: client, to: target, listener: setup.listener).word == "hello")
    }
    try host.nft("add rule inet filter input tcp dport 8080 accept")
    #expect(try setup.follows("tcp dport 8080 accept"))
    for (target, peer) in [
      (target, "::ffff:\(TestHost.outsideAddress)"),
      (.ipv6(TestHost.hostIPv6.octets, port: 8080), TestHost.outsideIPv6.description),
    ] {
      let seen = try TestTraffic.exchange(
        from: { try host.onOutside($0) }, to: target, listener: setup.listener)
      #expect(seen.word == "hello" && seen.peer?.host == peer)
    }
    try host.nft("delete table inet filter")
    #expect(try host.becomes { try !host.ruleset().contains("host_0") })
    #expect(try setup.reaches())
    withExtendedLifetime(first) {}
  }

  @Test func `chains, sets, verdict maps and families of the host are followed, its other chains are not`() throws {
    let setup = try Setup()
    let host = setup.host
    try host.nft(
      """
      table ip filter {
        set friends { type ipv4_addr; elements = { \(TestHost.outsideAddress) comment "jump nowhere" }; }
        chain user-input { ip saddr @friends jump allowed comment "jump nowhere"; }
        chain allowed { tcp dport vmap { 22 : accept, 8080 : goto open }; }
        chain open { accept; }
        chain INPUT {
          type filter hook input priority 0; policy drop;
          ct state vmap { invalid : drop, established : accept, related : accept }
          jump user-input
        }
        chain FORWARD { type filter hook forward priority 0; policy accept; }
      }
      table inet other {
        chain in { type filter hook input priority 10; policy accept; tcp dport 8080 ip6 daddr ::/0 drop; }
      }
      """)
    #expect(try setup.follows("host_1"))
    #expect(try setup.reaches())
    #expect(try !setup.reaches(.ipv6(TestHost.hostIPv6.octets, port: 8080)))
    try host.nft("delete element ip filter friends { \(TestHost.outsideAddress) }")
    #expect(try host.becomes { try !host.ruleset().contains("elements = { \(TestHost.outsideAddress) }") })
    #expect(try !setup.reaches())
    #expect(try host.ruleset().contains("policy drop"))
    #expect(try !host.ruleset().contains("FORWARD"))
  }

  @Test func `rules that are longer than what is read close the ports until they are shorter`() throws {
    let setup = try Setup()
    let host = setup.host
    #expect(try setup.reaches())
    _ = Descriptor(owning: try systemCall("accept") { accept(setup.listener.raw, nil, nil) })
    let length = try host.ruleset().utf8.count
    host.stack.firewall.state.withLock { $0.rulesetBytes = length + 500 }
    try host.nft(
      """
      table inet filter {
        chain input { type filter hook input priority 0; policy accept; }
        chain long { \((0..<100).map { "tcp dport \(1_000 + $0) accept" }.joined(separator: "; ")); }
      }
      """)
    #expect(try host.becomes { host.stack.firewall.mirror?.isUnreadable == true })
    #expect(try !setup.reaches())
    #expect(host.stack.firewall.mirror?.copies.first?.problem == NFTProgram.tooLong)
    // Within the host the ports are as they were.
    let target = SocketAddress.ipv4(TestHost.hostAddress, port: 8080)
    let word = try TestTraffic.exchange(from: { try host.onHost($0) }, to: target, listener: setup.listener).word
    #expect(word == "hello")
    // Copies are part of the rules: just below the bound they would come and go.
    try host.nft("delete chain inet filter long")
    #expect(try !host.becomes { try setup.reaches() })
    host.stack.firewall.state.withLock { $0.rulesetBytes = 4 * length }
    try host.nft("delete table inet filter")
    #expect(try host.becomes { try setup.reaches() })
  }

  @Test func `a device whose name only begins like a container's is another host's`() throws {
    let setup = try Setup(uplink: "bhoffice")
    let host = setup.host
    try host.nft(Self.denying)
    #expect(try setup.follows("host_0"))
    #expect(try !setup.reaches())
  }

  @Test func `rules that cannot be copied leave what they may refuse closed`() throws {
    let setup = try Setup()
    let host = setup.host
    try host.nft(
      """
      table inet filter {
        counter seen { }
        limit few { rate 5/second; }
        chain input {
          type filter hook input priority 0; policy accept;
          tcp dport 8080 counter name "seen" accept
          limit name "few" accept
          drop
        }
      }
      """)
    #expect(try setup.follows("host_0"))
    #expect(try !setup.reaches())
    #expect(host.stack.firewall.mirror?.copies.first?.problem?.contains("name \"few\"") == true)
    try host.nft("flush chain inet filter input; add rule inet filter input tcp dport 8080 counter name seen accept")
    #expect(try host.becomes { try setup.reaches() })
    // What nft itself does not take back: a set of verdicts to a chain that is at a hook cannot be, but a clash can.
    try host.nft("delete table inet filter")
    try host.nft(Self.denying.replacing("tcp dport 22", with: "tcp dport 8080"))
    #expect(try setup.follows("tcp dport 8080 accept"))
    #expect(try host.becomes { try setup.reaches() })
  }

  @Test func `a rule of the engine's that somebody replaces comes back`() throws {
    let setup = try Setup()
    let host = setup.host
    let table = "inet \(host.stack.tableName)"
    let listing = try host.nftOutput("--handle list chain \(table) to_container")
    let handle = try #require(
      listing.split(separator: "\n").first { $0.contains("ct status dnat accept") }?.split(separator: " ").last)
    try host.nft("replace rule \(table) to_container handle \(handle) accept")
    #expect(
      try host.becomes { try host.nftOutput("list chain \(table) to_container").contains("ct status dnat accept") })
    // The elements of its sets follow a moment later.
    #expect(try host.becomes { try setup.reaches() })
  }

  @Test func `rules are there from the first moment of a table loaded again`() throws {
    let setup = try Setup()
    try setup.host.nft(Self.denying)
    #expect(try setup.follows("host_0"))
    try setup.host.nft("delete table inet \(setup.host.stack.tableName)")
    // With the table come the copies; before it, the port is nobody's.
    #expect(try setup.host.becomes { (try? setup.host.ruleset().contains("host_0")) ?? false })
    #expect(try !setup.reaches())
  }

  @Test(arguments: [
    "flush ruleset", "flush table inet TABLE", "flush set inet TABLE outbound",
    "insert rule inet TABLE guard accept", "flush map inet TABLE ports",
  ])
  func `what somebody changes is restored within two seconds, and connections live`(change: String) throws {
    let setup = try Setup()
    let host = setup.host
    let before = try host.ruleset()
    let connection = try host.onOutside {
      let socket = try InternetSocket.open(.tcp, family: AF_INET, nonBlocking: false)
      try TestTraffic.limit(socket)
      try SocketAddress.ipv4(TestHost.hostAddress, port: 8080).withPointer { pointer, length in
        _ = try systemCall("connect") { connect(socket.raw, pointer, length) }
      }
      return socket
    }
    let accepted = Descriptor(owning: try systemCall("accept") { accept(setup.listener.raw, nil, nil) })
    try TestTraffic.limit(accepted)
    func exchange() throws {
      for (from, to) in [(connection, accepted), (accepted, connection)] {
        try from.write(all: Array("ping".utf8))
        #expect(try to.run(limit: 8) == "ping")
      }
    }
    try exchange()
    for _ in 0..<5 {
      try host.nft(change.replacing("TABLE", with: host.stack.tableName))
      // In the middle of it.
      for _ in 0..<20 { try exchange() }
      #expect(try host.becomes { (try? host.ruleset()) == before }, "\(change)")
    }
    #expect(try setup.reaches())
    // The engine is gone, and another one comes.
    host.stack.shutDown(removeKernelState: false)
    try exchange()
    let next = try host.secondStack(instance: host.instance)
    try host.onHost {
      let running = RunningContainer(
        id: setup.server.id, name: "server", netns: setup.server.netns, endpoints: setup.server.endpoints,
        bindings: [PortBinding(protocol: .tcp, containerPort: 80, hostAddress: "0.0.0.0", hostPort: 8080)],
        hasNameService: false)
      _ = try next.reconcile(networks: [setup.network], running: [running])
      try next.guardFirewall()
    }
    try exchange()
    next.shutDown(removeKernelState: false)
  }

  @Test func `a container that comes and goes does not let the guard look at the host's rules, others' changes do`()
    throws
  {
    let host = try TestHost()
    let network = try host.network("front")
    try host.onHost { [host] in try host.stack.guardFirewall() }
    let monitor = try host.onHost { try NFTablesMonitor() }
    let server = try host.container("server", on: network)
    try host.onHost { [host, server] in
      _ = try host.stack.publish(
        [PortRequest(protocol: .tcp, containerPort: 80, hostPorts: 8080...8080)], endpoint: server.endpoint,
        containerName: "server")
      try host.stack.unpublish(container: server.id)
      try host.stack.detach(server.endpoint, network: network)
    }
    let own = try monitor.drain()
    #expect(try #require(own).count > 4 && !host.stack.firewallGuard.concerns(own))
    try host.nft("table inet others { chain input { type filter hook input priority 0; policy accept; }; }")
    #expect(host.stack.firewallGuard.concerns(try monitor.drain()))
    try host.nft("flush chain inet \(host.stack.tableName) forward")
    #expect(host.stack.firewallGuard.concerns(try monitor.drain()))
    #expect(host.stack.firewallGuard.concerns(nil))
  }
}

@Suite("The host's rules as text")
struct HostRulesetTests {
  private static let text = """
    # Warning: table ip filter is managed by iptables-nft, do not touch!
    table ip filter {
    \tset ports {
    \t\ttype inet_service
    \t\tflags interval
    \t\telements = { 22, 80-90,
    \t\t\t     443 }
    \t}

    \tct helper ftp {
    \t\ttype "ftp" protocol tcp
    \t}

    \tchain sub {
    \t\ttcp dport @ports accept
    \t}

    \tchain input {
    \t\tcomment "of the administrator; { not a brace"
    \t\ttype filter hook input priority filter + 5; policy drop;
    \t\tiifname "lo" accept comment "goto lost"
    \t\ttcp dport { 1, 2 } jump sub
    \t}

    \tchain output {
    \t\ttype filter hook output priority filter; policy drop;
    \t}
    }
    table inet bulkhead-other {
    \tchain x {
    \t\ttype filter hook input priority filter; policy drop;
    \t}
    }
    """

  @Test func `tables, chains, rules and sets are found`() throws {
    let ruleset = HostRuleset(parsing: Self.text)
    let table = try #require(ruleset.tables.first)
    #expect(ruleset.tables.map(\.name) == ["filter", "bulkhead-other"])
    #expect(table.family == "ip" && table.chains.map(\.name) == ["sub", "input", "output"])
    let input = try #require(table.chain("input"))
    #expect(input.hook == HostRuleset.Hook(type: "filter", hook: "input", policy: "drop"))
    #expect(input.rules == [#"iifname "lo" accept comment "goto lost""#, "tcp dport { 1, 2 } jump sub"])
    #expect(table.set("ports")?.lines.count == 4)
  }

  @Test func `the copy has names of its own, what it refers to, and only that`() throws {
    let mirror = InputMirror(of: HostRuleset(parsing: Self.text))
    let copy = try #require(mirror.copies.first)
    #expect(mirror.copies.count == 1 && copy.label == "ip filter input" && copy.problem == nil)
    #expect(copy.rules == [#"iifname "lo" accept"#, "tcp dport { 1 , 2 } jump host_0_sub"])
    #expect(copy.declarations.map { $0.prefix(16) } == ["chain host_0_sub", "set host_0_ports"])
    #expect(mirror.text.contains("meta nfproto != ipv4 accept"))
  }

  @Test(arguments: [
    (#"ip protocol tcp xt match "recent" accept"#, "'xt'"), (#"ct helper set "ftp" accept"#, "set \"ftp\""),
    ("jump nowhere", "'nowhere'"), ("tcp dport @missing accept", "'missing'"), ("queue to 1", "'queue'"),
  ])
  func `what cannot be copied is told`(rule: String, reason: String) {
    let text = "table inet t {\n\tchain i {\n\t\ttype filter hook input priority 0; policy drop;\n\t\t\(rule)\n\t}\n}"
    let mirror = InputMirror(of: HostRuleset(parsing: text))
    #expect(mirror.copies.first?.problem?.contains(reason) == true)
    #expect(!mirror.text.contains(rule) && mirror.text.contains("policy drop;"))
  }

  @Test func `a copy counts by no counter of the host's, and refuses where its rules may`() {
    func copy(_ rule: String, policy: String) -> InputMirror.Copy? {
      let text =
        "table inet t {\n\tchain i {\n\t\ttype filter hook input priority 0; policy \(policy);\n\t\t\(rule)\n\t}\n}"
      return InputMirror(of: HostRuleset(parsing: text)).copies.first
    }
    let counted = copy("tcp dport 22 counter name \"seen\" accept", policy: "accept")
    #expect(counted?.rules == ["tcp dport 22 accept"] && counted?.problem == nil)
    #expect(copy("counter name \"seen\" drop", policy: "accept")?.rules == ["drop"])
    #expect(copy("xt match \"recent\" accept", policy: "accept")?.effectivePolicy == "drop")
    #expect(copy("ct helper set \"ftp\" accept", policy: "accept")?.effectivePolicy == "accept")
  }

  @Test func `of more chains than are followed none is passed over`() {
    let chains = (0...InputMirror.maximumChains).map {
      "\tchain c\($0) {\n\t\ttype filter hook input priority \($0); policy accept;\n\t\ttcp dport \($0 + 1) drop\n\t}\n"
    }
    let mirror = InputMirror(of: HostRuleset(parsing: "table inet t {\n\(chains.joined())}"))
    #expect(mirror.copies.count == InputMirror.maximumChains)
    #expect(
      mirror.copies.last?.effectivePolicy == "drop" && mirror.copies.last?.problem?.contains("more than 64") == true)
    #expect(mirror.copies.dropLast().allSatisfy { $0.effectivePolicy == "accept" })
  }

  @Test func `damaged text breaks nothing`() {
    var random = SeededGenerator(seed: 0xf1)
    let whole = Array(Self.text.utf8)
    for _ in 0..<2_000 {
      var bytes = whole
      for _ in 0..<Int.random(in: 1...20, using: &random) {
        bytes[Int.random(in: 0..<bytes.count, using: &random)] = .random(in: 9...125, using: &random)
      }
      bytes.removeLast(Int.random(in: 0..<bytes.count, using: &random))
      #expect(InputMirror(of: HostRuleset(parsing: String(decoding: bytes, as: UTF8.self))).copies.count <= 4)
    }
  }
}
