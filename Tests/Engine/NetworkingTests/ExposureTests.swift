import Glibc
import TestNetwork
import Testing

@testable import LinuxSystem
@testable import Model
@testable import Networking

@Suite("What the host's firewall says to other hosts")
struct FirewallVerdictTests {
  private static func ruleset(_ rules: [String], policy: String = "drop", hook: String = "input", more: String = "")
    -> HostRuleset
  {
    let lines = rules.map { "\t\t\($0)\n" }.joined()
    return HostRuleset(
      parsing: """
        table inet filter {
        \tset open {
        \t\ttype inet_service
        \t\tflags interval
        \t\telements = { 22, 8000-8100,
        \t\t\t     443 }
        \t}

        \tmap ways {
        \t\ttype inet_service : verdict
        \t\telements = { 80 : accept, 81 : jump allowed }
        \t}

        \tchain allowed {
        \t\ttcp dport 81 accept
        \t\treturn
        \t}

        \tchain closing {
        \t\ttcp dport 9999 return
        \t\tdrop
        \t}
        \(more)
        \tchain base {
        \t\ttype filter hook \(hook) priority filter; policy \(policy);
        \(lines)\t}
        }
        """)
  }

  private static func packet(
    _ port: UInt16 = 80, _ transport: TransportProtocol = .tcp, isIPv6: Bool = false, hook: String = "input",
    to destination: String? = "192.0.2.1", output: String? = nil
  ) -> FirewallVerdict.Packet {
    FirewallVerdict.Packet(
      hook: hook, transport: transport, port: port, isIPv6: isIPv6, destination: destination, output: output)
  }

