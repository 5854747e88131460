import HTTPServing

extension FieldSet {
  /// The fields that a document sets. Source: Kubernetes structured merge, *field set of a value*.
  init(of value: JSONValue, _ schema: Schema) {
    var entries: [Entry] = []
    switch (FieldShape(schema), value) {
    case (.record(let object), .object(let members)):
      entries.reserveCapacity(members.count)
      for (name, value) in members {
        let field = object.field(name)?.schema
        let below = field.map { FieldSet(of: value, $0) } ?? FieldSet()
        let isMember = field == nil || Self.isLeaf(value, field ?? .anything)
        entries.append(Entry(.field(name), isMember: isMember, below: below))
      }
    case (.map(let values), .object(let members)):
      entries = members.map { Entry(.field($0.name), isMember: true, below: FieldSet(of: $0.value, values)) }
    case (.list(let element, let keys), .array(let items)):
      entries = ListIdentity(element, keys: keys).groups(items).map { group in
        let isOne = group.items.count == 1
        return Entry(
          group.element, isMember: true, below: isOne ? FieldSet(of: group.items[0], element) : FieldSet())
      }
    default: break
    }
    self.init(unsorted: entries)
  }

  /// Whether the path to the value itself is in the set of what a document sets.
  private static func isLeaf(_ value: JSONValue, _ schema: Schema) -> Bool {
    switch (FieldShape(schema), value) {
    case (.leaf, _), (_, .null): true
    case (.record, .object(let members)), (.map, .object(let members)): members.isEmpty
    case (.list, .array): false
    default: true
    }
  }

  /// With the declared fields on the way to each path.
  func withNamedFields(_ schema: Schema) -> FieldSet {
    let shape = FieldShape(schema)
    return FieldSet(
      unsorted: entries.map { entry in
        switch shape {
        case .record(let object) where entry.element.kind == .field:
          guard let field = object.field(entry.element.text) else { return entry }
          return Entry(
            entry.element, isMember: entry.isMember || !entry.below.isEmpty,
            below: entry.below.withNamedFields(field.schema))
        case .map(let values), .list(let values, _):
          return Entry(entry.element, isMember: entry.isMember, below: entry.below.withNamedFields(values))
        default: return entry
        }
      })
  }
}
