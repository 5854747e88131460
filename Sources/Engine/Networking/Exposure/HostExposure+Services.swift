import Glibc
import Model

/// Ports that no socket waits at: services of the cluster, as the table of its agent leads to them.
extension HostExposure {
  /// What becomes of packets once a service's table has translated them.
  private struct Ways {
    /// Devices of containers by their addresses.
    var links: [IPv4Address: String] = [:]
    /// Says that the host passes nothing on between others.
    var closing: FirewallVerdict?

    init(_ ruleset: HostRuleset) {
      let rule = FirewallRules.closingRule(.ipv4)
      for table in ruleset.tables
      where table.family == "inet" && table.name.hasPrefix(InstanceNames.tablePrefix) && !table.isDormant {
        for entry in table.set(FirewallRules.sources)?.entries ?? [] {
          let words = entry.filter { $0 != "." }
          guard words.count == 2, let address = IPv4Address(words[1]) else { continue }
          links[address] = words[0].trimmingQuotes
        }
        let forward = FirewallRules.forwardChain
        if table.chain(forward)?.rules.contains(rule) == true {
          closing = FirewallVerdict(kind: .closed, reason: "inet \(table.name) \(forward): \(rule)")
        }
      }
    }
  }

  /// Services whose ports of SCTP a warning names.
  private static let shownServices = 8

  static func portsOfServices(
    _ tables: [ServiceTableReader], _ facts: Facts
  ) -> (ports: [ExposedPort], warnings: [String]) {
    guard !tables.isEmpty else { return ([], []) }
    let ways = Ways(facts.ruleset)
    var ports: [ExposedPort] = []
    var unjudged: [String] = []
    for table in tables {
      for frontend in table.frontends {
        let address = SocketAddress.ipv4(frontend.address ?? .any, port: frontend.port)
        guard !address.isLoopback else { continue }
        guard let transport = TransportProtocol(rawValue: frontend.transport) else {
          if table.verdict(frontend)?.kind != .closed {
            unjudged.append("\(frontend.port) (\(frontend.service ?? frontend.place.rawValue))")
          }
          continue
        }
        ports.append(
          ExposedPort(
            transport: transport, address: address.host, port: address.port,
            interfaces: facts.interfaces.reaching(address),
            opener: .service(frontend.service, frontend.place, table: table.label),
            verdict: verdict(table.verdict(frontend), of: frontend, transport, address, ways, facts)))
      }
    }
    guard !unjudged.isEmpty else { return (ports, []) }
    let named = unjudged.prefix(shownServices).joined(separator: ", ")
    let more = unjudged.count > shownServices ? " and \(unjudged.count - shownServices) more" : ""
    return (ports, ["ports of SCTP are open by services and not judged: \(named)\(more)"])
  }

  /// - Parameter own: what the services' table says.
  private static func verdict(
    _ own: FirewallVerdict?, of frontend: ServiceTableReader.Frontend, _ transport: TransportProtocol,
    _ address: SocketAddress, _ ways: Ways, _ facts: Facts
  ) -> FirewallVerdict {
    if let own, own.kind == .closed { return own }
    // Where others can come in at all, the host's chains have the last word.
    let arrival = Array(arriving(transport, address).prefix(1))
    guard !frontend.backends.isEmpty else { return own ?? FirewallVerdict(of: arrival, in: facts.ruleset) }
    let answers = frontend.backends.map { onward(arrival, transport, to: $0, ways, facts) }
    let closed = answers.first { $0.kind == .closed }
    if let closed, answers.allSatisfy({ $0.kind == .closed }) { return closed }
    if let own { return own }
    if let open = answers.last, answers.allSatisfy({ $0.kind == .open }) { return open }
    return answers.first { $0.kind == .depends }
      ?? FirewallVerdict(kind: .depends, reason: "closed for some endpoints: \(closed?.reason ?? "")")
  }

  /// Asks the chains that see a packet on its way to one endpoint.
  private static func onward(
    _ arrival: [FirewallVerdict.Packet], _ transport: TransportProtocol, to backend: SocketAddress, _ ways: Ways,
    _ facts: Facts
  ) -> FirewallVerdict {
    var packet = FirewallVerdict.Packet(
      hook: "forward", transport: transport, port: backend.port, isIPv6: backend.family == AF_INET6,
      destination: backend.host)
    if facts.interfaces.isOwn(backend) {
      packet.hook = "input"
      packet.isRedirected = true
    } else if case .ipv4(let address, _) = backend, let link = ways.links[address] {
      packet.output = link
    } else if let closing = ways.closing {
      return closing
    }
    return FirewallVerdict(of: arrival + [packet], in: facts.ruleset)
  }
}
