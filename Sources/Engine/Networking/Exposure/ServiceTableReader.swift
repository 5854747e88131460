import Model

/// Reads where the cluster's services are reached, from the table by which its agent leads packets to their endpoints. Pure.
///
/// The kernel goes by that table whether or not an agent runs. No socket waits at these places.
struct ServiceTableReader: Sendable {
  private typealias Names = ServiceTableNames

  struct Frontend: Sendable, Equatable {
    /// `tcp`, `udp` or `sctp`.
    var transport: String
    /// Nil: every address of the host.
    var address: IPv4Address?
    var port: UInt16
    /// `namespace/name`, where the table tells it.
    var service: String?
    var place: ExposedPort.ServicePlace
    /// Packets are refused or dropped: no endpoint may answer here.
    var isRefused: Bool
    /// The endpoints that new connections are led to.
    var backends: [SocketAddress] = []
  }

  /// `inet bulkhead-services`
  let label: String
  private(set) var frontends: [Frontend] = []
  /// The cluster's own addresses.
  private var range: IPv4Subnet?
  /// Others' packets for them are dropped.
  private var isRangeClosed = false
  /// Who may use a key, as nft writes addresses and ranges; nil where the rule that looks at it is missing.
  private var guests: [[String]: [String]]?

  /// Nil for other tables.
  init?(_ table: HostRuleset.Table) {
    guard table.family == "inet", table.name.hasPrefix(InstanceNames.tablePrefix), !table.isDormant,
      table.set(Names.nodeServices) != nil
    else { return nil }
    label = "inet \(table.name)"
    range = (table.chain(Names.refusalChain)?.rules ?? []).lazy.compactMap { Self.clusterRange($0) }.first
    let admission = table.chain(Names.admissionChain)?.rules ?? []
    if let range { isRangeClosed = admission.contains(Names.closingRule(range)) }
    if admission.contains(Names.admissionRule) { guests = Self.allowedSources(table) }
    let balancers = Set((table.set(Names.balancers)?.entries ?? []).compactMap { $0.first.flatMap { IPv4Address($0) } })
    let chains = Dictionary(table.chains.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    let maps: [(String, String?)] = [
      (Names.services, Names.endpoints), (Names.nodeServices, Names.nodeEndpoints), (Names.refused, nil),
      (Names.nodeRefused, nil),
    ]
    for (map, endpoints) in maps {
      let known = endpoints.map { Self.endpoints(table, $0) }
      for entry in table.set(map)?.entries ?? [] {
        let key = Self.key(entry)
        guard var frontend = Self.frontend(key) else { continue }
        if let address = frontend.address {
          frontend.place =
            range?.contains(address) == true ? .cluster : balancers.contains(address) ? .balancer : .external
        }
        frontend.service = Self.comment(entry)
        frontend.isRefused = known == nil
        if let known, let chain = entry.last {
          let sticky = Self.followed(chain, chains)
          frontend.backends = sticky.isEmpty ? known[key] ?? [] : sticky
        }
        frontends.append(frontend)
      }
    }
  }

  // MARK: - Verdicts

  /// Of packets for one of the cluster's own addresses; nil where others are let in.
  func closing(_ address: IPv4Address) -> FirewallVerdict? {
    guard isRangeClosed, let range, range.contains(address) else { return nil }
    return FirewallVerdict(
      kind: .closed, reason: "\(label) \(Names.admissionChain): \(Names.closingRule(range))")
  }

  /// What the table itself says to other hosts; nil where it leads them on, whoever they are.
  func verdict(_ frontend: Frontend) -> FirewallVerdict? {
    if let closed = frontend.address.flatMap(closing) { return closed }
    if frontend.isRefused {
      return FirewallVerdict(kind: .closed, reason: "\(label): the service has no endpoint that may answer here")
    }
    if frontend.place == .cluster, let range {
      return FirewallVerdict(kind: .depends, reason: "\(label): open to who has a route to \(range) by this host")
    }
    guard let address = frontend.address,
      let sources = guests?[[address.description, frontend.transport, "\(frontend.port)"]],
      !sources.contains("0.0.0.0/0")
    else { return nil }
    let admission = "\(label) \(Names.admissionChain)"
    if sources.isEmpty { return FirewallVerdict(kind: .closed, reason: "\(admission): nobody may use the address") }
    let named = sources.sorted().prefix(Self.shownSources).joined(separator: ", ")
    let more = sources.count > Self.shownSources ? " and \(sources.count - Self.shownSources) more" : ""
    return FirewallVerdict(kind: .depends, reason: "\(admission): open to \(named)\(more)")
  }

  /// Sources that a reason names.
  private static let shownSources = 3

  // MARK: - Words

  private static func clusterRange(_ rule: String) -> IPv4Subnet? {
    let words = rule.split(separator: " ")
    guard words.count == 5, let range = IPv4Subnet(String(words[2])) else { return nil }
    return rule == Names.rangeRule(range) ? range : nil
  }

  /// The parts of an entry's key.
  private static func key(_ entry: [String]) -> [String] {
    entry.prefix { $0 != ":" && $0 != "comment" }.filter { $0 != "." }
  }

  private static func comment(_ entry: [String]) -> String? {
    guard let place = entry.firstIndex(of: "comment"), entry.indices.contains(place + 1) else { return nil }
    return entry[place + 1].trimmingQuotes
  }

  /// `[address] transport port`
  private static func frontend(_ key: [String]) -> Frontend? {
    guard (2...3).contains(key.count), let port = key.last.flatMap({ UInt16($0) }) else { return nil }
    let address = key.count == 3 ? IPv4Address(key[0]) : nil
    guard key.count == 2 || address != nil else { return nil }
    return Frontend(
      transport: key[key.count - 2], address: address, port: port, place: .nodePort, isRefused: false)
  }

  /// Who may use the keys that only some may.
  private static func allowedSources(_ table: HostRuleset.Table) -> [[String]: [String]] {
    var sources: [[String]: [String]] = [:]
    for entry in table.set(Names.guarded)?.entries ?? [] { sources[key(entry)] = [] }
    for entry in table.set(Names.allowed)?.entries ?? [] {
      let parts = key(entry)
      if let source = parts.last { sources[Array(parts.dropLast())]?.append(source) }
    }
    return sources
  }

  /// Endpoints by the key that leads there: entries `[address] transport port number : address port`.
  private static func endpoints(_ table: HostRuleset.Table, _ map: String) -> [[String]: [SocketAddress]] {
    var result: [[String]: [SocketAddress]] = [:]
    for entry in table.set(map)?.entries ?? [] {
      guard let colon = entry.firstIndex(of: ":") else { continue }
      let value = entry[(colon + 1)...].filter { $0 != "." }
      guard value.count == 2, let port = UInt16(value[1]), let backend = SocketAddress(value[0], port: port) else {
        continue
      }
      result[Array(key(entry).dropLast()), default: []].append(backend)
    }
    return result
  }

  /// Where the chains translate to that a chain goes to: of services whose clients stay with an endpoint.
  private static func followed(_ chain: String, _ chains: [String: HostRuleset.Chain]) -> [SocketAddress] {
    var result: [SocketAddress] = []
    let members = Set((chains[chain]?.rules ?? []).flatMap { words(after: "goto", in: $0) }).sorted()
    for rule in members.flatMap({ chains[$0]?.rules ?? [] }) {
      for target in words(after: "to", in: rule) {
        let parts = target.split(separator: ":").map(String.init)
        guard parts.count == 2, let port = UInt16(parts[1]) else { continue }
        if let backend = SocketAddress(parts[0], port: port) { result.append(backend) }
      }
    }
    return result
  }

  private static func words(after word: String, in rule: String) -> [String] {
    let words = NFTWords.split(rule).map(\.text)
    return zip(words, words.dropFirst()).filter { $0.0 == word }.map { $0.1 }
  }
}
