import HTTPServing

/// The members of an object while it is merged: found by name in constant time, their order kept.
struct MemberTable {
  typealias Member = (name: String, value: JSONValue)

  private var entries: [Member?]
  /// Small objects are searched from the front, which is faster than hashing.
  private var index: [String: Int]?
  private static let hashedFrom = 16

  init(_ members: [Member] = []) {
    entries = members
    if members.count >= Self.hashedFrom { makeIndex() }
  }

  private mutating func makeIndex() {
    var index: [String: Int] = [:]
    for (position, entry) in entries.enumerated() { if let entry { index[entry.name] = position } }
    self.index = index
  }

  private func position(_ name: String) -> Int? {
    if let index { return index[name] }
    return entries.firstIndex { $0?.name == name }
  }

  subscript(name: String) -> JSONValue? {
    get { position(name).flatMap { entries[$0]?.value } }
    set {
      if let position = position(name) {
        if let newValue {
          entries[position]?.value = newValue
        } else {
          entries[position] = nil
          index?[name] = nil
        }
      } else if let newValue {
        entries.append((name, newValue))
        index?[name] = entries.count - 1
        if index == nil, entries.count >= Self.hashedFrom { makeIndex() }
      }
    }
  }

  /// Takes a value out so that it can be changed without a copy; `set` puts it back.
  mutating func take(_ name: String) -> JSONValue? {
    guard let position = position(name), let value = entries[position]?.value else { return nil }
    entries[position]?.value = .null
    return value
  }

  var members: [Member] { entries.compactMap { $0 } }
}
