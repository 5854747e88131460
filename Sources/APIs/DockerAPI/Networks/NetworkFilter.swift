import Model
import Networking

/// Which networks `GET /networks` lists.
struct NetworkFilter {
  static let keys: Set<String> = ["dangling", "driver", "id", "label", "name", "scope", "type"]
  /// Networks that are there from the beginning.
  static let builtIn: Set<String> = ["bridge", "host", "none"]

  private let filters: Filters
  private let dangling: Bool?
  private let isUsed: (NetworkID) -> Bool

  init(_ filters: Filters, isUsed: @escaping (NetworkID) -> Bool) throws {
    try filters.requireKeys(Self.keys)
    for kind in filters["type"] where !["custom", "builtin"].contains(kind) {
      throw PlatformError(.invalidArgument, "invalid filter: 'type'='\(kind.prefix(32))'")
    }
    self.filters = filters
    self.isUsed = isUsed
    dangling = try filters.flag("dangling")
  }

  func includes(_ network: NetworkRecord) -> Bool {
    let isBuiltIn = Self.builtIn.contains(network.name)
    guard filters.equals("driver", network.driver), filters.matches("name", network.name),
      filters.hasPrefix("id", network.id.hex), filters.matchesLabels("label", network.labels),
      filters.equals("scope", "local"), filters.equals("type", isBuiltIn ? "builtin" : "custom")
    else { return false }
    return dangling.map { $0 == (!isBuiltIn && !isUsed(network.id)) } ?? true
  }
}
