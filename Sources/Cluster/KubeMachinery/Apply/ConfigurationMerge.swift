import HTTPServing

/// Puts an applied configuration over the stored object, and takes fields away.
///
/// Source: Kubernetes *Server-Side Apply*, *Merge strategy*.
enum ConfigurationMerge {
  /// The stored object with what the configuration says. The configuration was checked by `ConfigurationCheck`.
  static func merge(_ live: JSONValue, _ config: JSONValue, _ schema: Schema) -> JSONValue {
    merged(live, config, schema) ?? .object([])
  }

  /// Nil where null takes the value away.
  private static func merged(_ live: JSONValue?, _ config: JSONValue, _ schema: Schema) -> JSONValue? {
    let shape = FieldShape(schema)
    switch (shape, config) {
    case (.record, .object(let changes)), (.map, .object(let changes)):
      guard case .object(let members) = live, !members.isEmpty else {
        return .object(
          changes.compactMap { name, value in merged(nil, value, shape.member(name)).map { (name, $0) } })
      }
      var table = MemberTable(members)
      for (name, value) in changes { table[name] = merged(table.take(name), value, shape.member(name)) }
      return .object(table.members)
    case (.record, .null), (.map, .null), (.list, .null):
      // Null says nothing about what others have put into it.
      guard let live, !live.members.isEmpty || !live.items.isEmpty else { return nil }
      return live
    case (.list(let element, let keys), .array(let items)):
      guard case .array(let old) = live, !old.isEmpty else {
        return .array(items.compactMap { merged(nil, $0, element) })
      }
      return .array(mergedItems(old, items, ListIdentity(element, keys: keys)))
    default: return config == .null ? nil : config
    }
  }

  /// Both orders are kept: the configuration's among its items, the object's among its own; where they cannot both be, the
  /// configuration's wins.
  private static func mergedItems(
    _ live: [JSONValue], _ config: [JSONValue], _ identity: ListIdentity
  ) -> [JSONValue] {
    let left = live.map { (element: identity.element(of: $0), item: $0) }
    let right = config.map { (element: identity.element(of: $0), item: $0) }
    // Nil for items that stand more than once: they are replaced, not merged.
    var leftItems: [PathElement: JSONValue?] = [:]
    for (element, item) in left {
      guard let element else { continue }
      leftItems[element] = leftItems[element] == nil ? .some(item) : .some(nil)
    }
    let rightElements = Set(right.compactMap(\.element))
    var shared = right.compactMap(\.element).filter { leftItems[$0] != nil }[...]
    var done: Set<PathElement> = []
    var output: [JSONValue] = []
    var next = (left: 0, right: 0)

    func take(_ pair: (element: PathElement?, item: JSONValue)) {
      let old = pair.element.flatMap { leftItems[$0] ?? nil }
      if let item = merged(old, pair.item, identity.element) { output.append(item) }
      guard let element = pair.element else { return }
      done.insert(element)
      if shared.first == element { shared.removeFirst() }
    }

    while next.left < left.count || next.right < right.count {
      if next.left < left.count {
        let (element, item) = left[next.left]
        if next.right < right.count {
          if let element, element == right[next.right].element {
            take(right[next.right])
            next = (next.left + 1, next.right + 1)
            continue
          }
          // In both, but another one comes first.
          if let element, rightElements.contains(element), let first = shared.first, first != element {
            next.left += 1
            continue
          }
        }
        guard let element, rightElements.contains(element) else {
          output.append(item)
          next.left += 1
          continue
        }
        if done.contains(element) { next.left += 1 }
      }
      if next.right < right.count {
        if let element = right[next.right].element, done.contains(element) {
          next.right += 1
          continue
        }
        take(right[next.right])
        next.right += 1
      }
    }
    return output
  }

  /// Without the fields and items of the set; what becomes empty by it goes too.
  static func removing(_ fields: FieldSet, from value: JSONValue, _ schema: Schema) -> JSONValue {
    removed(fields, value, schema) ?? .object([])
  }

  private static func removed(_ fields: FieldSet, _ value: JSONValue, _ schema: Schema) -> JSONValue? {
    if fields.isEmpty { return value }
    let shape = FieldShape(schema)
    switch (shape, value) {
    case (.record, .object(let members)), (.map, .object(let members)):
      let kept = members.compactMap { name, value -> (name: String, value: JSONValue)? in
        guard let entry = fields.entry(.field(name)) else { return (name, value) }
        if entry.isMember { return nil }
        return removed(entry.below, value, shape.member(name)).map { (name, $0) }
      }
      return kept.isEmpty ? nil : .object(kept)
    case (.list(let element, let keys), .array(let items)):
      let identity = ListIdentity(element, keys: keys)
      let kept = items.compactMap { item -> JSONValue? in
        guard let step = identity.element(of: item), let entry = fields.entry(step) else { return item }
        return entry.isMember ? nil : removed(entry.below, item, element)
      }
      return kept.isEmpty ? nil : .array(kept)
    default: return value
    }
  }
}
