import Internet
import KubeResources
import LinuxSystem

/// What all services together want in the table, and what changes when one of them does. A pure state.
///
/// Where several want an entry of one key, the first in order of names has it.
struct RuleState: Sendable {
  typealias Element = NFTables.Element

  private struct Place: Hashable {
    let set: String
    let key: [UInt8]
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
  private var places: [Place: [ServiceKey: Element]] = [:]
  private var groups: [StickyGroup: Int] = [:]

  /// Replaces the rules of services; nil: the service is gone.
  mutating func update(_ changed: [ServiceKey: ServiceRules?]) -> Delta {
    var before: [Place: Element?] = [:]
    var delta = Delta()
    for (key, rules) in changed {
      let old = services[key]
      guard old != rules else { continue }
      services[key] = rules
      for group in old?.stickyGroups ?? [] { release(group) }
      for group in rules?.stickyGroups ?? [] { groups[group, default: 0] += 1 }
      exchange(old, for: rules, of: key, noting: &before)
      Self.compareDatagrams(old?.datagramEndpoints ?? [:], rules?.datagramEndpoints ?? [:], &delta)
    }
    for (place, former) in before {
      let now = effective(place)
      guard now != former else { continue }
      if let former { delta.removals[place.set, default: []].insert(former) }
      if let now { delta.additions[place.set, default: []].insert(now) }
    }
    return delta
  }

  private mutating func release(_ group: StickyGroup) {
    let count = groups[group] ?? 0
    groups[group] = count > 1 ? count - 1 : nil
  }

  private mutating func exchange(
    _ old: ServiceRules?, for new: ServiceRules?, of key: ServiceKey, noting before: inout [Place: Element?]
  ) {
    for set in RuleNames.sets {
      let (former, wanted) = (old?.elements[set] ?? [], new?.elements[set] ?? [])
      for element in former.subtracting(wanted) {
        let place = Place(set: set, key: element.key)
        if before[place] == nil { before[place] = .some(effective(place)) }
        places[place]?[key] = nil
        if places[place]?.isEmpty == true { places[place] = nil }
      }
      for element in wanted.subtracting(former) {
        let place = Place(set: set, key: element.key)
        if before[place] == nil { before[place] = .some(effective(place)) }
        places[place, default: [:]][key] = element
      }
    }
  }

  private func effective(_ place: Place) -> Element? { places[place]?.min { $0.key < $1.key }?.value }

  private static func compareDatagrams(
    _ old: [ServiceRules.Frontend: Set<IPv4Address>], _ new: [ServiceRules.Frontend: Set<IPv4Address>],
    _ delta: inout Delta
  ) {
    for (frontend, endpoints) in old where new[frontend] == nil && !endpoints.isEmpty {
      delta.staleDatagrams[frontend] = delta.staleDatagrams[frontend] ?? []
    }
    for (frontend, endpoints) in new {
      let former = old[frontend] ?? []
      // Who began before there was an endpoint is led nowhere, and would stay so.
      guard !former.isSubset(of: endpoints) || former.isEmpty && !endpoints.isEmpty else { continue }
      delta.staleDatagrams[frontend] = endpoints
    }
  }

  /// All entries by set.
  var elements: [String: Set<Element>] {
    var all: [String: Set<Element>] = [:]
    for place in places.keys {
      if let element = effective(place) { all[place.set, default: []].insert(element) }
    }
    return all
  }

  var stickyGroups: Set<StickyGroup> { Set(groups.keys) }

  var balancers: Set<IPv4Address> {
    let keys = places.keys.filter { $0.set == RuleNames.balancers }.map(\.key)
    return Set(keys.map { key in IPv4Address(bits: key.reduce(UInt32(0)) { $0 << 8 | UInt32($1) }) })
  }
}
