import Glibc
import LinuxSystem
import Logging
import Model

/// The engine's nftables table: loads its skeleton, keeps its elements, and restores both when somebody flushed them.
///
/// Blocking; every method may be called from any thread. Changes are transactions: all of one call or nothing.
final class Firewall: Sendable {
  typealias Element = NFTables.Element
  typealias Change = NFTables.Change

  struct State {
    var isLoaded = false
    var rules: FirewallRules
    /// What the sets should hold.
    var wanted: [String: Set<Element>] = [:]
    /// The copies of the host's chains; nil where it is not known yet which are there.
    var mirror: InputMirror?
    /// The limits of published ports; nil where it is not known yet which are there.
    var limits: Set<LimitGroup>?
    /// Bytes of the host's rules that are read.
    var rulesetBytes = NFTProgram.maximumRulesetBytes
  }

  /// The name of both tables.
  let table: String
  let socket: NetlinkSocket
  private let logger: Logger
  let state: Locked<State>

  /// Elements in one message, well below the 64 KiB that an attribute can hold.
  private static let elementsPerRequest = 256

  /// - Parameter socket: of the netfilter protocol, in the host's namespace.
  init(names: InstanceNames, closed: Set<ForwardedFamily> = [], socket: NetlinkSocket, logger: Logger) {
    table = names.table
    state = Locked(State(rules: FirewallRules(names: names, closed: closed)))
    self.socket = socket
    self.logger = logger
  }

  /// Passes packets of these families on between others no more.
  func close(_ families: Set<ForwardedFamily>) throws {
    try state.withLock { state in
      guard !families.isSubset(of: state.rules.closed) else { return }
      state.rules.closed.formUnion(families)
      state.isLoaded = false
      try load(&state)
    }
  }

  /// Applies changes in one transaction. Adding what is there and removing what is not are no errors.
  func apply(_ changes: [Change]) throws {
    try state.withLock { state in
      try load(&state)
      do {
        try send(changes)
        Self.note(changes, in: &state.wanted)
      } catch let error as SystemError where error.errno == ENOENT || error.errno == EEXIST {
        // Somebody flushed our table or an element is not as remembered: compare with the kernel.
        state.isLoaded = false
        try load(&state)
        var wanted = state.wanted
        Self.note(changes, in: &wanted)
        let removals = changes.filter { $0.action == .remove }
        _ = try align(wanted, removing: removals.reduce(into: [:]) { $0[$1.set, default: []].formUnion($1.elements) })
        state.wanted = wanted
      }
    }
  }

  private static func note(_ changes: [Change], in wanted: inout [String: Set<Element>]) {
    for change in changes {
      switch change.action {
      case .add: wanted[change.set, default: []].formUnion(change.elements)
      case .remove: wanted[change.set]?.subtract(change.elements)
      }
    }
  }

  /// Makes the sets hold exactly what is given; returns a line for each set that had to be changed.
  func replace(with wanted: [String: Set<Element>]) throws -> [String] {
    try state.withLock { state in
      state.isLoaded = false
      try load(&state)
      let done = try align(wanted, removing: nil)
      state.wanted = wanted
      return done
    }
  }

  /// Looks whether skeleton and elements are still there, and restores what somebody took away or changed; returns a
  /// line for each thing restored. Nothing is done before the first change of this process.
  func verify() throws -> [String] {
    try state.withLock { state in
      guard state.isLoaded else { return [] }
      // A list of rules that others change meanwhile may be short: only the second look counts.
      let (rules, limits) = (state.rules, state.limits)
      if try !isWhole(rules, limits: limits), try !isWhole(rules, limits: limits) {
        state.isLoaded = false
        try reload(&state)
        state.isLoaded = true
        return ["loaded the table again"]
      }
      return try align(state.wanted, removing: [:])
    }
  }

