/// Reads one rule from left to right, as `nft --stateless list ruleset` prints it, and says whether a packet matches and
/// what follows then. Pure. Source of the grammar: nft(8).
struct RuleReader {
  enum Match: Sendable { case yes, no, maybe }

  struct Branch: Sendable, Equatable {
    /// `accept`, `drop`, `reject`, `return`, `jump`, `goto` or `continue`.
    var verdict: String
    /// Where `jump` and `goto` lead.
    var target: String?
  }

  let packet: FirewallVerdict.Packet
  let table: HostRuleset.Table
  private let words: [String]
  private var position = 0
  private(set) var match = Match.yes
  /// What may follow; none where the rule only counts or notes.
  private(set) var branches: [Branch] = []

  private static let verdicts: Set<String> = ["accept", "drop", "reject", "return", "jump", "goto", "continue"]
  /// Headers that a connection's first packet of TCP or UDP does not have.
  private static let foreign: Set<String> = [
    "icmp", "icmpv6", "igmp", "esp", "ah", "comp", "sctp", "dccp", "udplite", "gre", "rt", "rt0", "rt2", "rt4", "hbh",
    "frag", "dst", "mh", "arp", "socket", "vlan",
  ]

  init(_ rule: String, packet: FirewallVerdict.Packet, table: HostRuleset.Table) {
    self.packet = packet
    self.table = table
    words = NFTWords.split(rule).map(\.text)
  }

  mutating func read() {
    while branches.isEmpty, match != .no, let word = next() {
      switch word {
      case _ where Self.verdicts.contains(word):
        branches = [Branch(verdict: word, target: word == "jump" || word == "goto" ? next() : nil)]
      case _ where Self.foreign.contains(word): narrow(.no)
      case "counter": while let word = peek(), ["packets", "bytes", "name"].contains(word) { position += 2 }
      case "comment": position += 1
      case "tcp", "udp", "th":
        if word != "th" && word != packet.transport.rawValue { return narrow(.no) }
        if next() == "dport" { compare(number: packet.port) } else { unknown() }
      case "meta", "ip", "ip6", "ct", "fib": field(of: word)
      case "iif", "iifname": arrives()
      case "oif", "oifname": leaves()
      case "log": skipToVerdict()
      default: unknown()
      }
    }
  }

  private mutating func field(of word: String) {
    let field = next() ?? ""
    if word == "ip" && packet.isIPv6 || word == "ip6" && !packet.isIPv6 { return narrow(.no) }
    switch (word, field) {
    case ("meta", "l4proto"), ("ip", "protocol"), ("ip6", "nexthdr"):
      compare(words: [packet.transport.rawValue, "\(packet.transport.number)"])
    case ("meta", "nfproto"): compare(words: [packet.isIPv6 ? "ipv6" : "ipv4"])
    case ("meta", "pkttype"): compare(words: ["host", "unicast"])
    case ("meta", "iif"), ("meta", "iifname"): arrives()
    case ("meta", "oif"), ("meta", "oifname"): leaves()
    case ("ct", "state"): compare(words: ["new"])
    case ("ct", "direction"): compare(words: ["original"])
    case ("ct", "status"): compare(words: packet.isTranslated ? ["dnat"] : [])
    case ("ip", "daddr"), ("ip6", "daddr"): compareDestination()
    case ("ip", "saddr"), ("ip6", "saddr"): compareSource()
    case ("fib", "daddr") where peek() == "type":
      position += 1
      compare(words: [packet.hook == "forward" ? "unicast" : "local"])
    case ("fib", "saddr"): sourceRoute()
    default: unknown()
    }
  }

  /// Reverse path filters, `fib saddr . iif oif missing drop`: an honest packet has its way back. Other questions about the
  /// source are not decided here.
  private mutating func sourceRoute() {
    while let word = peek(), [".", "iif", "mark", "saddr"].contains(word) { position += 1 }
    guard let result = next(), ["oif", "oifname"].contains(result), let asked = next() else { return unknown() }
    switch asked {
    case "missing", "0": narrow(.no)
    case "exists": narrow(.yes)
    default: unknown()
    }
  }

  // MARK: - Words

  private func peek() -> String? { words.indices.contains(position) ? words[position] : nil }

  private mutating func next() -> String? {
    guard let word = peek() else { return nil }
    position += 1
    return word
  }

  private mutating func narrow(_ other: Match) {
    if other == .no || match == .no { match = .no } else if other == .maybe { match = .maybe }
  }

  private mutating func skipToVerdict() {
    while let word = peek(), !Self.verdicts.contains(word), word != "vmap" { position += 1 }
  }

  /// Something that is not decided here: the rule may match, whatever it compares with.
  private mutating func unknown() {
    narrow(.maybe)
    skipToVerdict()
    if peek() == "vmap" { verdictMap { _ in nil } }
  }

  /// The keys of what a comparison is with: one word, an anonymous or a named set, a list with commas.
  private mutating func operand() -> [String?] {
    guard let first = next() else { return [] }
    if first == "{" { return entries(until: "}").map(Self.key) }
    if first.hasPrefix("@") { return table.set(String(first.dropFirst()))?.entries.map(Self.key) ?? [nil] }
    var members: [String?] = [first]
    while peek() == ",", let word = words.indices.contains(position + 1) ? words[position + 1] : nil {
      members.append(word)
      position += 2
    }
    return members
  }

