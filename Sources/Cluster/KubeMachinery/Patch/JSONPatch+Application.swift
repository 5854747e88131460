import HTTPServing

extension JSONPatch {
  /// The document after all operations. Throws `PatchError` (unprocessable or too large); then nothing has changed.
  public func apply(to document: JSONValue) throws -> JSONValue {
    var work = Work(document: document)
    for operation in operations { try work.run(operation) }
    return work.document
  }

  private struct Work {
    var document: JSONValue
    var copiedBytes = 0
    var steps = 0

    mutating func run(_ operation: Operation) throws {
      switch operation {
      case .add(let path, let value): try add(value, at: path, of: "add")
      case .remove(let path): _ = try remove(at: path, of: "remove")
      case .replace(let path, let value): try replace(at: path, with: value)
      case .move(let from, let path): try move(from: from, to: path)
      case .copy(let from, let path): try copy(from: from, to: path)
      case .test(let path, let value): try test(path, value)
      }
    }

    private mutating func spend(_ count: Int) throws {
      steps += count
      guard steps <= JSONPatch.maxSteps else {
        throw PatchError(.tooLarge, "the JSON patch takes more than \(JSONPatch.maxSteps) steps")
      }
    }

    private static func missing(_ kind: String, _ path: Pointer, _ what: String = "path") -> PatchError {
      PatchError(
        .unprocessable, "\(kind) operation does not apply: doc is missing \(what): \"\(path.text)\": missing value")
    }

    /// Hands the container that holds the last step to `body`, to be changed where it is.
    private mutating func change<Result>(
      _ path: Pointer, of kind: String, _ body: (inout JSONValue, String) throws -> Result
    ) throws -> Result {
      guard let last = path.steps.last else { throw Self.missing(kind, path) }
      let absent = Self.missing(kind, path)
      func descend(_ value: inout JSONValue, _ steps: ArraySlice<String>) throws -> Result {
        guard let step = steps.first else { return try body(&value, last) }
        switch value {
        case .object(var members):
          guard let index = members.firstIndex(where: { $0.name == step }) else { throw absent }
          value = .null
          defer { value = .object(members) }
          return try descend(&members[index].value, steps.dropFirst())
        case .array(var items):
          guard let index = Self.index(step, count: items.count), index < items.count else { throw absent }
          value = .null
          defer { value = .array(items) }
          return try descend(&items[index], steps.dropFirst())
        default: throw absent
        }
      }
      return try descend(&document, path.steps.dropLast())
    }

    /// Negative numbers count from `count`, which stands behind the last that may be named.
    private static func index(_ step: String, count: Int) -> Int? {
      guard let number = Int(step) else { return nil }
      let index = number < 0 ? number + count : number
      return index >= 0 ? index : nil
    }

    private static func badIndex(_ kind: String, _ path: Pointer, _ step: String) -> PatchError {
      let reason =
        Int(step).map { "Unable to access invalid index: \($0): invalid index referenced" }
        ?? "value was not a proper array index: \(GoText.quoted(step))"
      return PatchError(.unprocessable, "error in \(kind) for path: '\(path.text)': \(reason)")
    }

    private func value(at path: Pointer, of kind: String) throws -> JSONValue? {
      var value = document
      for (position, step) in path.steps.enumerated() {
        let isLast = position == path.steps.count - 1
        switch value {
        case .object(let members):
          guard let next = members.first(where: { $0.name == step })?.value else {
            if isLast { return nil }
            throw Self.missing(kind, path)
          }
          value = next
        case .array(let items):
          guard let index = Self.index(step, count: items.count), index < items.count else {
            throw isLast ? Self.badIndex(kind, path, step) : Self.missing(kind, path)
          }
          value = items[index]
        default: throw Self.missing(kind, path)
        }
      }
      return value
    }

    private mutating func add(_ value: JSONValue, at path: Pointer, of kind: String) throws {
      guard path.steps.count + value.depth <= JSONLimits.maxDepth else {
        throw PatchError(
          .unprocessable, "\(kind) operation nests the document deeper than \(JSONLimits.maxDepth) levels")
      }
      let moved = try change(path, of: kind) { container, step in
        switch container {
        case .object:
          container[step] = value
          return 1
        case .array(var items):
          let position = step == "-" ? items.count : Self.index(step, count: items.count + 1)
          guard let position, position <= items.count else { throw Self.badIndex(kind, path, step) }
          container = .null
          items.insert(value, at: position)
          container = .array(items)
          return items.count - position
        default: throw Self.missing(kind, path)
        }
      }
      try spend(moved)
    }