  /// Whether both tables hold the rules that were loaded, and those of the limits. Throws for any other reason than that
  /// something is missing.
  private func isWhole(_ rules: FirewallRules, limits: Set<LimitGroup>?) throws -> Bool {
    guard let listing = try listing(), try isThere(FirewallRules.listingName(listing.hash)),
      try isThere(rules.versionChain)
    else { return false }
    guard let limits else { return true }
    return try listing.limitCount == LimitRules.ruleCount(limits) && areLimitsWhole(limits)
  }

  private func isThere(_ chain: String) throws -> Bool {
    let outcome = try socket.send([NFTables.chain(table: table, name: chain)])
    switch outcome.first?.errno {
    case 0: return true
    case ENOENT: return false
    case let errno: throw SystemError(errno: errno ?? EIO, operation: "get chain", subject: chain)
    }
  }

  /// What the kernel lists of both tables: a hash of the skeleton's rules, and how many rules limits have; nil where a
  /// table is missing.
  private func listing() throws -> (hash: UInt64, limitCount: Int)? {
    var hash = NameHash()
    var limitCount = 0
    for outcome in try socket.send([NFTables.rules(table: table), NFTables.rules(family: .arp, table: table)]) {
      if outcome.errno == ENOENT { return nil }
      guard outcome.errno == 0 else {
        throw SystemError(errno: outcome.errno, operation: "list rules", subject: table)
      }
      for rule in outcome.replies.compactMap(NFTables.Rule.init) {
        if rule.chain.hasPrefix(LimitRules.prefix) { limitCount += 1 }
        guard FirewallRules.isSkeleton(rule.chain) else { continue }
        hash.take(rule.chain.utf8)
        hash.take(rule.expressions)
      }
    }
    return (hash.value, limitCount)
  }

  /// Makes the copies of the host's chains agree with the host's chains as they are now.
  func followHost() throws {
    try state.withLock { state in
      guard state.isLoaded else { return }
      guard let ruleset = try hostRuleset(state) else {
        if state.mirror?.isUnreadable != true { try reload(&state) }
        return
      }
      let own = ruleset.tables.first { $0.family == "inet" && $0.name == table } ?? HostRuleset.Table(table)
      let wanted = InputMirror(of: ruleset)
      let present = own.chains.count { $0.hook != nil && $0.name.hasPrefix(InputMirror.prefix) }
      if let known = state.mirror, known.isCopy(of: wanted), present == wanted.copies.count { return }
      let rules = state.rules
      let removal = rules.removal(of: own)
      if removal.isEmpty && wanted.copies.isEmpty {
        note(wanted, in: &state)
        return
      }
      note(try settle(wanted, rules) { removal + rules.text(of: $0) }, in: &state)
    }
  }

  /// What the copies of the host's chains are, for `exposure`.
  var mirror: InputMirror? { state.withLock { $0.mirror } }

  private func note(_ mirror: InputMirror, in state: inout State) {
    if state.mirror != mirror {
      for copy in mirror.copies {
        logger.notice(
          "published ports obey the host's chain", metadata: ["chain": "\(copy.label)", "policy": "\(copy.policy)"])
        guard let problem = copy.problem else { continue }
        logger.warning(
          "the rules of the host's chain cannot be followed: what it may refuse is refused at published ports",
          metadata: ["chain": "\(copy.label)", "policy": "\(copy.effectivePolicy)", "reason": "\(problem)"])
      }
    }
    state.mirror = mirror
  }

  /// Loads copies of chains; those that nft does not take are reduced to their policies.
  ///
  /// - Parameter text: what is loaded, made from the copies.
  /// - Returns: the copies that were loaded.
  private func settle(
    _ mirror: InputMirror, _ rules: FirewallRules, text: (InputMirror) -> String
  ) throws -> InputMirror {
    do {
      try NFTProgram.load(text(mirror))
      return mirror
    } catch let error as PlatformError where error.code == .unavailable && !mirror.copies.isEmpty {
      var reduced = mirror
      for (number, copy) in mirror.copies.enumerated() where copy.problem == nil {
        var alone = mirror
        alone.copies = [copy]
        do {
          try NFTProgram.check(rules.text(with: alone))
        } catch let error as PlatformError where error.code == .unavailable {
          reduced.copies[number].problem = "nft does not take them: \(error.context["stderr"]?.prefix(200) ?? "")"
        }
      }
      try NFTProgram.load(text(reduced))
      return reduced
    }
  }