  static let cases: [(rules: [String], policy: String, kind: FirewallVerdict.Kind, reason: String)] = [
    ([], "accept", .open, "no rule of the host's asks"),
    ([], "drop", .closed, "inet filter base: policy drop"),
    (["tcp dport 80 accept"], "drop", .open, "inet filter base: tcp dport 80 accept"),
    (["tcp dport 81 accept"], "drop", .closed, "inet filter base: policy drop"),
    (["tcp dport 80 drop"], "accept", .closed, "inet filter base: tcp dport 80 drop"),
    (["tcp dport 80 reject with tcp reset"], "accept", .closed, "inet filter base: tcp dport 80 reject with tcp reset"),
    (["udp dport 80 drop"], "accept", .open, "inet filter base: policy accept"),
    (["tcp dport != 80 drop"], "accept", .open, "inet filter base: policy accept"),
    (["tcp dport { 22, 70-90 } accept"], "drop", .open, "inet filter base: tcp dport { 22, 70-90 } accept"),
    (["tcp dport != { 22, 70-90 } drop", "accept"], "drop", .open, "inet filter base: accept"),
    (["tcp dport @open accept"], "drop", .closed, "inet filter base: policy drop"),
    (["tcp dport vmap { 22 : accept, 80 : jump allowed }"], "drop", .closed, "inet filter base: policy drop"),
    (["tcp dport vmap @ways"], "drop", .open, "inet filter base: tcp dport vmap @ways"),
    (
      ["iifname \"lo\" accept", "iif != \"lo\" tcp dport 80 accept"], "drop", .open,
      "inet filter base: iif != \"lo\" tcp dport 80 accept"
    ),
    (["iifname \"lo\" accept"], "drop", .closed, "inet filter base: policy drop"),
    (["iifname \"bhabcd*\" accept"], "drop", .closed, "inet filter base: policy drop"),
    (["iifname \"bhabcd012345678\" accept"], "drop", .closed, "inet filter base: policy drop"),
    (["iifname \"bhoffice\" accept"], "drop", .depends, "inet filter base: iifname \"bhoffice\" accept"),
    (["iifname \"bh*\" accept"], "drop", .depends, "inet filter base: iifname \"bh*\" accept"),
    (
      ["iifname \"eth0\" tcp dport 80 accept"], "drop", .depends,
      "inet filter base: iifname \"eth0\" tcp dport 80 accept"
    ),
    (["ip saddr 10.0.0.0/8 accept"], "drop", .depends, "inet filter base: ip saddr 10.0.0.0/8 accept"),
    (
      ["ip saddr 10.0.0.0/8 drop", "tcp dport 80 accept"], "drop", .depends,
      "inet filter base: ip saddr 10.0.0.0/8 drop"
    ),
    (
      ["ip saddr 10.0.0.0/8 accept", "tcp dport 80 accept"], "drop", .open,
      "inet filter base: tcp dport 80 accept"
    ),
    (["ip saddr 127.0.0.0/8 iifname != \"lo\" drop"], "accept", .open, "inet filter base: policy accept"),
    (
      ["ip daddr 192.0.2.0/24 tcp dport 80 accept"], "drop", .open,
      "inet filter base: ip daddr 192.0.2.0/24 tcp dport 80 accept"
    ),
    (["ip daddr 192.0.2.7-192.0.2.9 accept"], "drop", .closed, "inet filter base: policy drop"),
    (["ip6 daddr 2001:db8::/32 drop"], "accept", .open, "inet filter base: policy accept"),
    (
      ["ip saddr . tcp dport { 10.0.0.1 . 80 } accept"], "drop", .depends,
      "inet filter base: ip saddr . tcp dport { 10.0.0.1 . 80 } accept"
    ),
    (
      ["ct state established,related accept", "ct state invalid drop"], "drop", .closed, "inet filter base: policy drop"
    ),
    (
      [
        "ct state vmap { invalid : drop, established : accept, related : accept }",
        "ct state new tcp dport 80 counter accept",
      ],
      "drop", .open, "inet filter base: ct state new tcp dport 80 counter accept"
    ),
    (
      ["meta l4proto { icmp, ipv6-icmp } accept", "icmp type echo-request accept", "meta l4proto tcp accept"], "drop",
      .open, "inet filter base: meta l4proto tcp accept"
    ),
    (
      ["tcp dport 80 limit rate 3/minute accept"], "drop", .depends,
      "inet filter base: tcp dport 80 limit rate 3/minute accept"
    ),
    (["limit rate 3/minute log prefix \"drop accept \" level info"], "drop", .closed, "inet filter base: policy drop"),
    (["log prefix \"all\" accept"], "drop", .open, "inet filter base: log prefix \"all\" accept"),
    (["jump allowed", "goto closing"], "accept", .closed, "inet filter base: closing: drop"),
    (["ip saddr 10.0.0.0/8 return", "accept"], "drop", .depends, "inet filter base: ip saddr 10.0.0.0/8 return"),
    (
      ["ip saddr 10.0.0.0/8 jump closing", "accept"], "drop", .depends,
      "inet filter base: ip saddr 10.0.0.0/8 jump closing"
    ),
    (
      ["fib daddr type local tcp dport 80 accept"], "drop", .open,
      "inet filter base: fib daddr type local tcp dport 80 accept"
    ),
    (["fib saddr . iif oif missing drop"], "accept", .open, "inet filter base: policy accept"),
    (["fib saddr . iif oif exists accept"], "drop", .open, "inet filter base: fib saddr . iif oif exists accept"),
    (["fib saddr type unicast accept"], "drop", .depends, "inet filter base: fib saddr type unicast accept"),
    (
      ["iifname vmap { \"lo\" : accept, \"eth0\" : jump allowed, * : drop }"], "accept", .depends,
      "inet filter base: iifname vmap { \"lo\" : accept, \"eth0\" : jump allowed, * : drop }"
    ),
    (
      ["iifname vmap { \"lo\" : accept, * : drop }"], "accept", .closed,
      "inet filter base: iifname vmap { \"lo\" : accept, * : drop }"
    ),
    (["ct status dnat accept"], "drop", .closed, "inet filter base: policy drop"),
    (["meta mark 0x1 accept"], "drop", .depends, "inet filter base: meta mark 0x1 accept"),
    (["xt match \"recent\" accept"], "drop", .depends, "inet filter base: xt match \"recent\" accept"),
  ]

