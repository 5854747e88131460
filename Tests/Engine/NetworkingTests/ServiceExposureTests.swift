import TestNetwork
import Testing

@testable import LinuxSystem
@testable import Model
@testable import Networking

@Suite("Services of the cluster in the list of what other hosts reach")
struct ServiceExposureTests {
  private static let closing = #"iifname != "lo" iifname != "bh*" ct state new ip daddr 10.96.0.0/16 drop"#
  private static let passing = #"meta nfproto ipv4 iifname != "bh*" oifname != "bh*" drop"#

  private static func address(_ text: String) -> SocketAddress {
    guard let address = SocketAddress(text, port: 0) else { fatalError("a test's address: \(text)") }
    return address
  }

  /// - Parameters:
  ///   - host: chains of the host's own.
  ///   - own: addresses on the loopback device.
  private static func facts(
    _ text: String = ServiceTableSample.text, host: String = "",
    own: [String] = ["198.51.100.77", "198.51.100.78", "10.96.0.1", "10.96.0.10"]
  ) -> HostExposure.Facts {
    var facts = HostExposure.Facts()
    facts.ruleset = HostRuleset(parsing: text)
    if !host.isEmpty { facts.ruleset.tables += HostRuleset(parsing: "table inet filter {\n\(host)}\n").tables }
    facts.interfaces.addresses = ["eth0": [address("192.0.2.1")], "eth1": [address("192.0.3.1")]]
    facts.interfaces.shared = Set(own.map(address))
    return facts
  }

  private static func chain(_ hook: String, _ rules: String..., policy: String = "drop") -> String {
    let lines = rules.map { "\t\t\($0)\n" }.joined()
    return "\tchain \(hook) {\n\t\ttype filter hook \(hook) priority 0; policy \(policy);\n\(lines)\t}\n"
  }

  private static func lines(_ facts: HostExposure.Facts, _ kinds: Set<FirewallVerdict.Kind>) -> [String] {
    HostExposure(facts).ports.filter { kinds.contains($0.verdict.kind) }.map { port in
      var opener = "\(port.opener)"
      if case .service(let name, let place, _) = port.opener { opener = "\(place.rawValue) of \(name ?? "?")" }
      let place = "\(port.port)/\(port.transport.rawValue) \(port.address) \(port.interfaces.joined(separator: ","))"
      return "\(place) \(port.verdict.kind.rawValue): \(opener)"
    }
  }

  private static func verdict(_ port: UInt16, _ facts: HostExposure.Facts) -> FirewallVerdict? {
    HostExposure(facts).ports.first { $0.port == port && $0.address == "0.0.0.0" }?.verdict
  }

