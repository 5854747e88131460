import HTTPServing

/// What identifies an item of a list that is merged: a plain value. Numbers of one value are one.
enum MergeValue: Hashable {
  case null
  case flag(Bool)
  case number(Double)
  case integer(Int64)
  case text(String)

  init(_ value: JSONValue) throws {
    switch value {
    case .null: self = .null
    case .bool(let flag): self = .flag(flag)
    case .integer(let number): self = .integer(number)
    case .double(let number): self = Int64(exactly: number).map { .integer($0) } ?? .number(number)
    case .string(let text): self = .text(text)
    case .array: throw PatchError(.unprocessable, "lists of lists are not supported")
    case .object:
      throw PatchError(.malformed, "expected a plain value, but received a \(GoText.typeName(value))")
    }
  }
}

/// Merges one list by its rule: items with the same key are one, or plain values are a set.
struct StrategicList {
  private let element: Schema
  private let key: String?

  init(_ schema: Schema, _ rule: MergeRule?) {
    element = if case .list(let element, _) = schema { element } else { .anything }
    key = rule?.key
  }

  func merge(_ patch: [JSONValue], into original: [JSONValue]) throws -> [JSONValue] {
    if original.isEmpty && patch.isEmpty { return original }
    let areObjects = try hasObjects(original + patch)
    guard areObjects else {
      var seen: Set<MergeValue> = []
      let merged = try (original + patch).filter { seen.insert(try MergeValue($0)).inserted }
      return try ordered(merged, by: patch, thenBy: original)
    }
    guard key != nil else {
      throw PatchError(.malformed, "cannot merge lists without merge key for \(name)")
    }
    let (kept, changes) = try resolve(patch, original)
    return try ordered(try mergeObjects(changes, into: kept), by: changes, thenBy: kept)
  }

  private var name: String { if case .object(let object) = element { object.name } else { "a list of plain values" } }

  /// Whether the items are objects; mixed lists are refused.
  private func hasObjects(_ items: [JSONValue]) throws -> Bool {
    if items.contains(where: \.isArray) { throw PatchError(.unprocessable, "lists of lists are not supported") }
    let count = items.count { $0.isObject }
    guard count == 0 || count == items.count else {
      throw PatchError(
        .malformed, "list element types are not identical: \(GoText.printed(.array(items)))")
    }
    return count > 0
  }

  /// What identifies an item: the value of its key, or itself where the list has none.
  private func identity(_ item: JSONValue) throws -> MergeValue {
    guard let key, item.isObject else { return try MergeValue(item) }
    guard let value = item[key] else {
      throw PatchError(
        .malformed, "map: \(GoText.printed(item)) does not contain declared merge key: \(key)")
    }
    return try MergeValue(value)
  }

  /// Carries out the items that are directives.
  /// - Returns: what is left of the list, and the items to be merged into it.
  private func resolve(
    _ patch: [JSONValue], _ original: [JSONValue]
  ) throws -> (kept: [JSONValue], changes: [JSONValue]) {
    var changes: [JSONValue] = []
    var deleted: Set<MergeValue> = []
    var isReplaced = false
    for item in patch {
      switch item[StrategicMergePatch.directive] {
      case nil: changes.append(item)
      case "delete": deleted.insert(try identity(item))
      case "replace": isReplaced = true
      case "merge": throw PatchError(.malformed, "merging lists cannot yet be specified in the patch")
      case .some(let directive):
        throw PatchError(
          .malformed, "unknown patch type: \(GoText.printed(directive)) in map: \(GoText.printed(item))")
      }
    }
    if isReplaced { return (changes.compactMap(StrategicMergePatch.cleaned), []) }
    if deleted.isEmpty { return (original, changes) }
    return (try original.filter { !deleted.contains(try identity($0)) }, changes)
  }

  private func mergeObjects(_ changes: [JSONValue], into original: [JSONValue]) throws -> [JSONValue] {
    var merged = original
    var positions: [MergeValue: Int] = [:]
    for (index, item) in original.enumerated() {
      let identity = try identity(item)
      if positions[identity] == nil { positions[identity] = index }
    }
    for change in changes {
      let identity = try identity(change)
      if let position = positions[identity] {
        let members = merged[position].members
        merged[position] = .null
        merged[position] = .object(try StrategicMergePatch.merge(change.members, into: members, element))
      } else if let added = StrategicMergePatch.cleaned(change) {
        positions[identity] = merged.count
        merged.append(added)
      }
    }
    return merged
  }

  /// Items named by `order` stand in its order, the others in that of `server`; the two are mixed as the server had them.
  func ordered(_ items: [JSONValue], by order: [JSONValue], thenBy server: [JSONValue]) throws -> [JSONValue] {
    let wanted = try ranks(order)
    let served = try ranks(server)
    var named: [(item: JSONValue, rank: Int, served: Int?)] = []
    var others: [(item: JSONValue, rank: Int)] = []
    for item in items {
      let identity = try identity(item)
      if let rank = wanted[identity] {
        named.append((item, rank, served[identity]))
      } else {
        others.append((item, served[identity] ?? Int.max))
      }
    }
    // Swift's sort is stable.
    named.sort { $0.rank < $1.rank }
    others.sort { $0.rank < $1.rank }
    var output: [JSONValue] = []
    output.reserveCapacity(items.count)
    var next = others.startIndex
    for (item, _, place) in named {
      while next < others.endIndex, let place, others[next].rank < place {
        output.append(others[next].item)
        next += 1
      }
      output.append(item)
    }
    return output + others[next...].map(\.item)
  }

  private func ranks(_ items: [JSONValue]) throws -> [MergeValue: Int] {
    var ranks: [MergeValue: Int] = [:]
    for (index, item) in items.enumerated() {
      let identity = try identity(item)
      if ranks[identity] == nil { ranks[identity] = index }
    }
    return ranks
  }

  /// That the items of the patch are named by the order, in that order; deletions do not count.
  func check(_ patch: [JSONValue], against order: [JSONValue]) throws {
    if patch.isEmpty || order.isEmpty { return }
    var next = order.startIndex
    for item in patch where item[StrategicMergePatch.directive] == nil {
      let identity = try identity(item)
      while next < order.endIndex, try self.identity(order[next]) != identity { next += 1 }
      guard next < order.endIndex else {
        throw PatchError(
          .malformed,
          "The order in patch list:\n\(GoText.printed(.array(patch)))\n doesn't match"
            + " \(StrategicMergePatch.orderPrefix) list:\n\(GoText.printed(.array(order)))\n")
      }
      next += 1
    }
  }
}
