import HTTPServing

/// How server-side apply looks at a value of some schema.
enum FieldShape {
  /// Owned as a whole.
  case leaf
  case record(ObjectSchema)
  case map(Schema)
  /// `keys`: nil where the items themselves are the keys.
  case list(Schema, keys: [String]?)

  init(_ schema: Schema) {
    switch schema {
    case .object(let object): self = object.isAtomic ? .leaf : .record(object)
    case .map(let values, let isAtomic): self = isAtomic ? .leaf : .map(values)
    case .list(_, .atomic): self = .leaf
    case .list(let element, .set): self = .list(element, keys: nil)
    case .list(let element, .map(let keys)): self = .list(element, keys: keys)
    default: self = .leaf
    }
  }

  /// The schema of a member; anything where the schema does not know it.
  func member(_ name: String) -> Schema {
    switch self {
    case .record(let object): object.field(name)?.schema ?? .anything
    case .map(let values): values
    default: .anything
    }
  }
}

/// What identifies the items of a list.
struct ListIdentity {
  let element: Schema
  /// Sorted, with what a missing one counts as.
  private let keys: [(name: String, missing: JSONValue?)]?

  init(_ element: Schema, keys: [String]?) {
    self.element = element
    self.keys = keys.map { names in
      names.sorted().map { name in
        if case .object(let object) = element { return (name, object.field(name)?.defaultValue) }
        return (name, nil)
      }
    }
  }

  /// Nil where the item has nothing that identifies it; `problem` says why.
  func element(of item: JSONValue) -> PathElement? {
    guard let keys else {
      return item.isObject || item.isArray || item == .null ? nil : .value(item)
    }
    guard item.isObject else { return nil }
    var fields: [(name: String, value: JSONValue)] = []
    for (name, missing) in keys {
      if let value = item[name] ?? missing { fields.append((name, value)) }
    }
    return fields.isEmpty ? nil : .key(fields)
  }

  func problem(_ item: JSONValue) -> String {
    guard let keys else {
      return switch item {
      case .object: "associative list without keys has an element that's a map type"
      case .array: "not supported: associative list with lists as elements"
      default: "associative list without keys has an element that's an explicit null"
      }
    }
    if item == .null { return "associative list with keys may not have a null element" }
    guard item.isObject else { return "associative list with keys may not have non-map elements" }
    let names = keys.map { GoText.quoted($0.name) }.joined(separator: " ")
    return "associative list with keys has an element that omits all key fields [\(names)] (and doesn't have default"
      + " values for any key fields)"
  }

  /// The items by what identifies them, in order; items that cannot be told apart stand together. Items without identity
  /// are left out: a stored object was validated.
  func groups(_ items: [JSONValue]) -> [(element: PathElement, items: [JSONValue])] {
    var groups: [(element: PathElement, items: [JSONValue])] = []
    groups.reserveCapacity(items.count)
    var positions: [PathElement: Int] = [:]
    for item in items {
      guard let element = element(of: item) else { continue }
      if let position = positions[element] {
        groups[position].items.append(item)
      } else {
        positions[element] = groups.count
        groups.append((element, [item]))
      }
    }
    return groups
  }
}