  @Test func `node ports, load balancers and external addresses are told with their service`() throws {
    #expect(
      Self.lines(Self.facts(), [.open, .depends]) == [
        "53/udp 198.51.100.78 eth0,eth1 depends: load balancer of default/guarded",
        "80/tcp 198.51.100.77 eth0,eth1 open: load balancer of default/web",
        "80/tcp 203.0.113.9  open: external address of default/web",
        "30053/udp 0.0.0.0 eth0,eth1 open: node port of default/guarded",
        "30080/tcp 0.0.0.0 eth0,eth1 open: node port of default/web",
        "30443/tcp 0.0.0.0 eth0,eth1 open: node port of default/sticky",
      ])
    let exposure = HostExposure(Self.facts())
    #expect(
      exposure.ports.first { $0.address == "198.51.100.78" }?.verdict.reason
        == "inet bulkhead-services admit: open to 192.0.2.0/24, 198.51.100.7")
    #expect(
      exposure.warnings == [
        "ports of SCTP are open by services and not judged: 54 (default/guarded), 30054 (default/guarded)"
      ])
    let node = try #require(exposure.ports.first { $0.port == 30_080 })
    #expect(node.opener == .service("default/web", .nodePort, table: "inet bulkhead-services"))
  }

  @Test func `what no other host reaches is closed, by the rule that closes it`() {
    #expect(
      Self.lines(Self.facts(), [.closed]) == [
        "53/udp 10.96.192.76  closed: cluster address of default/guarded",
        "80/tcp 10.96.7.7  closed: cluster address of default/web",
        "443/tcp 10.96.0.1 eth0,eth1 closed: cluster address of default/kubernetes",
        "443/tcp 10.96.128.72  closed: cluster address of default/sticky",
        "443/tcp 10.96.253.181  closed: cluster address of default/empty",
        "30444/tcp 0.0.0.0 eth0,eth1 closed: node port of default/empty",
      ])
    let ports = HostExposure(Self.facts()).ports
    #expect(
      ports.first { $0.address == "10.96.7.7" }?.verdict.reason == "inet bulkhead-services admit: \(Self.closing)")
    #expect(
      ports.first { $0.port == 30_444 }?.verdict.reason
        == "inet bulkhead-services: the service has no endpoint that may answer here")
  }

  @Test func `sockets at the cluster's addresses are as closed as the services there`() {
    var facts = Self.facts()
    let places: [[UInt8]] = [[10, 96, 0, 10], [198, 51, 100, 77]]
    facts.sockets = places.map { address in
      WaitingSocket(transport: 6, address: address, port: 9_053, interfaceIndex: 0, inode: 1, isIPv6Only: false)
    }
    let closing = "\t\t\(Self.closing)\n"
    func kinds() -> [String] {
      HostExposure(facts).ports.filter { $0.port == 9_053 }.map { "\($0.address) \($0.verdict.kind.rawValue)" }
    }
    #expect(kinds() == ["10.96.0.10 closed", "198.51.100.77 open"])
    facts.ruleset = HostRuleset(parsing: ServiceTableSample.text.replacing(closing, with: ""))
    #expect(kinds() == ["10.96.0.10 open", "198.51.100.77 open"])
  }

  @Test func `a table of an older agent is taken as it is`() {
    let old = ServiceTableSample.text.replacing("\t\t\(Self.closing)\n", with: "")
      .replacing(#/ comment "[^"]*"/#, with: "")
    let exposure = HostExposure(Self.facts(old))
    let cluster = exposure.ports.first { $0.address == "10.96.7.7" }
    #expect(
      cluster?.verdict
        == FirewallVerdict(
          kind: .depends, reason: "inet bulkhead-services: open to who has a route to 10.96.0.0/16 by this host"))
    #expect(cluster?.opener == .service(nil, .cluster, table: "inet bulkhead-services"))
    #expect(exposure.warnings.first?.contains("30054 (node port)") == true)
    let asleep = ServiceTableSample.text.replacing(
      "table inet bulkhead-services {\n", with: "table inet bulkhead-services {\n\tflags dormant\n\n")
    #expect(HostExposure(Self.facts(asleep)).ports.isEmpty)
  }

  @Test func `sources that nobody or everybody is among are told as that`() {
    func kind(_ text: String) -> FirewallVerdict.Kind? {
      HostExposure(Self.facts(text)).ports.first { $0.address == "198.51.100.78" }?.verdict.kind
    }
    let sample = ServiceTableSample.text
    #expect(kind(sample.replacing("udp . 53 . 192.0.2.0/24", with: "udp . 53 . 0.0.0.0/0")) == .open)
    #expect(kind(sample.replacing("198.51.100.78 . udp . 53 . ", with: "198.51.100.99 . udp . 53 . ")) == .closed)
    let unguarded = sample.replacing("ip saddr != @allowed drop", with: "ip saddr != @allowed counter")
    #expect(kind(unguarded) == .open)
  }

  @Test func `the host's chains on the way to pods are asked, for each endpoint`() {
    let toOne = Self.chain("forward", #"oifname "bh*" ip daddr 10.244.0.5 accept"#)
    // By 30080 and 30443 to both pods, by 30053 to the one that is let through.
    #expect(Self.verdict(30_053, Self.facts(host: toOne))?.kind == .open)
    for port in [30_080, 30_443] as [UInt16] {
      #expect(
        Self.verdict(port, Self.facts(host: toOne))
          == FirewallVerdict(
            kind: .depends, reason: "closed for some endpoints: inet filter forward: policy drop"))
    }
    let link = Self.chain("forward", #"oifname "bhabcd0123456bb" ct status dnat accept"#)
    #expect(Self.verdict(30_053, Self.facts(host: link))?.kind == .closed)
    #expect(Self.lines(Self.facts(host: Self.chain("forward")), [.open, .depends]).isEmpty)
    // What the host says of its own ports is not asked here.
    #expect(Self.verdict(30_080, Self.facts(host: Self.chain("input")))?.kind == .open)
    let before = Self.chain("prerouting", "tcp dport 30080 drop", policy: "accept")
    #expect(Self.verdict(30_080, Self.facts(host: before))?.kind == .closed)
    #expect(Self.verdict(30_443, Self.facts(host: before))?.kind == .open)
  }

  @Test func `endpoints on the host itself are asked about at input, by the port they listen at`() {
    let own = ["10.244.0.5", "10.244.0.6"]
    let rules = Self.chain("input", "tcp dport 8080 ct status dnat fib daddr type local accept")
    #expect(Self.verdict(30_080, Self.facts(host: rules, own: own))?.kind == .open)
    #expect(Self.verdict(30_443, Self.facts(host: rules, own: own))?.kind == .closed)
  }

  @Test func `endpoints elsewhere are reached where the host passes something on`() {
    let gone = ServiceTableSample.text.replacing("10.244.0.5", with: "192.0.3.5")
      .replacing("10.244.0.6", with: "192.0.3.6").replacing("set sources", with: "set others")
    #expect(
      Self.verdict(30_080, Self.facts(gone))
        == FirewallVerdict(kind: .closed, reason: "inet bulkhead-test forward: \(Self.passing)"))
    #expect(Self.verdict(30_080, Self.facts(gone.replacing("\t\t\(Self.passing)\n", with: "")))?.kind == .open)
  }

  @Test func `damaged text breaks nothing`() {
    var random = SeededGenerator(seed: 0x5e2)
    let lines = ServiceTableSample.text.split(separator: "\n", omittingEmptySubsequences: false)
    for _ in 0..<60 {
      let damaged = lines.compactMap { line -> String? in
        switch Int.random(in: 0..<40, using: &random) {
        case 0: nil
        case 1: line.split(separator: " ").dropLast().joined(separator: " ")
        case 2: "\t\t" + line.split(separator: " ").shuffled(using: &random).joined(separator: " ")
        default: String(line)
        }
      }
      let exposure = HostExposure(Self.facts(damaged.joined(separator: "\n")))
      #expect(exposure.ports.allSatisfy { !$0.verdict.reason.isEmpty })
    }
  }
}