  /// A key of one word; nil for one of several, which is not decided here.
  private static func key(_ entry: [String]) -> String? {
    entry.count > 1 && entry[1] == "." ? nil : entry.first
  }

  private mutating func entries(until end: String) -> [[String]] {
    var result: [[String]] = []
    while let word = next(), word != end {
      if word == "," || result.isEmpty { result.append([]) }
      if word != "," { result[result.count - 1].append(word) }
    }
    return result
  }

  // MARK: - Comparisons

  private mutating func compare(number: UInt16) {
    compare { member in
      if let exact = UInt16(member) { return exact == number }
      let ends = member.split(separator: "-").map { UInt16($0) }
      guard ends.count == 2, let first = ends[0], let last = ends[1] else { return nil }
      return first <= number && number <= last
    }
  }

  private mutating func compare(words wanted: [String]) { compare { wanted.contains($0) } }

  private mutating func compareDestination() {
    let packet = packet
    compare { member in
      guard let text = packet.destination else { return nil }
      if let address = IPv4Address(text) { return Self.holds(member, address) }
      return IPv6Address(text).flatMap { Self.holds(member, $0) }
    }
  }

  /// Other hosts do not send from the loopback's addresses.
  private mutating func compareSource() {
    compare { member in
      if let subnet = IPv4Subnet(member) { return subnet.network.isLoopback && subnet.prefixLength >= 8 ? false : nil }
      return IPv4Address(member)?.isLoopback == true || IPv6Address(member) == .loopback ? false : nil
    }
  }

  private static func holds<Address: IPAddress>(_ member: String, _ address: Address) -> Bool? {
    if let exact = Address(member) { return exact == address }
    if let subnet = Subnet<Address>(member) { return subnet.contains(address) }
    let ends = member.split(separator: "-").map { Address(String($0)) }
    guard ends.count == 2, let first = ends[0], let last = ends[1] else { return nil }
    return first.bits <= address.bits && address.bits <= last.bits
  }

  /// From another host a packet comes neither by the loopback device nor from a container's.
  private mutating func arrives() {
    compare { member in
      let name = member.trimmingQuotes
      return name == "lo" || InstanceNames.areLinks(name) ? false : nil
    }
  }

  private mutating func leaves() {
    let output = packet.output
    compare { member in
      guard let output else { return nil }
      let name = member.trimmingQuotes
      return name.hasSuffix("*") ? output.hasPrefix(name.dropLast()) : output == name
    }
  }

  /// - Parameter isMember: nil where it is not known.
  private mutating func compare(_ isMember: (String) -> Bool?) {
    guard let operation = peek(), operation != "." else { return unknown() }
    if operation == "vmap" { return verdictMap(isMember) }
    let isNegated = operation == "!="
    if isNegated || operation == "==" { position += 1 }
    // Comparisons by bits and by size.
    if ["&", "<", ">", "<=", ">="].contains(operation) { return unknown() }
    let answers = operand().map { $0.flatMap(isMember) }
    if peek() == "." { return unknown() }
    if answers.contains(true) { return narrow(isNegated ? .no : .yes) }
    if answers.contains(nil) { return narrow(.maybe) }
    narrow(isNegated ? .yes : .no)
  }

  /// `vmap { key : verdict, … }`, anonymous or by name.
  private mutating func verdictMap(_ isKey: (String) -> Bool?) {
    position += 1
    let found: [[String]]
    switch next() {
    case "{": found = entries(until: "}")
    case let name? where name.hasPrefix("@"): found = table.set(String(name.dropFirst()))?.entries ?? []
    default: return narrow(.maybe)
    }
    // What holds where no other key does.
    var fallback: Branch?
    for entry in found {
      guard let colon = entry.firstIndex(of: ":"), entry.indices.contains(colon + 1) else { continue }
      let branch = Branch(
        verdict: entry[colon + 1], target: entry.indices.contains(colon + 2) ? entry[colon + 2] : nil)
      let key = Self.key(entry)
      if key == "*" {
        fallback = branch
        continue
      }
      switch key.flatMap(isKey) {
      case true?:
        // What could have matched instead has another key: the kernel finds one entry.
        branches = [branch]
        return narrow(.yes)
      case false?: continue
      case nil: branches.append(branch)
      }
    }
    let isOpen = !branches.isEmpty
    if let fallback { branches.append(fallback) }
    narrow(branches.isEmpty ? .no : isOpen ? .maybe : .yes)
  }
}

extension HostRuleset.NamedSet {
  /// The words of each element: its key, and after `:` its value.
  var entries: [[String]] {
    var result: [[String]] = []
    let text = lines.drop { !$0.hasPrefix("elements") }.joined(separator: " ")
    for word in NFTWords.split(text).dropFirst(3).map(\.text) {
      if word == "}" { break }
      if word == "," || result.isEmpty { result.append([]) }
      if word != "," { result[result.count - 1].append(word) }
    }
    return result
  }
}

extension String {
  var trimmingQuotes: String {
    hasPrefix("\"") && hasSuffix("\"") && count > 1 ? String(dropFirst().dropLast()) : self
  }
}