  @Test(arguments: cases)
  func `each rule is read as the kernel takes it`(
    rules: [String], policy: String, kind: FirewallVerdict.Kind, reason: String
  ) {
    let verdict = FirewallVerdict(of: [Self.packet()], in: Self.ruleset(rules, policy: policy))
    #expect(verdict.kind == kind && verdict.reason == reason, "\(rules): \(verdict)")
  }

  @Test func `every chain has to accept, those of other families and hooks are not asked`() {
    let other = "table ip6 raw {\n\tchain in {\n\t\ttype filter hook input priority raw; policy drop;\n\t}\n}"
    var both = Self.ruleset(["accept"])
    both.tables += HostRuleset(parsing: other).tables
    #expect(FirewallVerdict(of: [Self.packet()], in: both).kind == .open)
    #expect(FirewallVerdict(of: [Self.packet(isIPv6: true, to: nil)], in: both).kind == .closed)
    let forward = Self.ruleset(["oifname \"bh*\" ct status dnat ip daddr 172.16.0.0/12 accept"], hook: "forward")
    #expect(FirewallVerdict(of: [Self.packet()], in: forward).kind == .open)
    let passed = Self.packet(hook: "forward", to: "172.20.0.2", output: "bhabcd123")
    #expect(FirewallVerdict(of: [Self.packet(), passed], in: forward).kind == .open)
    let elsewhere = Self.packet(hook: "forward", to: "172.20.0.2", output: "eth1")
    #expect(FirewallVerdict(of: [Self.packet(), elsewhere], in: forward).kind == .closed)
  }

  @Test func `rules that cannot be followed refuse what they may refuse`() throws {
    for (rule, policy, kind) in [
      ("ct helper set \"ftp\" accept", "drop", FirewallVerdict.Kind.closed),
      ("ct helper set \"ftp\" accept", "accept", .open),
      ("xt match \"recent\" xt target \"REJECT\"", "accept", .closed),
      ("jump nowhere", "accept", .closed),
    ] {
      let ruleset = Self.ruleset([rule], policy: policy)
      let verdict = FirewallVerdict(of: [Self.packet()], in: ruleset, unfollowed: InputMirror(of: ruleset).copies)
      #expect(verdict.kind == kind && verdict.reason.contains("cannot be followed"), "\(rule): \(verdict)")
    }
  }

  @Test func `a table that sleeps says nothing`() {
    let text =
      "table inet filter {\n\tflags dormant\n\n\tchain in {\n\t\ttype filter hook input priority 0; policy drop;\n\t}\n}"
    let ruleset = HostRuleset(parsing: text)
    #expect(ruleset.tables.first?.chains.count == 1)
    #expect(FirewallVerdict(of: [Self.packet()], in: ruleset).kind == .open)
    #expect(InputMirror(of: ruleset).copies == [])
  }

  @Test func `chains that call each other without end, and many rules, come to an end`() {
    let circle = "\tchain a {\n\t\tjump b\n\t}\n\tchain b {\n\t\tjump a\n\t\tjump a\n\t}\n"
    let text = Self.ruleset(["jump a"], more: circle)
    #expect(FirewallVerdict(of: [Self.packet()], in: text).kind == .depends)
  }

  @Test func `damaged text breaks nothing`() {
    var random = SeededGenerator(seed: 0xe1)
    var words = ["{", "}", ",", ":", ".", "vmap", "@x"]
    for rule in Self.cases.flatMap(\.rules) { words += rule.split(separator: " ").map(String.init) }
    for _ in 0..<5_000 {
      let rule = (0..<Int.random(in: 0...9, using: &random)).compactMap { _ in words.randomElement(using: &random) }
      let verdict = FirewallVerdict(of: [Self.packet()], in: Self.ruleset([rule.joined(separator: " ")]))
      #expect(!verdict.reason.isEmpty)
    }
  }
}

@Suite("The list of what other hosts reach")
struct HostExposureTests {
  private static let zero = [UInt8](repeating: 0, count: 16)

