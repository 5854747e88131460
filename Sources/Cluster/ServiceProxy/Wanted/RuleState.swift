import Internet
import KubeResources
import LinuxSystem

/// What all services together want in the table, and what changes when one of them does. A pure state.
///
/// A frontend is one service's, with all its entries: of several that want it the one with the best right, and of those with the
/// same right the first in order of names. So nobody changes what becomes of packets for another's own address.
struct RuleState: Sendable {
  typealias Element = NFTables.Element
  typealias Frontend = ServiceRules.Frontend
  typealias Claim = ServiceRules.Claim

  private struct Entry: Hashable {
    let set: String
    let element: Element
  }

  /// A change of the table.
  struct Delta: Sendable, Equatable {
    var removals: [String: Set<Element>] = [:]
    var additions: [String: Set<Element>] = [:]
    /// Frontends of UDP whose exchanges with others than these endpoints have to be forgotten.
    var staleDatagrams: [ServiceRules.Frontend: Set<IPv4Address>] = [:]

    var isEmpty: Bool { removals.isEmpty && additions.isEmpty && staleDatagrams.isEmpty }
  }

  private(set) var services: [ServiceKey: ServiceRules] = [:]
  private var claimants: [Frontend: Set<ServiceKey>] = [:]
  /// How many services want it.
  private var shared: [Entry: Int] = [:]
  private var groups: [StickyGroup: Int] = [:]
  /// Frontends of UDP whose former exchanges were not forgotten yet.
  private var stale: Set<ServiceRules.Frontend> = []

  /// Replaces the rules of services; nil: the service is gone.
  mutating func update(_ changed: [ServiceKey: ServiceRules?]) -> Delta {
    var before: [Frontend: Claim?] = [:]
    var sharedBefore: [Entry: Bool] = [:]
    let changed = changed.filter { services[$0.key] != $0.value }
    for (key, rules) in changed {
      for frontend in [services[key], rules].compactMap({ $0 }).flatMap(\.frontends.keys) where before[frontend] == nil
      {
        before[frontend] = .some(effective(frontend))
      }
    }
    for (key, rules) in changed {
      let old = services[key]
      services[key] = rules
      for group in old?.stickyGroups ?? [] { release(group) }
      for group in rules?.stickyGroups ?? [] { groups[group, default: 0] += 1 }
      for frontend in (old?.frontends ?? [:]).keys { unclaim(frontend, key) }
      for frontend in (rules?.frontends ?? [:]).keys { claimants[frontend, default: []].insert(key) }
      count(rules?.shared ?? [:], by: 1, &sharedBefore)
      count(old?.shared ?? [:], by: -1, &sharedBefore)
    }
    var delta = Delta()
    for (frontend, former) in before { Self.compare(frontend, former, effective(frontend), &delta) }
    for (entry, was) in sharedBefore where was != (shared[entry] != nil) {
      if was {
        delta.removals[entry.set, default: []].insert(entry.element)
      } else {
        delta.additions[entry.set, default: []].insert(entry.element)
      }
    }
    stale.formUnion(delta.staleDatagrams.keys)
    return delta
  }

  /// The frontends of all changes since the last call, each with the endpoints that it has now. To be asked for when the table is as
  /// it is wanted: where that failed, exchanges would stay with endpoints that are gone.
  mutating func takeStaleDatagrams() -> [ServiceRules.Frontend: Set<IPv4Address>] {
    defer { stale = [] }
    return Dictionary(uniqueKeysWithValues: stale.map { ($0, effective($0)?.datagramEndpoints ?? []) })
  }

  private mutating func release(_ group: StickyGroup) {
    let count = groups[group] ?? 0
    groups[group] = count > 1 ? count - 1 : nil
  }

  private mutating func unclaim(_ frontend: Frontend, _ key: ServiceKey) {
    claimants[frontend]?.remove(key)
    if claimants[frontend]?.isEmpty == true { claimants[frontend] = nil }
  }

  private mutating func count(
    _ elements: [String: Set<Element>], by step: Int, _ before: inout [Entry: Bool]
  ) {
    for (set, elements) in elements {
      for element in elements {
        let entry = Entry(set: set, element: element)
        let number = shared[entry] ?? 0
        if before[entry] == nil { before[entry] = number > 0 }
        shared[entry] = number + step > 0 ? number + step : nil
      }
    }
  }

  /// What its owner wants of a frontend; nil where nobody wants it.
  private func effective(_ frontend: Frontend) -> Claim? {
    let claims = (claimants[frontend] ?? []).compactMap { key in
      services[key]?.frontends[frontend].map { (key: key, claim: $0) }
    }
    return claims.min { one, other in
      one.claim.right == other.claim.right
        ? one.key < other.key : one.claim.right.rawValue < other.claim.right.rawValue
    }?.claim
  }

  private static func compare(_ frontend: Frontend, _ old: Claim?, _ new: Claim?, _ delta: inout Delta) {
    for set in Set((old?.elements ?? [:]).keys).union((new?.elements ?? [:]).keys) {
      let (former, now) = (old?.elements[set] ?? [], new?.elements[set] ?? [])
      let (gone, come) = (former.subtracting(now), now.subtracting(former))
      if !gone.isEmpty { delta.removals[set, default: []].formUnion(gone) }
      if !come.isEmpty { delta.additions[set, default: []].formUnion(come) }
    }
    let former = old?.datagramEndpoints ?? []
    guard let endpoints = new?.datagramEndpoints else {
      if !former.isEmpty { delta.staleDatagrams[frontend] = [] }
      return
    }
    // Who began before there was an endpoint is led nowhere, and would stay so.
    guard !former.isSubset(of: endpoints) || former.isEmpty && !endpoints.isEmpty else { return }
    delta.staleDatagrams[frontend] = endpoints
  }

  /// All entries by set.
  var elements: [String: Set<Element>] {
    var all: [String: Set<Element>] = [:]
    for frontend in claimants.keys {
      for (set, elements) in effective(frontend)?.elements ?? [:] { all[set, default: []].formUnion(elements) }
    }
    for entry in shared.keys { all[entry.set, default: []].insert(entry.element) }
    return all
  }

  var stickyGroups: Set<StickyGroup> { Set(groups.keys) }

  var balancers: Set<IPv4Address> {
    let keys = shared.keys.filter { $0.set == RuleNames.balancers }.map(\.element.key)
    return Set(keys.map { key in IPv4Address(bits: key.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }) })
  }
}
