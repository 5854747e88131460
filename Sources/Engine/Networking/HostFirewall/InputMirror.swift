/// What the host's own chains at the hook `input` say, to be asked about packets for published ports too.
///
/// A published port is translated before routing, so the kernel calls the chains at `forward` for it and never those at
/// `input`, where administrators write which ports are open. Each of these chains gets a copy in the engine's table
/// that is called just before translation, when a packet still looks as it would have looked at `input`. The copies ask
/// only about new connections from other hosts to published ports. Reasons: docs/adr/0013.
struct InputMirror: Sendable, Equatable {
  /// The copy of one base chain.
  struct Copy: Sendable, Equatable {
    /// The original: family, table and chain.
    var label: String
    var family: String
    var policy: String
    /// Whether any of its rules refuses something.
    var refuses = false
    /// Sets and chains that the rules refer to, with their new names, as nft reads them.
    var declarations: [String]
    var rules: [String]
    /// Why the rules cannot be followed; then what they might refuse is refused.
    var problem: String?

    /// What happens to packets that no rule of the copy decides.
    var effectivePolicy: String { problem != nil && refuses ? "drop" : policy }
  }

  /// How the names of all copies begin.
  static let prefix = "host_"
  /// Between connection tracking (-200) and translation (-100).
  static let priority = -110
  /// Base chains that are followed.
  static let maximumChains = 64

  var copies: [Copy] = []
  /// Whether the host's rules are not known at all.
  private(set) var isUnreadable = false

  /// Whether these are the copies of the same chains, those that were reduced to their policies included.
  func isCopy(of other: InputMirror) -> Bool {
    copies.count == other.copies.count
      && zip(copies, other.copies).allSatisfy { mine, its in
        var mine = mine
        mine.problem = its.problem
        return mine == its
      }
  }

  /// - Parameter ruleset: the host's; tables of engines like this one are passed over.
  init(of ruleset: HostRuleset) {
    for table in ruleset.tables
    where ["ip", "ip6", "inet"].contains(table.family) && !table.name.hasPrefix(InstanceNames.tablePrefix)
      && !table.isDormant
    {
      for chain in table.chains where chain.hook?.hook == "input" && chain.hook?.type == "filter" {
        guard copies.count < Self.maximumChains else {
          // What is not asked could be what closes a port.
          copies[copies.count - 1] = Self.closed("the host has more than \(Self.maximumChains) chains at input")
          return
        }
        guard let policy = chain.hook?.policy, policy == "drop" || !chain.rules.isEmpty else { continue }
        copies.append(Self.copy(chain, policy: policy, of: table, number: copies.count))
      }
    }
  }

  /// Of rules that cannot be read: nothing comes in.
  static func unreadable(_ reason: String) -> InputMirror {
    var mirror = InputMirror(of: HostRuleset(parsing: ""))
    mirror.copies = [closed(reason)]
    mirror.isUnreadable = true
    return mirror
  }

  private static func closed(_ reason: String) -> Copy {
    Copy(
      label: "all chains at input", family: "inet", policy: "drop", refuses: true, declarations: [], rules: [],
      problem: reason)
  }

  private static func copy(
    _ base: HostRuleset.Chain, policy: String, of table: HostRuleset.Table, number: Int
  ) -> Copy {
    let label = "\(table.family) \(table.name) \(base.name)"
    var copy = Copy(label: label, family: table.family, policy: policy, declarations: [], rules: [])
    let prefix = "\(prefix)\(number)_"
    var renaming = Renaming(prefix: prefix)
    copy.rules = base.rules.map { renaming.line($0) }
    var done: Set<String> = []
    // What a rule refers to may refer to more.
    while let next = renaming.referenced.subtracting(done).min() {
      done.insert(next)
      if let chain = table.chain(next), chain.hook == nil {
        let rules = chain.rules.map { renaming.line($0) }
        copy.declarations.append("chain \(prefix)\(next) {\n\(rules.joined(separator: "\n"))\n}")
      } else if let set = table.set(next) {
        let lines = set.lines.map { renaming.line($0) }
        copy.declarations.append("\(set.kind) \(prefix)\(next) {\n\(lines.joined(separator: "\n"))\n}")
      } else {
        copy.problem = "it refers to '\(next)', which is neither a chain nor a set of its table"
        renaming.refuses = true
      }
    }
    if let word = renaming.unknown { copy.problem = "it uses '\(word)', which cannot be copied" }
    copy.refuses = renaming.refuses
    return copy
  }

  /// Names of one table as they are called in ours.
  private struct Renaming {
    let prefix: String
    var referenced: Set<String> = []
    var unknown: String?
    var refuses = false

    /// What may keep a packet from coming in: verdicts, and targets of xtables, whose verdicts are not shown.
    private static let refusals: Set<String> = ["drop", "reject", "xt", "queue", "synproxy", "tproxy"]

    /// A rule, or a line of a set, with its new names and without comment.
    mutating func line(_ text: String) -> String {
      var result: [String] = []
      var last = ""
      for word in NFTWords.split(text) {
        var shown = word.text
        if Self.refusals.contains(shown) { refuses = true }
        if word.isQuoted || last == "name" {
          // Named counters, limits and helpers live in their table. A counter decides nothing.
          if last == "name", result.dropLast().last == "counter" {
            result.removeLast(2)
            last = ""
            continue
          }
          if last == "name" || last == "set" { unknown = "\(last) \(word.text)" }
          if last == "comment" {
            result.removeLast()
            continue
          }
        } else if last == "jump" || last == "goto" {
          shown = renamed(shown)
        } else if shown.hasPrefix("@"), shown.count > 1 {
          shown = "@" + renamed(String(shown.dropFirst()))
        } else if ["xt", "#", "flow", "queue", "tproxy", "synproxy", "masquerade", "dnat", "snat", "redirect"].contains(
          shown)
        {
          unknown = shown
        }
        result.append(shown)
        last = word.text
      }
      return result.joined(separator: " ")
    }

    private mutating func renamed(_ name: String) -> String {
      // Raw payloads, `@th,0,16`, are no sets.
      if ["ll", "nh", "th", "ih"].contains(name) { return name }
      referenced.insert(name)
      return prefix + name
    }
  }

  /// The chains and sets as nft reads them inside of the engine's table.
  var text: String {
    copies.enumerated().map { number, copy in
      // A table of one family says nothing of the other.
      let family = ["ip": "meta nfproto != ipv4 accept\n", "ip6": "meta nfproto != ipv6 accept\n"][copy.family] ?? ""
      let body = copy.problem == nil ? copy.rules.joined(separator: "\n") : ""
      let declarations = copy.problem == nil ? copy.declarations.joined(separator: "\n") + "\n" : ""
      return """
        \(declarations)chain \(Self.prefix)\(number) {
        type filter hook prerouting priority \(Self.priority); policy \(copy.effectivePolicy);
        jump \(FirewallRules.admissionChain)
        \(family)\(body)
        }

        """
    }.joined()
  }
}
