import LinuxSystem
import Model

/// The rules of one container's port that has limits, on every address of the host where it is published.
struct LimitGroup: Sendable, Hashable {
  var container: ContainerID
  var limits: PortLimits
  /// Those of the port, sorted by address.
  var bindings: [PortBinding]

  /// The groups of a container's ports.
  static func groups(_ limits: [PortLimits], of container: ContainerID, at bindings: [PortBinding]) -> [LimitGroup] {
    limits.compactMap { limits in
      let own = bindings.filter { $0.protocol == limits.transport && $0.containerPort == limits.containerPort }
        .sorted { ($0.hostPort, $0.hostAddress) < ($1.hostPort, $1.hostAddress) }
      return own.isEmpty || limits.texts.isEmpty ? nil : LimitGroup(container: container, limits: limits, bindings: own)
    }
  }

  /// The chain's name, which says everything that is in it: a chain of this name need not be looked into.
  var chain: String {
    let text =
      "\(container.hex) \(limits.transport) \(limits.containerPort) \(limits.texts) \(bindings.map { "\($0.hostAddress) \($0.hostPort)" })"
    return LimitRules.prefix + String(NameHash.of(text), radix: 16)
  }

  /// The rules of the chain; what they do not drop goes on.
  ///
  /// Who asks for too much is refused before he is counted for all.
  var rules: [String] {
    let drop = "counter name \"\(chain)\" drop"
    let sources = [("4", "ip saddr"), ("6", "ip6 saddr & ffff:ffff:ffff:ffff::")]
    var rules: [String] = []
    if let rate = limits.ratePerSource {
      rules += sources.map {
        "update @\(chain)_r\($0.0) { \($0.1) limit rate over \(rate) burst \(Self.burst(rate)) packets } \(drop)"
      }
    }
    if let rate = limits.rate { rules.append("limit rate over \(rate) burst \(Self.burst(rate)) packets \(drop)") }
    if let count = limits.connectionsPerSource {
      rules += sources.map { "add @\(chain)_c\($0.0) { \($0.1) ct count over \(count) } \(drop)" }
    }
    if let count = limits.connections { rules.append("ct count over \(count) \(drop)") }
    return rules
  }

  /// Connections that may come at once: those of a second, and of longer spans a few.
  private static func burst(_ rate: PortLimits.Rate) -> Int { rate.span == .second ? rate.count : min(rate.count, 5) }

  static let setSuffixes = ["_r4", "_r6", "_c4", "_c6"]

  /// Counter, sets and chain. Sets are bounded; beyond that, the limits for all together still hold.
  var declarations: String {
    """
      counter \(chain) { }
      set \(chain)_r4 { type ipv4_addr; flags dynamic,timeout; timeout 2m; size 65535; }
      set \(chain)_r6 { type ipv6_addr; flags dynamic,timeout; timeout 2m; size 65535; }
      set \(chain)_c4 { type ipv4_addr; flags dynamic; size 65535; }
      set \(chain)_c6 { type ipv6_addr; flags dynamic; size 65535; }
      chain \(chain) {
    \(rules.map { "    \($0)\n" }.joined())  }

    """
  }

  /// The entries that lead to the chain, as nft reads them, by map.
  var entries: [(map: String, entry: String)] {
    bindings.compactMap { binding in
      guard let address = SocketAddress(binding.hostAddress, port: binding.hostPort) else { return nil }
      let port = "\(binding.protocol.rawValue) . \(binding.hostPort)"
      let isIPv6 = binding.hostAddress.contains(":")
      let map =
        address.isAny
        ? (isIPv6 ? LimitRules.all6 : LimitRules.all) : (isIPv6 ? LimitRules.at6 : LimitRules.at)
      return (map, "\(address.isAny ? port : "\(address.host) . \(port)") : jump \(chain)")
    }
  }
}

/// The part of the engine's table that limits published ports; it is only there while some port has limits.
///
/// It stands before translation, where a packet still names the port of the host, and asks about new connections alone. The
/// host's own connections to its ports do not come by.
enum LimitRules {
  static let prefix = "limit_"
  static let baseChain = "limit_base"
  static let (all, at, all6, at6) = ("limits", "limits_at", "limits6", "limits6_at")
  static let maps = [all, at, all6, at6]
  /// Rules of the base chain.
  static let baseRuleCount = 6
  /// After the copies of the host's chains, before translation (-100).
  private static let priority = -105

