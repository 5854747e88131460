import Model

/// What the host's own chains say to a new connection from another host, found by reading them. Pure.
///
/// Decided are matches on port, transport, family, destination, the state of the connection, and the devices of loopback and
/// containers. Whatever else a rule asks for (who sends, from which device, how often) makes the answer depend on it.
public struct FirewallVerdict: Sendable, Equatable {
  public enum Kind: String, Sendable { case open, closed, depends }

  public var kind: Kind
  /// The chain, with the rule or policy that decides.
  public var reason: String

  /// The packet that is asked about, as a chain at one hook sees it.
  struct Packet: Sendable {
    /// `prerouting`, `input` or `forward`.
    var hook: String
    var transport: TransportProtocol
    var port: UInt16
    var isIPv6: Bool
    /// Nil where it may be any address of the host.
    var destination: String?
    /// The device it leaves through, where it is passed on.
    var output: String?
    /// It was for another port, or another address of the host.
    var isRedirected = false

    var isTranslated: Bool { hook == "forward" || isRedirected }
  }

  private static let nobody = "no rule of the host's asks"

  /// Asks every base chain that sees one of the packets; each has to accept.
  ///
  /// - Parameters:
  ///   - packets: one packet at the hooks that it passes, in this order.
  ///   - unfollowed: copies of chains whose rules cannot be followed though they ought to be.
  init(of packets: [Packet], in ruleset: HostRuleset, unfollowed: [InputMirror.Copy] = []) {
    var answers: [FirewallVerdict] = []
    for packet in packets {
      let families = packet.isIPv6 ? ["inet", "ip6"] : ["inet", "ip"]
      for table in ruleset.tables
      where families.contains(table.family) && !table.name.hasPrefix(InstanceNames.tablePrefix) && !table.isDormant {
        for chain in table.chains where chain.hook?.hook == packet.hook && chain.hook?.type == "filter" {
          let label = "\(table.family) \(table.name) \(chain.name)"
          if let copy = unfollowed.first(where: { $0.label == label }) {
            answers.append(Self.ask(unfollowed: copy))
          } else {
            answers.append(Self.ask(chain, of: table, label: label, packet: packet))
          }
        }
      }
    }
    let worst = answers.first { $0.kind == .closed } ?? answers.first { $0.kind == .depends }
    // A rule that opens the port tells more than a policy.
    let telling = answers.filter { $0.reason != Self.nobody }
    self =
      worst ?? telling.last { !$0.reason.hasSuffix(": policy accept") } ?? telling.last
      ?? FirewallVerdict(kind: .open, reason: Self.nobody)
  }

  init(kind: Kind, reason: String) {
    self.kind = kind
    self.reason = reason
  }

  private static func ask(unfollowed copy: InputMirror.Copy) -> FirewallVerdict {
    let policy = copy.effectivePolicy
    return FirewallVerdict(
      kind: policy == "drop" ? .closed : .open,
      reason: "\(copy.label): policy \(policy), as its rules cannot be followed: \(copy.problem ?? "")")
  }

  private static func ask(
    _ chain: HostRuleset.Chain, of table: HostRuleset.Table, label: String, packet: Packet
  ) -> FirewallVerdict {
    let isDenying = chain.hook?.policy == "drop"
    let policy = "\(label): policy \(isDenying ? "drop" : "accept")"
    if chain.rules.isEmpty {
      return FirewallVerdict(kind: isDenying ? .closed : .open, reason: isDenying ? policy : nobody)
    }
    var walk = RuleWalk(table: table, packet: packet)
    let ends = walk.run(chain, depth: 0)
    let accepted = ends.accepts ?? (ends.passes && !isDenying ? "policy accept" : nil)
    let denied = ends.denies ?? (ends.passes && isDenying ? "policy drop" : nil)
    switch (accepted, denied) {
    case (let rule?, nil): return FirewallVerdict(kind: .open, reason: "\(label): \(rule)")
    case (nil, let rule): return FirewallVerdict(kind: .closed, reason: "\(label): \(rule ?? "policy drop")")
    default: return FirewallVerdict(kind: .depends, reason: "\(label): \(walk.doubt ?? "too many rules to follow")")
    }
  }
}

/// The ends that a packet may come to in a chain, by the rules that lead there.
struct RuleEnds: Sendable, Equatable {
  var accepts: String?
  var denies: String?
  /// It may come to the end of the chain, or to `return`.
  var passes = false
}

/// Follows a packet through the chains of one table, along every way that it may take.
struct RuleWalk {
  let table: HostRuleset.Table
  let packet: FirewallVerdict.Packet
  /// The first rule of which it is not known whether it matches, and which decides.
  private(set) var doubt: String?
  private var steps = 0

  /// The kernel's own bound of jumps.
  static let maximumDepth = 16
  static let maximumSteps = 100_000

  init(table: HostRuleset.Table, packet: FirewallVerdict.Packet) {
    self.table = table
    self.packet = packet
  }

  mutating func run(_ chain: HostRuleset.Chain, depth: Int) -> RuleEnds {
    var ends = RuleEnds()
    for rule in chain.rules {
      steps += 1
      guard steps < Self.maximumSteps, depth < Self.maximumDepth else {
        return RuleEnds(accepts: ends.accepts ?? rule, denies: ends.denies ?? rule, passes: true)
      }
      var reader = RuleReader(rule, packet: packet, table: table)
      reader.read()
      if reader.match == .no || reader.branches.isEmpty { continue }
      if reader.match == .maybe, doubt == nil { doubt = rule }
      let isSure = reader.match == .yes
      var goesOn = !isSure
      for branch in reader.branches {
        switch branch.verdict {
        // The rule that is sure to open tells more than one that may.
        case "accept": ends.accepts = isSure ? rule : ends.accepts ?? rule
        case "drop", "reject": ends.denies = ends.denies ?? rule
        case "return": ends.passes = true
        case "jump", "goto":
          // nft lists no rule that leads nowhere.
          guard let target = branch.target.flatMap(table.chain) else { continue }
          let inner = run(target, depth: depth + 1)
          ends.accepts = ends.accepts ?? inner.accepts.map { "\(target.name): \($0)" }
          ends.denies = ends.denies ?? inner.denies.map { "\(target.name): \($0)" }
          if inner.passes {
            if branch.verdict == "goto" { ends.passes = true } else { goesOn = true }
          }
        default: goesOn = true
        }
      }
      if !goesOn { return ends }
    }
    ends.passes = true
    return ends
  }
}
