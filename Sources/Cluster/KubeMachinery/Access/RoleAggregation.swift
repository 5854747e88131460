import HTTPServing

/// Roles that are put together from others by their labels: `aggregationRule`.
public enum RoleAggregation {
  /// The cluster roles whose rules have to change, with their new rules. Aggregates of aggregates are followed.
  ///
  /// `clusterRoles`: all of them. What an aggregate's own `rules` say is overwritten.
  public static func changes(_ clusterRoles: [JSONValue]) -> [JSONValue] {
    var roles = clusterRoles.sorted { $0.meta.name < $1.meta.name }
    let labels = roles.map { $0["metadata"]?["labels"] }
    let selectors = roles.map { role in
      role["aggregationRule"]?["clusterRoleSelectors"]?.items.map { LabelSelector(document: $0) }
    }
    let sources = roles.indices.map { target in
      roles.indices.filter { source in
        source != target && selectors[target]?.contains { $0.matches(labels[source]) } ?? false
      }
    }
    var changed: Set<Int> = []
    // A chain is at most as long as there are roles; a circle comes to rest because rules are only ever added to it.
    for _ in roles.indices {
      var isAtRest = true
      for target in roles.indices where selectors[target] != nil {
        let rules = union(sources[target].map { roles[$0]["rules"]?.items ?? [] })
        // No rules are `[]`, `null` or nothing at all.
        if JSONValue.array(roles[target]["rules"]?.items ?? []).means(.array(rules)) { continue }
        roles[target]["rules"] = .array(rules)
        changed.insert(target)
        isAtRest = false
      }
      if isAtRest { break }
    }
    return changed.sorted().map { roles[$0] }
  }

  /// Each rule once, in the order of the roles.
  private static func union(_ lists: [[JSONValue]]) -> [JSONValue] {
    var seen: Set<[UInt8]> = []
    return lists.joined().filter { seen.insert($0.encoded()).inserted }
  }
}
