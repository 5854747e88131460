import Internet

/// The rules of the proxy's table as `nft` reads them: they say how services are served, and its sets which there are.
struct TableText: Sendable {
  let settings: ServiceProxySettings

  /// Before the engine's own (-100, 100): what a service takes is no published port. The kernel translates at -100 and 100
  /// all the same, so that -120 sees a packet before that and -90 after it.
  private static let translationPriority = -105
  private static let leavingPriority = 95
  private static let admissionPriority = -120
  private static let refusalPriority = -90
  /// The bit of a packet's mark that has its sender hidden, as other proxies of services use it.
  private static let mark = "0x4000"
  private static let markMask = "0xffffbfff"

  /// Where chains are called.
  private static let hooks = [
    "refuse_arriving": "type filter hook prerouting priority \(refusalPriority); policy accept;",
    "refuse_local": "type filter hook output priority \(refusalPriority); policy accept;",
    RuleNames.admissionChain: "type filter hook prerouting priority \(admissionPriority); policy accept;",
    "translate_arriving": "type nat hook prerouting priority \(translationPriority); policy accept;",
    "translate_local": "type nat hook output priority \(translationPriority); policy accept;",
    "translate_leaving": "type nat hook postrouting priority \(leavingPriority); policy accept;",
  ]

  /// The chains of every table; those that choose by chance are not made by `nft`, which cannot read their rules a second time
  /// (1.0.6: a map whose type it was told by examples).
  private static let chainNames = [
    RuleNames.refuseChain, RuleNames.dropChain, RuleNames.refusalChain, "refuse_arriving", "refuse_local",
    RuleNames.admissionChain, "find", "translate_arriving", "translate_local", "translate_leaving",
  ]

  /// Makes the rules what they have to be, in one transaction: entries of sets, and what chooses by chance, stay.
  func load(groups: Set<StickyGroup>) -> String {
    let name = "inet \(settings.table)"
    let prepared = "table \(name) {\n\(Self.chainNames.map { "chain \($0) { \(Self.hooks[$0] ?? "") }\n" }.joined())}\n"
    let stale = groups.flatMap { [$0.chain] + $0.memberChains }.map {
      "add chain \(name) \($0)\nflush chain \(name) \($0)\n"
    }
    return """
      \(prepared)\(Self.chainNames.map { "flush chain \(name) \($0)\n" }.joined())\(stale.joined())
      table \(name) {
      \(setDeclarations)
      \(chains(groups))
      \(refusal)
      \(translation)
      }

      """
  }

  /// Removes the table first: what there is does not fit.
  func replace(groups: Set<StickyGroup>) -> String {
    "add table inet \(settings.table)\ndelete table inet \(settings.table)\n" + load(groups: groups)
  }

  /// Adds groups to a loaded table.
  ///
  /// - Parameter members: chains of single endpoints that are there already.
  func addition(groups: Set<StickyGroup>, existing members: Set<String>) -> String {
    "table inet \(settings.table) {\n\(chains(groups, existing: members))}\n"
  }

  /// Removes chains and sets that nothing refers to.
  func removal(chains: [String], sets: [String]) -> String {
    let name = "inet \(settings.table)"
    return
      (chains.map { "flush chain \(name) \($0)\n" } + chains.map { "delete chain \(name) \($0)\n" }
      + sets.map { "delete set \(name) \($0)\n" }).joined()
  }

  private func chains(_ groups: Set<StickyGroup>, existing members: Set<String> = []) -> String {
    var text = ""
    var done = members
    for group in groups.sorted(by: { $0.chain < $1.chain }) {
      text += group.setText
      for (index, chain) in group.memberChains.enumerated() where done.insert(chain).inserted {
        text += group.memberText(index)
      }
      text += group.chainText
    }
    return text
  }

  private var setDeclarations: String {
    let place = "ip daddr . meta l4proto . th dport"
    let nodePlace = "meta l4proto . th dport"
    let number = "numgen random mod 2"
    let target = "ip daddr . th dport"
    return """
        map \(RuleNames.services) { typeof \(place) : verdict; }
        map \(RuleNames.endpoints) { typeof \(place) . \(number) : \(target); }
        map \(RuleNames.nodeServices) { typeof \(nodePlace) : verdict; }
        map \(RuleNames.nodeEndpoints) { typeof \(nodePlace) . \(number) : \(target); }
        set \(RuleNames.masqueraded) { typeof \(place); }
        set \(RuleNames.nodeMasqueraded) { typeof \(nodePlace); }
        map \(RuleNames.refused) { typeof \(place) : verdict; }
        map \(RuleNames.nodeRefused) { typeof \(nodePlace) : verdict; }
        set \(RuleNames.guarded) { typeof \(place); }
        set \(RuleNames.allowed) { type ipv4_addr . inet_proto . inet_service . ipv4_addr; flags interval; }
        set \(RuleNames.loops) { type ipv4_addr . ipv4_addr; }
        set \(RuleNames.balancers) { type ipv4_addr; }
      """
  }

  /// What no rule of translation has taken is looked at after it.
  private var refusal: String {
    let answered = settings.answeredHere.flatMap { place in
      place.transports.map { "\(place.address) . \($0.rawValue) . \(place.port)" }
    }.joined(separator: ", ")
    return """
        chain \(RuleNames.refuseChain) {
          meta l4proto tcp reject with tcp reset
          reject with icmpx port-unreachable
        }
        chain \(RuleNames.dropChain) {
          drop
        }
        chain \(RuleNames.refusalChain) {
          ct state != new accept
          \(answered.isEmpty ? "" : "ip daddr . meta l4proto . th dport { \(answered) } accept")
          ip daddr . meta l4proto . th dport vmap @\(RuleNames.refused)
          \(ServiceTableNames.rangeRule(settings.serviceRange))
          ip daddr @\(RuleNames.balancers) goto \(RuleNames.refuseChain)
          fib daddr type local meta l4proto . th dport vmap @\(RuleNames.nodeRefused)
        }
        chain refuse_arriving {
          jump \(RuleNames.refusalChain)
        }
        chain refuse_local {
          jump \(RuleNames.refusalChain)
        }
        chain \(RuleNames.admissionChain) {
          \(ServiceTableNames.closingRule(settings.serviceRange))
          \(ServiceTableNames.admissionRule)
        }
      """
  }

  /// Clients are hidden where their endpoint would answer them past this node, and where the endpoint is the client itself or
  /// the client a loopback address, which could not be answered either.
  private var translation: String {
    """
      chain find {
        ip daddr . meta l4proto . th dport @\(RuleNames.masqueraded) meta mark set meta mark | \(Self.mark)
        ip daddr . meta l4proto . th dport vmap @\(RuleNames.services)
        fib daddr type != local return
        meta nfproto != ipv4 return
        meta l4proto . th dport @\(RuleNames.nodeMasqueraded) meta mark set meta mark | \(Self.mark)
        meta l4proto . th dport vmap @\(RuleNames.nodeServices)
      }
      chain translate_arriving {
        jump find
      }
      chain translate_local {
        jump find
      }
      chain translate_leaving {
        meta mark & \(Self.mark) == \(Self.mark) meta mark set meta mark & \(Self.markMask) masquerade
        ct status dnat ip saddr . ip daddr @\(RuleNames.loops) masquerade
        ct status dnat ip saddr 127.0.0.0/8 masquerade
      }
    """
  }
}
