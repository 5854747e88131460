/// Lays the values of a later file over those of an earlier one (compose specification, *Merge*), guided by the tables.
enum Merge {
  static func file(_ base: Node, with later: Node) -> Node {
    merge(base, with: later, .object(ProjectKeys.file), .standard)
  }

  static func service(_ base: Node, with later: Node) -> Node {
    merge(base, with: later, .object(ServiceKeys.service), .standard)
  }

  private static func merge(_ base: Node, with later: Node, _ kind: Kind, _ rule: SchemaKey.Merge) -> Node {
    if later.tag == .override {
      var result = later
      result.tag = nil
      return result
    }
    if case .replaced = rule { return later }
    if case .whereSame(let name) = rule, let first = base[name]?.text, let second = later[name]?.text, first != second {
      return later
    }
    switch (base.content, later.content) {
    case (.map(let members), .map(let changes)):
      return Node(.map(merge(members, with: changes, kind)), at: base.at)
    case (.list(let items), .list(let more)):
      return Node(.list(merge(items, with: more, rule)), at: base.at)
    default:
      // A later file's nothing takes nothing away.
      return later.isNull && later.tag == nil && !base.isNull ? base : later
    }
  }

  private static func merge(_ base: [Node.Member], with later: [Node.Member], _ kind: Kind) -> [Node.Member] {
    var result = base
    var positions: [String: Int] = [:]
    for (index, member) in base.enumerated() { positions[member.key] = index }
    for member in later {
      guard let position = positions[member.key] else {
        positions[member.key] = result.count
        result.append(member)
        continue
      }
      // What is taken out is taken out at the end, so that positions hold.
      if member.value.tag == .reset {
        result[position].value = member.value
        continue
      }
      let inner = below(kind, member.key)
      if result[position].value.tag == .reset {
        result[position] = member
      } else {
        result[position].value = merge(result[position].value, with: member.value, inner.0, inner.1)
      }
    }
    return result
  }

  private static func below(_ kind: Kind, _ name: String) -> (Kind, SchemaKey.Merge) {
    switch kind {
    case .form(_, let inner): return below(inner, name)
    case .named(let element): return (element, .standard)
    case .object(let schema):
      guard let key = schema.key(name) else { return (.anything, .standard) }
      return (key.kind, key.merge)
    default: return (.anything, .standard)
    }
  }

  private static func merge(_ base: [Node], with later: [Node], _ rule: SchemaKey.Merge) -> [Node] {
    var names: [String] = []
    if case .unique(let list) = rule { names = list }
    var result = base
    var positions: [String: Int] = [:]
    for (index, item) in base.enumerated() { positions[identity(item, names)] = index }
    for item in later {
      if let position = positions[identity(item, names)] {
        result[position] = item
      } else {
        result.append(item)
      }
    }
    return result
  }

  /// What makes two entries of a list the same one.
  private static func identity(_ node: Node, _ names: [String]) -> String {
    if let text = node.text { return text }
    let parts = names.map { node[$0]?.text ?? "" }
    // Files inside that name no target are called after their source.
    let isEmpty = parts.allSatisfy(\.isEmpty)
    return isEmpty ? node["source"]?.text ?? "\(node.value)" : parts.joined(separator: "\u{0}")
  }

  /// Takes out what `!reset` stands at, and the marks of `!override` that had nothing to replace.
  static func cleaned(_ node: Node) -> Node {
    var result = node
    result.tag = nil
    switch node.content {
    case .scalar: break
    case .list(let items): result.content = .list(items.filter { $0.tag != .reset }.map(cleaned))
    case .map(let members):
      result.content = .map(
        members.filter { $0.value.tag != .reset }.map { Node.Member(key: $0.key, at: $0.at, value: cleaned($0.value)) })
    }
    return result
  }
}
