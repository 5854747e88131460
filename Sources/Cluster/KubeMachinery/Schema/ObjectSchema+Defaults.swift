import HTTPServing

extension ObjectSchema {
  /// Sets what the client said nothing about. Changes nothing in an object that has its defaults.
  ///
  /// An empty string counts as nothing where its default is a text: Go knows no difference.
  public func applyDefaults(to object: inout JSONValue) {
    guard holdsDefaults, case .object(var members) = object else { return }
    object = .null
    for field in fields {
      let isDeep = field.schema.inner?.holdsDefaults == true
      guard field.defaultValue != nil || isDeep else { continue }
      var place = members.firstIndex { $0.name == field.name }
      if let value = field.defaultValue {
        if let found = place {
          if members[found].value == .string("") { members[found].value = value }
        } else {
          place = members.count
          members.append((field.name, value))
        }
      }
      if isDeep, let place { Self.applyDefaults(to: &members[place].value, field.schema) }
    }
    object = .object(members)
  }

  private static func applyDefaults(to value: inout JSONValue, _ schema: Schema) {
    switch schema {
    case .object(let inner): inner.applyDefaults(to: &value)
    case .list(let inner, _):
      guard case .array(var items) = value else { return }
      value = .null
      for index in items.indices { applyDefaults(to: &items[index], inner) }
      value = .array(items)
    case .map(let inner, _):
      guard case .object(var members) = value else { return }
      value = .null
      for index in members.indices { applyDefaults(to: &members[index].value, inner) }
      value = .object(members)
    default: return
    }
  }
}
