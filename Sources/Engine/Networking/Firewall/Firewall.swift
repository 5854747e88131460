import Glibc
import LinuxSystem
import Logging
import Model
import Synchronization

/// The engine's nftables table: loads its skeleton, keeps its elements, and restores both when somebody flushed them.
///
/// Blocking; every method may be called from any thread. Changes are transactions: all of one call or nothing.
final class Firewall: Sendable {
  typealias Element = NFTables.Element
  typealias Change = NFTables.Change

  private struct State {
    var isLoaded = false
    /// What the sets should hold.
    var wanted: [String: Set<Element>] = [:]
  }

  private let rules: FirewallRules
  private let socket: NetlinkSocket
  private let logger: Logger
  private let state = Mutex(State())

  private static let programs = ["/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft"]
  private static let programDeadlineSeconds = 30.0
  /// Elements in one message, well below the 64 KiB that an attribute can hold.
  private static let elementsPerRequest = 256

  /// - Parameter socket: of the netfilter protocol, in the host's namespace.
  init(names: InstanceNames, socket: NetlinkSocket, logger: Logger) {
    rules = FirewallRules(names: names)
    self.socket = socket
    self.logger = logger
  }

  private var table: String { rules.names.table }

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

  /// Deletes both tables; they need not be there.
  func removeTables() throws {
    try state.withLock { state in
      state = State()
      for family in [NFTables.Family.inet, .arp] {
        do {
          try socket.run(
            [NFTables.deleteTable(family: family, table)], envelope: NFTables.transaction, subject: table)
        } catch let error as SystemError where error.errno == ENOENT {}
      }
    }
  }

  private func load(_ state: inout State) throws {
    if state.isLoaded { return }
    let found = try socket.send([
      NFTables.chain(table: table, name: rules.versionChain),
      NFTables.chain(family: .arp, table: table, name: FirewallRules.guardChain),
    ])
    if found.contains(where: { $0.errno != 0 }) {
      try runProgram()
      logger.info("firewall table loaded", metadata: ["table": "\(table)"])
      if state.wanted.contains(where: { !$0.value.isEmpty }) { _ = try align(state.wanted, removing: [:]) }
    }
    state.isLoaded = true
  }

  private func runProgram() throws {
    guard let program = Self.programs.first(where: FileSystem.exists) else {
      throw PlatformError(.unavailable, "the program nft was not found; install the package nftables")
    }
    let output = try LinuxProcessSpawner().run(
      ProcessRequest(executable: program, arguments: ["nft", "-f", "-"]), input: Array(rules.text.utf8),
      deadlineSeconds: Self.programDeadlineSeconds)
    guard output.status.isSuccess else {
      throw PlatformError(
        .unavailable, "failed to load the firewall rules: nft refused them; see bulkhead doctor",
        context: ["stderr": String(decoding: output.stderr.prefix(2_000), as: UTF8.self)])
    }
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
