/// Who needs whom among services.
public struct ComposeGraph: Sendable {
  private let needs: [String: [String]]
  private let locations: [String: ComposeLocation]

  /// - Parameter services: names that none of them has are left out.
  public init(_ services: [ComposeService]) {
    let names = Set(services.map(\.name))
    needs = Dictionary(
      services.map { service in (service.name, service.dependencies.map(\.service).filter(names.contains)) }
    ) { first, _ in first }
    locations = Dictionary(services.compactMap { service in service.location.map { (service.name, $0) } }) { first, _ in
      first
    }
  }

  /// Throws `cycle`, naming the services on it.
  func requireNoCycle() throws(ComposeFault) {
    guard let cycle = cycle() else { return }
    throw ComposeFault(
      .cycle, at: locations[cycle[0]], key: "services.\(cycle[0])",
      "services need each other: " + cycle.joined(separator: " → "))
  }

  /// The first service stands at both ends.
  private func cycle() -> [String]? {
    var done: Set<String> = []
    for start in needs.keys.sorted() where !done.contains(start) {
      // Walked with a stack of our own: what is under way, and what of it is left to look at.
      var path = [start]
      var rest = [needs[start] ?? []]
      while let name = path.last {
        guard let next = rest[rest.count - 1].popLast() else {
          done.insert(name)
          path.removeLast()
          rest.removeLast()
          continue
        }
        if let index = path.firstIndex(of: next) { return Array(path[index...]) + [next] }
        if done.contains(next) { continue }
        path.append(next)
        rest.append(needs[next] ?? [])
      }
    }
    return nil
  }

  /// Services in an order in which each comes after all that it needs; of those that could be next the first by name.
  public var startOrder: [String] {
    var waiting = needs.mapValues(\.count)
    let dependents = Dictionary(grouping: needs.flatMap { name, list in list.map { (need: $0, name: name) } }) {
      $0.need
    }
    var ready = waiting.filter { $0.value == 0 }.keys.sorted(by: >)
    var order: [String] = []
    while let name = ready.popLast() {
      order.append(name)
      for dependent in dependents[name] ?? [] {
        waiting[dependent.name, default: 1] -= 1
        if waiting[dependent.name] == 0 { ready.append(dependent.name) }
      }
      ready.sort(by: >)
    }
    return order
  }

  public var stopOrder: [String] { startOrder.reversed() }

  /// The services named and all that they need.
  public func closure(of names: [String]) -> Set<String> {
    var found: Set<String> = []
    var waiting = names
    while let name = waiting.popLast() {
      if needs[name] != nil, found.insert(name).inserted { waiting += needs[name] ?? [] }
    }
    return found
  }

  /// The services that need one of those named, directly or not, and these themselves.
  public func dependents(of names: Set<String>) -> Set<String> {
    var found = names
    for name in startOrder where !(needs[name] ?? []).allSatisfy({ !found.contains($0) }) { found.insert(name) }
    return found
  }
}
