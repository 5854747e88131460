import Glibc
import Internet
import LinuxSystem
import Logging
import Model

/// The proxy's nftables table in the kernel. Blocking; its owner calls it from one thread at a time, in the node's network
/// namespace.
///
/// What changes with endpoints are entries of sets, and chains that choose among a number of endpoints that no service had
/// before, sent in one transaction. The chains of services whose clients stay with their endpoint are added by `nft`.
final class ServiceTable {
  typealias Element = NFTables.Element

  private let text: TableText
  private let name: String
  private let socket: NetlinkSocket
  private let logger: Logger
  /// The chains that are there, each with a hash of its rules as the kernel lists them.
  private var chains: [String: UInt64] = [:]
  private(set) var isLoaded = false

  /// By which the kernel's notices of changes name who made them.
  var port: UInt32 { socket.port }

  /// Elements in one message: with the longest names 224 bytes each, in all less than the 64 KiB that an attribute can hold.
  private static let elementsPerRequest = 256

  /// - Parameter socket: of the netfilter protocol.
  init(settings: ServiceProxySettings, socket: NetlinkSocket, logger: Logger) {
    text = TableText(settings: settings)
    name = settings.table
    self.socket = socket
    self.logger = logger
  }

  /// Makes the table what it has to be, whatever is there. Entries that are right stay in force all the while.
  ///
  /// - Returns: a line for each set that was changed.
  func load(_ state: RuleState) throws -> [String] {
    let wanted = state.elements
    let groups = state.stickyGroups
    do {
      try NFTProgram.load(text.load(groups: groups))
    } catch let error as PlatformError where error.code == .unavailable {
      logger.warning("the table of services is of another kind and is made anew", metadata: ["error": "\(error)"])
      try NFTProgram.load(text.replace(groups: groups))
    }
    let done = try align(wanted, picks: Self.picks(of: wanted.values.joined()))
    try removeStale(groups)
    chains = try listing() ?? [:]
    isLoaded = true
    return done
  }

  /// Carries a change out. Where the kernel has not what is remembered, everything is compared with it.
  func apply(_ delta: RuleState.Delta, _ state: RuleState) throws {
    guard isLoaded else {
      _ = try load(state)
      return
    }
    do {
      let groups = state.stickyGroups.filter { chains[$0.chain] == nil }
      if !groups.isEmpty { try NFTProgram.load(text.addition(groups: groups, existing: Set(chains.keys))) }
      let picks = Self.picks(of: delta.additions.values.joined()).filter { chains[$0] == nil }
      try send(delta.removals, delta.additions, picks: picks)
      if !groups.isEmpty || !picks.isEmpty { chains = try listing() ?? [:] }
      try removeStale(state.stickyGroups)
    } catch let error as SystemError where error.errno == ENOENT || error.errno == EEXIST || error.errno == EBUSY {
      isLoaded = false
      let done = try load(state)
      logger.warning("the table of services was not as remembered", metadata: ["restored": "\(done)"])
    }
  }

  /// Looks whether all is there, and restores what somebody took away or changed; returns a line for each thing restored.
  func verify(_ state: RuleState) throws -> [String] {
    guard isLoaded else { return [] }
    guard try listing() == chains else {
      isLoaded = false
      return ["loaded the table again"] + (try load(state))
    }
    return try align(state.elements, picks: [])
  }

  /// Deletes the table; it need not be there.
  func remove() throws {
    isLoaded = false
    do {
      try socket.run([NFTables.deleteTable(name)], envelope: NFTables.transaction, subject: name)
    } catch let error as SystemError where error.errno == ENOENT {}
  }

  private static func picks(of elements: some Sequence<Element>) -> Set<String> {
    Set(elements.compactMap(\.chain).filter { RuleNames.pickRule($0) != nil })
  }

  /// Removes the chains and sets of groups that are no more.
  private func removeStale(_ groups: Set<StickyGroup>) throws {
    let prefixes = [StickyGroup.prefix, StickyGroup.memberPrefix]
    let wanted = Set(groups.map(\.chain) + groups.flatMap(\.memberChains))
    // Before the first look at what is there nothing is known of it.
    let present = isLoaded ? Set(chains.keys) : Set((try listing() ?? [:]).keys)
    let stale = present.filter { chain in
      prefixes.contains(where: chain.hasPrefix) && !wanted.contains(chain)
    }
    guard !stale.isEmpty else { return }
    let sets = stale.filter { $0.hasPrefix(StickyGroup.memberPrefix) }.map {
      StickyGroup.clientPrefix + $0.dropFirst(StickyGroup.memberPrefix.count)
    }
    try NFTProgram.load(text.removal(chains: stale.sorted(), sets: sets.sorted()))
    for chain in stale { chains[chain] = nil }
  }

  /// A hash of the rules of each chain, of the chains without rules as well; nil where there is no table.
  private func listing() throws -> [String: UInt64]? {
    let outcome = try socket.send([NFTables.rules(table: name)])
    if outcome.first?.errno == ENOENT { return nil }
    var hashes: [String: NameHash] = [:]
    for reply in try socket.run([NFTables.chains()], subject: name).joined() {
      guard let chain = NFTables.decodeChain(reply), chain.table == name else { continue }
      hashes[chain.name] = NameHash()
    }
    guard !hashes.isEmpty else { return nil }
    for rule in outcome.flatMap(\.replies).compactMap(NFTables.Rule.init) {
      hashes[rule.chain, default: NameHash()].take(rule.expressions)
    }
    return hashes.mapValues(\.value)
  }

  /// - Parameter picks: chains to make, or to make anew.
  private func send(
    _ removals: [String: Set<Element>], _ additions: [String: Set<Element>], picks: Set<String>
  ) throws {
    let changes =
      RuleNames.sets.compactMap { set in removals[set].map { NFTables.Change(.remove, set, Array($0)) } }
      + RuleNames.sets.compactMap { set in additions[set].map { NFTables.Change(.add, set, Array($0)) } }
    var requests = picks.flatMap { chain in
      RuleNames.pickRule(chain).map { NFTables.chain(table: name, name: chain, rule: $0) } ?? []
    }
    for change in changes {
      var rest = change.elements[...]
      while !rest.isEmpty {
        let part = NFTables.Change(change.action, change.set, Array(rest.prefix(Self.elementsPerRequest)))
        requests.append(NFTables.request(table: name, part))
        rest = rest.dropFirst(Self.elementsPerRequest)
      }
    }
    if !requests.isEmpty { try socket.run(requests, envelope: NFTables.transaction, subject: name) }
  }

  /// Brings the kernel's sets to the wanted elements.
  private func align(_ wanted: [String: Set<Element>], picks: Set<String>) throws -> [String] {
    var (removals, additions): ([String: Set<Element>], [String: Set<Element>]) = ([:], [:])
    var done: [String] = []
    for set in RuleNames.sets {
      let replies = try socket.run([NFTables.elements(table: name, set: set)], subject: "\(name) \(set)")
      let present = Set(replies.joined().flatMap(NFTables.decodeElements))
      let target = wanted[set] ?? []
      let (surplus, missing) = (present.subtracting(target), target.subtracting(present))
      if !surplus.isEmpty {
        removals[set] = surplus
        done.append("removed \(surplus.count) stale elements of \(set)")
      }
      if !missing.isEmpty {
        additions[set] = missing
        done.append("restored \(missing.count) elements of \(set)")
      }
    }
    try send(removals, additions, picks: picks)
    return done
  }
}
