import Model

/// Reads values of a mapping whose form the tables have checked.
struct Fields {
  let node: Node
  let key: String

  subscript(name: String) -> Node? { node[name] }

  func place(_ name: String) -> String { KeyPath.join(key, name) }

  func text(_ name: String) -> String? { node[name]?.text }
  func flag(_ name: String) -> Bool? { node[name]?.text.flatMap(SchemaReader.flag) }
  func integer(_ name: String) -> Int64? { node[name]?.text.flatMap(Scalar.integer) }
  func size(_ name: String) -> Int64? { node[name]?.text.flatMap { Int64($0) } }
  func nanoseconds(_ name: String) -> Int64? { node[name]?.text.flatMap(Units.duration) }
  func billionths(_ name: String) -> Int64? { node[name]?.text.flatMap(Units.billionths) }
  func texts(_ name: String) -> [String] { node[name]?.items?.compactMap(\.text) ?? [] }

  /// nil: the key says nothing; an empty list says so.
  func words(_ name: String) -> [String]? { node[name]?.items.map { $0.compactMap(\.text) } }

  func pairs(_ name: String) -> [String: String?] {
    var result: [String: String?] = [:]
    for member in node[name]?.members ?? [] { result.updateValue(member.value.text, forKey: member.key) }
    return result
  }

  /// Where nothing is as good as an empty text.
  func labels(_ name: String) -> [String: String] { pairs(name).mapValues { $0 ?? "" } }

  func below(_ name: String) -> Fields? {
    guard let inner = node[name], inner.members != nil else { return nil }
    return Fields(node: inner, key: place(name))
  }

  func list(_ name: String) -> [Fields] {
    // What had a fault is nothing.
    (node[name]?.items ?? []).enumerated().filter { !$1.isNull }.map {
      Fields(node: $1, key: "\(place(name))[\($0)]")
    }
  }

  /// The members of a mapping with names of the user's.
  func named(_ name: String) -> [(name: String, fields: Fields)] {
    (node[name]?.members ?? []).map { ($0.key, Fields(node: $0.value, key: KeyPath.join(place(name), $0.key))) }
  }

  func fault(_ name: String, _ message: String, _ kind: ComposeFault.Kind = .invalid) -> ComposeFault {
    ComposeFault(kind, at: node[name]?.at ?? node.at, key: place(name), message)
  }

  func fault(_ message: String, _ kind: ComposeFault.Kind = .invalid) -> ComposeFault {
    ComposeFault(kind, at: node.at, key: key, message)
  }
}