  private static let base = """
      map \(all) { type inet_proto . inet_service : verdict; }
      map \(at) { type ipv4_addr . inet_proto . inet_service : verdict; }
      map \(all6) { type inet_proto . inet_service : verdict; }
      map \(at6) { type ipv6_addr . inet_proto . inet_service : verdict; }
      chain \(baseChain) {
        type filter hook prerouting priority \(priority); policy accept;
        ct state != new accept
        fib daddr type != local accept
        meta nfproto ipv4 meta l4proto . th dport vmap @\(all)
        ip daddr . meta l4proto . th dport vmap @\(at)
        meta nfproto ipv6 meta l4proto . th dport vmap @\(all6)
        ip6 daddr . meta l4proto . th dport vmap @\(at6)
      }

    """

  /// How many rules the table holds for these groups.
  static func ruleCount(_ groups: Set<LimitGroup>) -> Int {
    groups.isEmpty ? 0 : baseRuleCount + groups.reduce(0) { $0 + $1.rules.count }
  }

  /// The text that leads from the chains that are there to those of the groups, leaving equal ones, and what they have
  /// counted, as they are; empty where nothing is to be done.
  static func change(table: String, from present: Set<String>, to groups: Set<LimitGroup>) -> String {
    let wanted = Set(groups.map(\.chain))
    let stale = present.subtracting(wanted).subtracting([baseChain]).sorted()
    let missing = groups.filter { !present.contains($0.chain) }.sorted { $0.chain < $1.chain }
    let hasBase = present.contains(baseChain)
    if stale.isEmpty && missing.isEmpty && hasBase != groups.isEmpty { return "" }
    var lines: [String] = []
    if hasBase { lines += maps.map { "flush map inet \(table) \($0)" } }
    for chain in stale {
      lines.append("delete chain inet \(table) \(chain)")
      lines += LimitGroup.setSuffixes.map { "delete set inet \(table) \(chain)\($0)" }
      lines.append("delete counter inet \(table) \(chain)")
    }
    if groups.isEmpty {
      lines.append("delete chain inet \(table) \(baseChain)")
      lines += maps.map { "delete map inet \(table) \($0)" }
      return lines.map { $0 + "\n" }.joined()
    }
    let declarations = (hasBase ? "" : base) + missing.map(\.declarations).joined()
    lines.append("table inet \(table) {\n\(declarations)}")
    for (map, entry) in groups.sorted(by: { $0.chain < $1.chain }).flatMap(\.entries) {
      lines.append("add element inet \(table) \(map) { \(entry) }")
    }
    return lines.map { $0 + "\n" }.joined()
  }
}

extension Firewall {
  /// Adds the limits of published ports, or takes some back. Runs nft once where anything changes, and not at all in an
  /// engine without limits.
  func limit(add: [LimitGroup] = [], remove: [LimitGroup] = []) throws {
    guard !add.isEmpty || !remove.isEmpty else { return }
    try state.withLock { state in
      try load(&state)
      try settleLimits((state.limits ?? []).union(add).subtracting(remove), in: &state)
    }
  }

  /// Makes the limits exactly these; what is counted for those that are there already is kept.
  func replaceLimits(with groups: Set<LimitGroup>) throws {
    try state.withLock { state in
      try load(&state)
      try settleLimits(groups, in: &state)
    }
  }

  private func settleLimits(_ groups: Set<LimitGroup>, in state: inout State) throws {
    if state.limits == groups { return }
    let present = Set(try ruleChains().filter { $0.hasPrefix(LimitRules.prefix) })
    let text = LimitRules.change(table: table, from: present, to: groups)
    if !text.isEmpty { try NFTProgram.load(text) }
    state.limits = groups
  }

  /// The chain of each rule of the table, one entry for each rule.
  private func ruleChains() throws -> [String] {
    try socket.run([NFTables.rules(table: table)], subject: table).joined().compactMap { NFTables.Rule($0)?.chain }
  }

  /// Whether the entries that lead to limits are all there; the chains themselves are counted with the skeleton.
  func areLimitsWhole(_ groups: Set<LimitGroup>?) throws -> Bool {
    guard let groups, !groups.isEmpty else { return true }
    let wanted = groups.flatMap(\.entries).reduce(into: [String: Int]()) { $0[$1.map, default: 0] += 1 }
    for map in LimitRules.maps {
      let replies = try socket.run([NFTables.elements(table: table, set: map)], subject: "\(table) \(map)")
      if replies.joined().flatMap(NFTables.decodeElements).count != wanted[map] ?? 0 { return false }
    }
    return true
  }

  /// Packets that limits have dropped since they were set, by the limits' groups.
  func limitDrops() throws -> [LimitGroup: UInt64] {
    let groups = state.withLock { $0.limits ?? [] }
    guard !groups.isEmpty else { return [:] }
    let replies = try socket.run([NFTables.counters(table: table)], subject: table)
    let counters = Dictionary(replies.joined().compactMap(NFTables.decodeCounter)) { first, _ in first }
    return Dictionary(groups.map { ($0, counters[$0.chain] ?? 0) }) { first, _ in first }
  }
}
