import HTTPServing

extension FieldSet {
  /// Reads `fieldsV1`. Nil where a step of a path cannot be read.
  init?(document: JSONValue) {
    guard let (_, set) = Self.read(document) else { return nil }
    self = set
  }

  private static func read(_ document: JSONValue) -> (isMember: Bool, below: FieldSet)? {
    guard case .object(let members) = document else { return nil }
    var isMember = members.isEmpty
    var entries: [Entry] = []
    entries.reserveCapacity(members.count)
    for (name, value) in members {
      if name == "." {
        isMember = true
        continue
      }
      guard let element = PathElement(serialized: name), let (isIn, below) = read(value) else { return nil }
      entries.append(Entry(element, isMember: isIn, below: below))
    }
    let set = FieldSet(unsorted: entries)
    // Two spellings of one key would be two entries.
    guard zip(set.entries, set.entries.dropFirst()).allSatisfy({ $0.element != $1.element }) else { return nil }
    return (isMember, set)
  }

  /// Writes `fieldsV1`.
  public var document: JSONValue { document(isMember: false) }

  private func document(isMember: Bool) -> JSONValue {
    var members: [(name: String, value: JSONValue)] = []
    members.reserveCapacity(entries.count + 1)
    if isMember, !entries.isEmpty { members.append((".", .object([]))) }
    for entry in entries {
      members.append((entry.element.serialized, entry.below.document(isMember: entry.isMember)))
    }
    return .object(members)
  }
}