  /// nil where it is longer than what is read. Copies are part of it: after that it has to be clearly shorter, or they would come and
  /// go.
  private func hostRuleset(_ state: State) throws -> HostRuleset? {
    let bound = state.mirror?.isUnreadable == true ? state.rulesetBytes / 2 : state.rulesetBytes
    return try NFTProgram.ruleset(maxBytes: bound).map { HostRuleset(parsing: $0) }
  }

  /// Deletes both tables; they need not be there.
  func removeTables() throws {
    try state.withLock { state in
      state = State(rules: state.rules)
      for family in [NFTables.Family.inet, .arp] {
        do {
          try socket.run(
            [NFTables.deleteTable(family: family, table)], envelope: NFTables.transaction, subject: table)
        } catch let error as SystemError where error.errno == ENOENT {}
      }
    }
  }

  func load(_ state: inout State) throws {
    if state.isLoaded { return }
    if try !isWhole(state.rules, limits: nil) { try reload(&state) }
    state.isLoaded = true
  }

  /// Loads the skeleton anew with copies of the host's chains, and the elements that are remembered.
  private func reload(_ state: inout State) throws {
    let limits = LimitRules.change(table: table, from: [], to: state.limits ?? [])
    let rules = state.rules
    let wanted = try hostRuleset(state).map { InputMirror(of: $0) } ?? .unreadable(NFTProgram.tooLong)
    let mirror = try settle(wanted, rules) { rules.text(with: $0) + limits }
    note(mirror, in: &state)
    // The kernel's list differs from the text: it is noted as it is right after.
    if let listing = try listing() { try NFTProgram.load(rules.note(ofListing: listing.hash)) }
    logger.info("firewall table loaded", metadata: ["table": "\(table)"])
    if state.wanted.contains(where: { !$0.value.isEmpty }) { _ = try align(state.wanted, removing: [:]) }
  }

  private func send(_ changes: [Change]) throws {
    var requests: [NetlinkRequest] = []
    for change in changes {
      var rest = change.elements[...]
      while !rest.isEmpty {
        let part = Change(change.action, change.set, Array(rest.prefix(Self.elementsPerRequest)))
        requests.append(
          NFTables.request(family: FirewallRules.family(of: change.set), table: table, part))
        rest = rest.dropFirst(Self.elementsPerRequest)
      }
    }
    if !requests.isEmpty { try socket.run(requests, envelope: NFTables.transaction, subject: table) }
  }

  /// Brings the kernel's sets to the wanted elements, removals first.
  ///
  /// - Parameter removing: what may be removed; everything that is not wanted where nil. An engine that has just
  ///   started does not know all of its elements before it has reconciled.
  private func align(_ wanted: [String: Set<Element>], removing: [String: Set<Element>]?) throws -> [String] {
    var removals: [Change] = []
    var additions: [Change] = []
    var done: [String] = []
    for set in FirewallRules.sets {
      let request = NFTables.elements(family: FirewallRules.family(of: set), table: table, set: set)
      let replies = try socket.run([request], subject: "\(table) \(set)")
      let present = Set(replies.joined().flatMap(NFTables.decodeElements))
      let target = wanted[set] ?? []
      let missing = target.subtracting(present)
      // An entry with the key of a wanted one and another value stands in its way.
      let keys = Set(missing.map(\.key))
      let surplus = present.subtracting(target).filter { element in
        keys.contains(element.key) || removing?[set, default: []].contains(element) ?? true
      }
      if !surplus.isEmpty {
        removals.append(Change(.remove, set, Array(surplus)))
        done.append("removed \(surplus.count) stale elements of \(set)")
      }
      if !missing.isEmpty {
        additions.append(Change(.add, set, Array(missing)))
        done.append("restored \(missing.count) elements of \(set)")
      }
    }
    try send(removals + additions)
    return done
  }
}