  private static func socket(
    _ address: [UInt8], _ port: UInt16, transport: UInt8 = 6, device: UInt32 = 0, inode: UInt64 = 1, only: Bool = false
  ) -> WaitingSocket {
    WaitingSocket(
      transport: transport, address: address, port: port, interfaceIndex: device, inode: inode, isIPv6Only: only)
  }

  private static func facts(_ sockets: [WaitingSocket]) -> HostExposure.Facts {
    var facts = HostExposure.Facts()
    facts.sockets = sockets
    facts.owners = [1: SocketOwner(processID: 7, program: "sshd", container: nil)]
    facts.devices = [3: "eth1"]
    facts.interfaces.addresses = [
      "eth0": [.ipv4(IPv4Address(bits: 0xc000_0201), port: 0), .ipv6([0x20, 1] + zero.prefix(13) + [1], port: 0)],
      "eth1": [.ipv4(IPv4Address(bits: 0xc000_0301), port: 0)],
    ]
    return facts
  }

  static let cases: [(WaitingSocket, [String])] = [
    (socket([0, 0, 0, 0], 22), ["0.0.0.0 eth0,eth1"]),
    (socket([127, 0, 0, 1], 22), []),
    (socket(Array(zero.dropLast()) + [1], 22), []),
    (socket([192, 0, 2, 1], 22), ["192.0.2.1 eth0"]),
    (socket([198, 51, 100, 1], 22), ["198.51.100.1 "]),
    (socket(zero, 22), ["0.0.0.0 eth0,eth1", ":: eth0"]),
    (socket(zero, 22, only: true), [":: eth0"]),
    (socket(Array(zero.prefix(10)) + [0xff, 0xff, 192, 0, 3, 1], 22), ["192.0.3.1 eth1"]),
    (socket([0, 0, 0, 0], 22, device: 3), ["0.0.0.0 eth1"]),
    (socket([0, 0, 0, 0], 22, transport: 132), []),
  ]

  @Test(arguments: cases)
  func `a socket is reached on its addresses, by the devices that have them`(socket: WaitingSocket, expected: [String])
  {
    let ports = HostExposure(Self.facts([socket])).ports
    #expect(ports.map { "\($0.address) \($0.interfaces.joined(separator: ","))" } == expected)
    #expect(ports.allSatisfy { $0.opener == .process(id: 7, program: "sshd", cgroupContainer: nil) })
  }

  @Test func `ports of other engines are told, those of the own table and of the loopback are not`() {
    var facts = Self.facts([])
    facts.ownTable = "bulkhead-own"
    let sets = """
      \tmap ports {
      \t\ttype inet_proto . inet_service : ipv4_addr . inet_service
      \t\telements = { tcp . 8080 : 172.20.0.2 . 80, udp . 53 : 172.20.0.3 . 5353 }
      \t}

      \tmap ports_at {
      \t\telements = { 127.0.0.1 . tcp . 81 : 172.20.0.2 . 80,
      \t\t\t     192.0.2.1 . tcp . 82 : 172.20.0.2 . 80 }
      \t}

      \tmap ports6 {
      \t\telements = { tcp . 8080 : fd00::2 . 80 }
      \t}
      """
    facts.ruleset = HostRuleset(
      parsing: "table inet bulkhead-own {\n\(sets)\n}\ntable inet bulkhead-two {\n\(sets)\n}")
    facts.legacyTables = ["ip filter"]
    let exposure = HostExposure(facts)
    #expect(
      exposure.ports.map { "\($0.port)/\($0.transport.rawValue) \($0.address)" }
        == [
          "53/udp 0.0.0.0", "82/tcp 192.0.2.1", "8080/tcp 0.0.0.0", "8080/tcp ::",
        ])
    #expect(exposure.ports.first?.opener == .otherEngine("two", containerPort: 5353))
    #expect(exposure.warnings == ["rules of iptables-legacy are loaded and not read: ip filter"])
  }

  static let groups: [(text: String, id: String?)] = [
    ("12:pids:/docker/\(String(repeating: "a1", count: 32))\n0::/", String(repeating: "a1", count: 32)),
    ("0::/system.slice/docker-\(String(repeating: "0f", count: 32)).scope", String(repeating: "0f", count: 32)),
    ("0::/user.slice", nil), ("0::/\(String(repeating: "g", count: 64))", nil), ("", nil),
  ]

  @Test(arguments: groups)
  func `a container is known by its control group`(text: String, id: String?) {
    #expect(SocketOwner.container(in: text) == id)
  }
}

