import HTTPServing

/// Strategic merge patch: as a merge patch, but lists whose field has a rule are merged item by item.
///
/// Source: Kubernetes *Update API Objects in Place Using kubectl patch*, *Strategic Merge Patch* (API conventions).
public struct StrategicMergePatch: Sendable {
  static let directive = "$patch"
  static let retainKeys = "$retainKeys"
  static let deletionPrefix = "$deleteFromPrimitiveList"
  static let orderPrefix = "$setElementOrder"

  typealias Member = (name: String, value: JSONValue)

  private let schema: ObjectSchema

  public init(_ schema: ObjectSchema) {
    self.schema = schema
  }

  /// The object changed by the patch. Throws `PatchError`.
  public func apply(_ patch: JSONValue, to object: JSONValue) throws -> JSONValue {
    guard case .object(let changes) = patch else {
      throw PatchError(.malformed, "invalid JSON document")
    }
    return .object(try Self.merge(changes, into: object.members, .object(schema)))
  }

  /// What the schema says of a member: its own form, and how it is merged.
  private static func member(_ name: String, of schema: Schema) -> (schema: Schema, rule: MergeRule?) {
    switch schema {
    case .object(let object):
      guard let field = object.field(name) else { return (.anything, nil) }
      return (field.schema, field.merge)
    case .map(let values, _): return (values, nil)
    default: return (.anything, nil)
    }
  }

  static func merge(_ patch: [Member], into original: [Member], _ schema: Schema) throws -> [Member] {
    if let directive = patch.first(where: { $0.name == Self.directive }) {
      return try replaced(patch, directive.value)
    }
    var table = MemberTable(original)
    try retain(patch, in: &table)
    let ordered = try order(patch, in: &table, schema)
    for (name, change) in patch where !name.hasPrefix(orderPrefix) && name != retainKeys && !ordered.contains(name) {
      if name.hasPrefix(deletionPrefix) {
        try delete(change, from: try listName(name, deletionPrefix), in: &table, schema)
        continue
      }
      if change == .null {
        table[name] = nil
        continue
      }
      guard let current = table.take(name), let (field, rule) = mergeable(current, change, name, schema) else {
        table[name] = cleaned(change)
        continue
      }
      switch (current, change) {
      case (.object(let members), .object(let changes)):
        table[name] = .object(try merge(changes, into: members, field))
      case (.array(let items), .array(let changes)):
        table[name] = .array(try mergeList(changes, into: items, field, rule))
      default: table[name] = cleaned(change)
      }
    }
    return table.members
  }

  /// Nil where the values are not of the same form, so that the new one replaces the old.
  private static func mergeable(
    _ current: JSONValue, _ change: JSONValue, _ name: String, _ schema: Schema
  ) -> (schema: Schema, rule: MergeRule?)? {
    current.isObject && change.isObject || current.isArray && change.isArray ? member(name, of: schema) : nil
  }

  /// The whole object is replaced by the patch, or emptied.
  private static func replaced(_ patch: [Member], _ directive: JSONValue) throws -> [Member] {
    switch directive {
    case "replace":
      let rest = patch.filter { $0.name != Self.directive }
      return cleaned(.object(rest))?.members ?? []
    case "delete": return []
    default:
      throw PatchError(
        .malformed,
        "unknown patch type: \(GoText.printed(directive)) in map: \(GoText.printed(.object(patch)))")
    }
  }

  /// Drops the members that `$retainKeys` does not name.
  private static func retain(_ patch: [Member], in table: inout MemberTable) throws {
    guard let list = patch.first(where: { $0.name == retainKeys })?.value else { return }
    let bad = PatchError(.malformed, "invalid patch format of retainKeys")
    guard case .array(let items) = list else { throw bad }
    let kept = Set(items.compactMap(\.text))
    guard kept.count <= items.count, items.allSatisfy({ $0.text != nil }) else { throw bad }
    for (name, value) in patch where value != .null && name != retainKeys {
      if name.hasPrefix(deletionPrefix) || name.hasPrefix(orderPrefix) { continue }
      guard kept.contains(name) else { throw bad }
    }
    for (name, _) in table.members where !kept.contains(name) { table[name] = nil }
  }

  /// `NAME` of `$directive/NAME`.
  private static func listName(_ name: String, _ prefix: String) throws -> String {
    let rest = name.utf8.dropFirst(prefix.utf8.count)
    guard rest.first == UInt8(ascii: "/") else {
      let list = prefix == deletionPrefix ? "primitive" : "setElementOrder"
      throw PatchError(.malformed, "invalid patch format of \(list) list")
    }
    return String(decoding: rest.dropFirst(), as: UTF8.self)
  }

  private static func delete(
    _ change: JSONValue, from name: String, in table: inout MemberTable, _ schema: Schema
  ) throws {
    guard case .array(let gone) = change else {
      throw PatchError(.malformed, "invalid patch format of primitive list")
    }
    guard case .array(let items) = table[name] else { return }
    let values = Set(try gone.map(MergeValue.init))
    table[name] = .array(try items.filter { !values.contains(try MergeValue($0)) })
  }

  /// Merges the lists that the patch wants in an order of its own.
  /// - Returns: the names that are done.
  private static func order(_ patch: [Member], in table: inout MemberTable, _ schema: Schema) throws -> Set<String> {
    var done: Set<String> = []
    for (directive, wanted) in patch where directive.hasPrefix(orderPrefix) {
      guard case .array(let order) = wanted else {
        throw PatchError(.malformed, "expected a []interface {}, but received a \(GoText.typeName(wanted))")
      }
      let name = try listName(directive, orderPrefix)
      let change = patch.first { $0.name == name }?.value
      let current = table[name]
      for value in [change, current].compactMap({ $0 }) where !value.isArray && value != .null {
        throw PatchError(.malformed, "expected a []interface {}, but received a \(GoText.typeName(value))")
      }
      if change == .null { continue }
      let (list, rule) = member(name, of: schema)
      try StrategicList(list, rule).check(change?.items ?? [], against: order)
      guard change != nil || current != nil else { continue }
      let merged =
        if let change {
          current == nil
            ? cleaned(change)?.items ?? [] : try mergeList(change.items, into: current?.items ?? [], list, rule)
        } else { current?.items ?? [] }
      table[name] = .array(
        try StrategicList(list, rule).ordered(merged, by: order, thenBy: current?.items ?? []))
      done.insert(name)
    }
    return done
  }

  private static func mergeList(
    _ patch: [JSONValue], into original: [JSONValue], _ schema: Schema, _ rule: MergeRule?
  ) throws -> [JSONValue] {
    guard let rule, rule.mergesItems else { return cleaned(.array(patch))?.items ?? [] }
    return try StrategicList(schema, rule).merge(patch, into: original)
  }

  /// What becomes of a part of the patch that has nothing to be merged with: no nulls, no directives. Nil where it was
  /// nothing but a directive.
  static func cleaned(_ value: JSONValue) -> JSONValue? {
    switch value {
    case .object(let members):
      if members.contains(where: { $0.name == directive }) { return nil }
      return .object(
        members.compactMap { name, value in
          if value == .null || isDirective(name) { return nil }
          return cleaned(value).map { (name, $0) }
        })
    case .array(let items): return .array(items.compactMap(cleaned))
    default: return value
    }
  }

  private static func isDirective(_ name: String) -> Bool {
    name == retainKeys || name.hasPrefix(orderPrefix + "/") || name.hasPrefix(deletionPrefix + "/")
  }
}
