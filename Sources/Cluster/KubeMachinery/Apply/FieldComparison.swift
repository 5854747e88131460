import HTTPServing

/// What differs between two documents of one schema.
struct FieldComparison {
  var added = FieldSet()
  var modified = FieldSet()
  var removed = FieldSet()

  private init() {}

  init(_ old: JSONValue, _ new: JSONValue, _ schema: Schema) {
    self = Self.compare(old, new, schema).below
  }

  /// Without these paths and what lies below them.
  func excluding(_ ignored: FieldSet) -> FieldComparison {
    guard !ignored.isEmpty else { return self }
    var copy = self
    copy.added = added.excluding(ignored)
    copy.modified = modified.excluding(ignored)
    copy.removed = removed.excluding(ignored)
    return copy
  }

  private enum Change {
    case none, added, modified, removed
  }

  /// - Returns: whether the value itself counts as changed, and what changed below it.
  private static func compare(
    _ old: JSONValue?, _ new: JSONValue?, _ schema: Schema
  ) -> (change: Change, below: FieldComparison) {
    let shape = FieldShape(schema)
    switch shape {
    case .record, .map:
      guard isContainer(old, \.isObject), isContainer(new, \.isObject) else { break }
      let one = old?.members ?? []
      let two = new?.members ?? []
      if one.isEmpty && two.isEmpty { break }
      return (presence(old, new), members(one, two, shape))
    case .list(let element, let keys):
      guard isContainer(old, \.isArray), isContainer(new, \.isArray) else { break }
      let one = old?.items ?? []
      let two = new?.items ?? []
      if one.isEmpty && two.isEmpty { break }
      return (presence(old, new), items(one, two, ListIdentity(element, keys: keys)))
    case .leaf: break
    }
    guard let old, let new else { return (presence(old, new), FieldComparison()) }
    return (old.means(new) ? .none : .modified, FieldComparison())
  }

  private static func isContainer(_ value: JSONValue?, _ isRight: (JSONValue) -> Bool) -> Bool {
    guard let value else { return true }
    return value == .null || isRight(value)
  }

  private static func presence(_ old: JSONValue?, _ new: JSONValue?) -> Change {
    old == nil ? .added : new == nil ? .removed : .none
  }

  /// Collects the changes of one level.
  private struct Collector {
    private var added: [FieldSet.Entry] = []
    private var modified: [FieldSet.Entry] = []
    private var removed: [FieldSet.Entry] = []

    mutating func add(_ element: PathElement, _ change: Change, _ below: FieldComparison = FieldComparison()) {
      if change == .added || !below.added.isEmpty {
        added.append(.init(element, isMember: change == .added, below: below.added))
      }
      if change == .modified || !below.modified.isEmpty {
        modified.append(.init(element, isMember: change == .modified, below: below.modified))
      }
      if change == .removed || !below.removed.isEmpty {
        removed.append(.init(element, isMember: change == .removed, below: below.removed))
      }
    }

    var comparison: FieldComparison {
      var comparison = FieldComparison()
      comparison.added = FieldSet(unsorted: added)
      comparison.modified = FieldSet(unsorted: modified)
      comparison.removed = FieldSet(unsorted: removed)
      return comparison
    }
  }

  private static func members(
    _ old: [(name: String, value: JSONValue)], _ new: [(name: String, value: JSONValue)], _ shape: FieldShape
  ) -> FieldComparison {
    var collector = Collector()
    // Most documents keep the order of their members, and then nothing is searched for.
    if old.count == new.count, zip(old, new).allSatisfy({ $0.name == $1.name }) {
      for (one, two) in zip(old, new) {
        let (change, below) = compare(one.value, two.value, shape.member(one.name))
        collector.add(.field(one.name), change, below)
      }
      return collector.comparison
    }
    let oldTable = MemberTable(old)
    let newTable = MemberTable(new)
    for (name, value) in old {
      let (change, below) = compare(value, newTable[name], shape.member(name))
      collector.add(.field(name), change, below)
    }
    for (name, value) in new where oldTable[name] == nil {
      let (change, below) = compare(nil, value, shape.member(name))
      collector.add(.field(name), change, below)
    }
    return collector.comparison
  }

  /// Items that cannot be told apart are compared as one value.
  private static func items(_ old: [JSONValue], _ new: [JSONValue], _ identity: ListIdentity) -> FieldComparison {
    var collector = Collector()
    let oldGroups = identity.groups(old)
    let newGroups = identity.groups(new)
    let newPositions = Dictionary(
      newGroups.enumerated().map { ($1.element, $0) }, uniquingKeysWith: { first, _ in first })
    var seen: Set<PathElement> = []
    for group in oldGroups {
      seen.insert(group.element)
      let other = newPositions[group.element].map { newGroups[$0].items } ?? []
      add(group.element, group.items, other, identity.element, to: &collector)
    }
    for group in newGroups where !seen.contains(group.element) {
      add(group.element, [], group.items, identity.element, to: &collector)
    }
    return collector.comparison
  }

  private static func add(
    _ element: PathElement, _ old: [JSONValue], _ new: [JSONValue], _ schema: Schema, to collector: inout Collector
  ) {
    switch (old.count, new.count) {
    case (0...1, 0...1):
      let (change, below) = compare(old.first, new.first, schema)
      collector.add(element, change, below)
    case (2..., 2...):
      if !JSONValue.array(old).means(.array(new)) { collector.add(element, .modified) }
    case (2..., _):
      if let item = new.first {
        let (change, below) = compare(nil, item, schema)
        collector.add(element, change, below)
      } else {
        collector.add(element, .removed)
      }
    default:
      let below = old.first.map { compare($0, nil, schema).below } ?? FieldComparison()
      collector.add(element, .added, below)
    }
  }
}