@Suite("What other hosts reach, looked at", .enabled(if: TestHost.isRoot), .blockingThreads)
struct LiveExposureTests {
  private static let ports: [UInt16] = [8080, 8081, 9000, 9001, 9002]

  /// What connects from the namespace outside, and what the list says: `port/protocol address`.
  private func compare(_ host: TestHost) throws {
    let exposure = try host.onHost { [host] in try host.stack.exposure() }
    let listed = Set(
      exposure.ports.filter { $0.verdict.kind == .open && $0.transport == .tcp }.map {
        "\($0.port) \($0.address.contains(":") ? 6 : 4)"
      })
    var scanned: Set<String> = []
    for port in Self.ports {
      for (family, target) in [
        (4, SocketAddress.ipv4(TestHost.hostAddress, port: port)), (6, .ipv6(TestHost.hostIPv6.octets, port: port)),
      ] where try host.onOutside({ TestTraffic.connects(to: target) }) {
        scanned.insert("\(port) \(family)")
      }
    }
    #expect(listed == scanned)
  }

  @Test func `the list equals a scan, with and without a firewall that denies`() throws {
    let host = try TestHost()
    let network = try host.network("front", ipv6: true)
    let server = try host.container("server", on: network)
    let listener = try server.run { try TestTraffic.listen(.tcp, at: .ipv6(IPv6Address.any.octets, port: 80)) }
    let own = try host.onHost {
      [
        try TestTraffic.listen(.tcp, port: 9000), try TestTraffic.listen(.tcp, port: 9001, address: .loopback),
        try TestTraffic.listen(.tcp, at: .ipv6(IPv6Address.any.octets, port: 9002)),
      ]
    }
    try host.onHost { [host, server] in
      try host.stack.guardFirewall()
      _ = try host.stack.publish(
        [
          PortRequest(protocol: .tcp, containerPort: 80, hostPorts: 8080...8080),
          PortRequest(protocol: .tcp, containerPort: 80, hostAddress: "127.0.0.1", hostPorts: 8081...8081),
          PortRequest(protocol: .udp, containerPort: 53, hostPorts: 5353...5353),
        ], endpoint: server.endpoint, containerName: "server")
    }
    try compare(host)
    let exposure = try host.onHost { [host] in try host.stack.exposure() }
    let published = try #require(exposure.ports.first { $0.port == 8080 && $0.address == "0.0.0.0" })
    #expect(published.opener == .published(server.id, containerPort: 80) && published.interfaces == ["uplink"])
    #expect(exposure.ports.filter { $0.port == 5353 }.map(\.address) == ["0.0.0.0", "::"])
    #expect(exposure.ports.contains { $0.port == 9000 && $0.opener != .unknown })
    try host.nft(
      """
      table inet filter {
        chain input {
          type filter hook input priority filter; policy drop;
          iif "lo" accept
          ct state established,related accept
          icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
          tcp dport 9002 accept
        }
      }
      """)
    #expect(try host.becomes { try host.ruleset().contains("host_0") })
    try compare(host)
    try host.nft("add rule inet filter input tcp dport 8080 accept")
    #expect(try host.becomes { try host.ruleset().contains("tcp dport 8080 accept") })
    try compare(host)
    try host.nft("table inet filter { chain passing { type filter hook forward priority 0; policy drop; }; }")
    try compare(host)
    withExtendedLifetime((listener, own)) {}
  }
}