    private mutating func remove(at path: Pointer, of kind: String) throws -> JSONValue {
      let (value, moved) = try change(path, of: kind) { container, step -> (JSONValue, Int) in
        switch container {
        case .object:
          guard let value = container[step] else {
            throw PatchError(
              .unprocessable,
              "error in \(kind) for path: '\(path.text)': Unable to remove nonexistent key: \(step): missing value")
          }
          container[step] = nil
          return (value, 1)
        case .array(var items):
          guard let index = Self.index(step, count: items.count), index < items.count else {
            throw Self.badIndex(kind, path, step)
          }
          container = .null
          let value = items.remove(at: index)
          let moved = items.count - index + 1
          container = .array(items)
          return (value, moved)
        default: throw Self.missing(kind, path)
        }
      }
      try spend(moved)
      return value
    }

    private mutating func replace(at path: Pointer, with value: JSONValue) throws {
      if path.steps.isEmpty {
        guard value.isObject || value.isArray else {
          throw PatchError(.unprocessable, "replace operation value must be object or array")
        }
        document = value
        return
      }
      guard path.steps.count + value.depth <= JSONLimits.maxDepth else {
        throw PatchError(
          .unprocessable, "replace operation nests the document deeper than \(JSONLimits.maxDepth) levels")
      }
      try change(path, of: "replace") { container, step in
        switch container {
        case .object: container[step] = value
        case .array(var items):
          guard let index = Self.index(step, count: items.count), index < items.count else {
            throw Self.missing("replace", path, "key")
          }
          container = .null
          items[index] = value
          container = .array(items)
        default: throw Self.missing("replace", path)
        }
      }
      try spend(1)
    }

    private mutating func move(from: Pointer, to path: Pointer) throws {
      if path.steps.count > from.steps.count, path.steps.starts(with: from.steps) {
        throw PatchError(
          .unprocessable, "move operation does not apply: \"\(path.text)\" is within \"\(from.text)\"")
      }
      let value = try remove(at: from, of: "move")
      try add(value, at: path, of: "move")
    }

    private mutating func copy(from: Pointer, to path: Pointer) throws {
      guard let value = try value(at: from, of: "copy") else { throw Self.missing("copy", from, "from path") }
      let (values, bytes) = value.extent
      try spend(values)
      copiedBytes += bytes
      guard copiedBytes <= JSONPatch.maxCopiedBytes else {
        throw PatchError(
          .tooLarge,
          "Unable to complete the copy, the accumulated size increase of copy is \(copiedBytes), exceeding the limit"
            + " \(JSONPatch.maxCopiedBytes)")
      }
      try add(value, at: path, of: "copy")
    }

    private mutating func test(_ path: Pointer, _ expected: JSONValue) throws {
      let found = try value(at: path, of: "test")
      try spend(expected.extent.values)
      guard (found ?? .null).means(expected) else {
        throw PatchError(.unprocessable, "testing value \(path.text) failed: test failed")
      }
    }
  }
}

extension JSONValue {
  /// How many lists and objects nest in it: 0 for plain values.
  var depth: Int {
    switch self {
    case .array(let items): 1 + (items.lazy.map(\.depth).max() ?? 0)
    case .object(let members): 1 + (members.lazy.map(\.value.depth).max() ?? 0)
    default: 0
    }
  }

  /// How many values it has, itself included, and about how many bytes its text takes.
  var extent: (values: Int, bytes: Int) {
    switch self {
    case .array(let items):
      items.reduce(into: (1, 2)) { sum, item in
        let extent = item.extent
        sum = (sum.0 + extent.values, sum.1 + extent.bytes + 1)
      }
    case .object(let members):
      members.reduce(into: (1, 2)) { sum, member in
        let extent = member.value.extent
        sum = (sum.0 + extent.values, sum.1 + extent.bytes + member.name.utf8.count + 4)
      }
    case .string(let text): (1, text.utf8.count + 2)
    default: (1, 8)
    }
  }
}
