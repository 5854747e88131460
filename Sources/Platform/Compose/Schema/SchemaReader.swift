import Model
import Synchronization

/// Checks values against the tables and brings them into their long form.
struct SchemaReader {
  private let directory: String
  private let home: String?
  private let isRaw: Bool
  private let faults: FaultCollector
  private let warnings = WarningBox()

  /// - Parameters:
  ///   - directory: where relative paths start.
  ///   - isRaw: variables were not replaced.
  ///   - faults: takes what is wrong; nothing stands in its place.
  init(directory: String, home: String?, isRaw: Bool, faults: FaultCollector) {
    self.directory = directory
    self.home = home
    self.isRaw = isRaw
    self.faults = faults
  }

  /// Reads a whole file.
  func read(_ document: Node) throws(ComposeFault) -> (Node, [ComposeWarning]) {
    let node = try read(document, .object(ProjectKeys.file), context(""))
    return (node, warnings.all)
  }

  private func context(_ key: String) -> SchemaContext {
    let warnings = warnings
    return SchemaContext(
      key: key, directory: directory, home: home, isRaw: isRaw, warn: { warnings.add($0) }, faults: faults)
  }

  func read(_ node: Node, _ kind: Kind, _ context: SchemaContext) throws(ComposeFault) -> Node {
    // What is taken out of an earlier file has no form of its own.
    if node.tag == .reset { return node }
    var result: Node
    switch kind {
    case .anything: return node
    case .list(let element): result = try list(node, element, context)
    case .oneOrList(let element):
      if node.scalar != nil {
        result = Node(.list([try read(node, element, context)]), at: node.at)
      } else {
        result = try list(node, element, context)
      }
    case .words:
      let words = try ServiceForms.command(node, context)
      result = words.items == nil ? words : try list(words, .text, context)
    case .pairs: result = try Pairs.canonical(node, context)
    case .labels: result = Pairs.filled(try Pairs.canonical(node, context))
    case .named(let element): result = try named(node, element, context)
    case .object(let schema): result = try object(node, schema, context)
    case .form(let form, let inner):
      if let text = node.text, context.isOpen(text) { return node }
      guard let formed = try formed(node, form, inner, context) else { return .null(at: node.at) }
      result = formed
    default: result = try scalar(node, kind, context)
    }
    result.tag = node.tag
    return result
  }

  /// nil where keys are unknown and the form has a fault, which may come of that: a misspelt key is not told as a missing one.
  private func formed(
    _ node: Node, _ form: Form, _ inner: Kind, _ context: SchemaContext
  ) throws(ComposeFault) -> Node? {
    var known = node
    if case .object(let schema) = inner { known = try withoutUnknown(node, schema, context) }
    let long: Node
    do {
      long = try form(known, context)
    } catch {
      if known.members?.count != node.members?.count, error.kind != .limit { return nil }
      throw error
    }
    guard let items = long.items, case .object = inner else { return try read(long, inner, context) }
    var several: [Node] = []
    for item in items { several.append(try read(item, inner, context)) }
    return Node(.list(several), at: node.at)
  }

  // MARK: Collections

  private func list(_ node: Node, _ element: Kind, _ context: SchemaContext) throws(ComposeFault) -> Node {
    guard let items = node.items else { throw context.fault(node, "must be a list, not \(node.kindName)") }
    var result: [Node] = []
    for (index, item) in items.enumerated() {
      var place = context
      place.key = "\(context.key)[\(index)]"
      let long = try faults.attempt { () throws(ComposeFault) in try read(item, element, place) }
      guard let long else {
        result.append(.null(at: item.at))
        continue
      }
      // A form may stand for several (a range of ports).
      if case .form = element, let several = long.items {
        guard warnings.expand(by: several.count) else {
          throw place.fault(item, "more than \(ComposeLimits.ports) ports in a file", .limit)
        }
        result += several
      } else {
        result.append(long)
      }
    }
    return Node(.list(result), at: node.at)
  }

  private func named(_ node: Node, _ element: Kind, _ context: SchemaContext) throws(ComposeFault) -> Node {
    guard let members = node.members else { throw context.fault(node, "must be a mapping, not \(node.kindName)") }
    var result: [Node.Member] = []
    for member in members {
      let isName =
        !member.key.isEmpty && member.key.utf8.count <= 255
        && member.key.utf8.allSatisfy { Self.isNameByte($0) }
      guard isName || context.isOpen(member.key) else {
        try faults.add(
          ComposeFault(
            .invalid, at: member.at, key: context.key,
            "'\(member.key.prefix(100))' is no name: letters, digits, '.', '_' and '-' only"))
        continue
      }
      result.append(try self.member(member, element, context.below(member.key)))
    }
    return Node(.map(result), at: node.at)
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"): true
    default: false
    }
  }

  private func object(_ node: Node, _ schema: ObjectSchema, _ context: SchemaContext) throws(ComposeFault) -> Node {
    guard let members = node.members else { throw context.fault(node, "must be a mapping, not \(node.kindName)") }
    var result: [Node.Member] = []
    for member in members {
      if member.key.hasPrefix("x-"), schema.key(member.key) == nil {
        result.append(member)
        continue
      }
      let place = context.below(member.key)
      guard let key = schema.key(member.key) else {
        try faults.add(Self.unknown(member, schema, place))
        continue
      }
      if member.value.isNull, member.value.tag == nil, !key.keepsNull { continue }
      switch key.support {
      case .works: break
      case .unheeded(let reason):
        context.warn(ComposeWarning(at: member.at, key: place.key, reason))
      case .refused(let reason):
        if Self.asksForNothing(member) { continue }
        try faults.add(ComposeFault(.unsupported, at: member.at, key: place.key, reason))
        result.append(Node.Member(key: member.key, at: member.at, value: .null(at: member.value.at)))
        continue
      }
      result.append(try self.member(member, key.kind, place))
    }
    return Node(.map(result), at: node.at)
  }

  /// A member in its long form; what has a fault is nothing, so that it is known to be there.
  private func member(
    _ member: Node.Member, _ kind: Kind, _ context: SchemaContext
  ) throws(ComposeFault) -> Node.Member {
    var result = member
    result.value =
      try faults.attempt { () throws(ComposeFault) in try read(member.value, kind, context) }
      ?? .null(at: member.value.at)
    return result
  }

  private func withoutUnknown(
    _ node: Node, _ schema: ObjectSchema, _ context: SchemaContext
  ) throws(ComposeFault) -> Node {
    guard let members = node.members else { return node }
    var known: [Node.Member] = []
    for member in members {
      if schema.key(member.key) != nil || member.key.hasPrefix("x-") {
        known.append(member)
      } else {
        try faults.add(Self.unknown(member, schema, context.below(member.key)))
      }
    }
    return known.count == members.count ? node : Node(.map(known), at: node.at, tag: node.tag)
  }

  private static func asksForNothing(_ member: Node.Member) -> Bool {
    switch member.value.content {
    case .scalar(let scalar):
      // 'default' is what isolation is anyway; elsewhere it asks for something (`ssh: default`).
      ["false", ""].contains(scalar.text.lowercased()) || scalar.type == .null
        || member.key == "isolation" && scalar.text.lowercased() == "default"
    case .list(let items): items.isEmpty
    case .map(let members): members.isEmpty
    }
  }

  private static func unknown(_ member: Node.Member, _ schema: ObjectSchema, _ place: SchemaContext) -> ComposeFault {
    if let advice = ProjectKeys.formerKeys[member.key], place.key.split(separator: ".").count == 3 {
      return ComposeFault(.unknownKey, at: member.at, key: place.key, advice)
    }
    if !place.key.contains("."), member.value["image"] != nil || member.value["build"] != nil {
      return ComposeFault(.unknownKey, at: member.at, key: place.key, "unknown key; services stand below 'services'")
    }
    let nearest = EditDistance.nearest(to: member.key, among: schema.keys.map(\.name))
    let advice = nearest.map { "did you mean '\($0)'?" } ?? "prefix it with 'x-' if it is for other programs"
    return ComposeFault(.unknownKey, at: member.at, key: place.key, "unknown key; \(advice)")
  }

  // MARK: Scalars

  private func scalar(_ node: Node, _ kind: Kind, _ context: SchemaContext) throws(ComposeFault) -> Node {
    guard let scalar = node.scalar, scalar.type != .null else {
      throw context.fault(node, "must be \(Self.expectation(kind)), not \(node.kindName)")
    }
    let text = scalar.text
    if context.isOpen(text) { return node }
    func wrong() -> ComposeFault {
      context.fault(node, "'\(text.prefix(200))' is not \(Self.expectation(kind))")
    }
    switch kind {
    case .path:
      guard !text.isEmpty else { throw context.fault(node, "must be a path, not an empty text") }
      return .string(context.absolute(text), at: node.at)
    case .flag:
      guard let value = Self.flag(text) else { throw wrong() }
      return .bool(value, at: node.at)
    case .integer(let range):
      guard let value = Scalar.integer(text), range.contains(value) else { throw wrong() }
      return .int(value, at: node.at)
    case .decimal:
      guard Units.billionths(text) != nil else { throw wrong() }
      return Node(.scalar(Scalar(plain: text)), at: node.at)
    case .size:
      guard let value = Units.size(text) else { throw wrong() }
      return .string(String(value), at: node.at)
    case .sizeOrUnlimited:
      guard let value = text == "-1" ? -1 : Units.size(text) else { throw wrong() }
      return .string(String(value), at: node.at)
    case .microseconds:
      guard let value = Scalar.integer(text) ?? Units.duration(text).map({ $0 / 1_000 }), value >= 0 else {
        throw wrong()
      }
      return .int(value, at: node.at)
    case .duration:
      guard let value = Units.duration(text) else { throw wrong() }
      return .string(Units.text(nanoseconds: value), at: node.at)
    case .choice(let choices):
      guard choices.contains(text) else { throw wrong() }
      return .string(text, at: node.at)
    default:
      return .string(text, at: node.at)
    }
  }

  static func flag(_ text: String) -> Bool? {
    switch text.lowercased() {
    case "true", "yes", "y", "on", "1": true
    case "false", "no", "n", "off", "0": false
    default: nil
    }
  }

  private static func expectation(_ kind: Kind) -> String {
    switch kind {
    case .flag: "true or false"
    case .integer(let range):
      range.upperBound == .max && range.lowerBound == .min
        ? "a whole number" : "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .decimal: "a number such as 0.5"
    case .size: "a size such as 64m"
    case .sizeOrUnlimited: "a size such as 64m, or -1 for none"
    case .microseconds: "a number of microseconds or a time such as 100ms"
    case .duration: "a time such as 1m30s"
    case .choice(let choices): "one of " + choices.map { "'\($0)'" }.joined(separator: ", ")
    case .path: "a path"
    default: "a text"
    }
  }
}

/// Forms warn from inside of closures. It also counts what ranges stand for in a whole file.
private final class WarningBox: Sendable {
  private let expanded = Mutex(0)

  /// false: too many.
  func expand(by count: Int) -> Bool {
    expanded.withLock { total in
      total += count
      return total <= ComposeLimits.ports
    }
  }

  private let list = Mutex<[ComposeWarning]>([])
  func add(_ warning: ComposeWarning) { list.withLock { $0.append(warning) } }
  var all: [ComposeWarning] { list.withLock { $0 } }
}

/// `[K=V, K]` and `{K: V}` are the same.
enum Pairs {
  /// Where nothing is as good as an empty text.
  static func filled(_ node: Node) -> Node {
    let members = (node.members ?? []).map { member in
      guard member.value.isNull, member.value.tag == nil else { return member }
      return Node.Member(key: member.key, at: member.at, value: .string("", at: member.value.at))
    }
    return Node(.map(members), at: node.at)
  }

  static func canonical(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    var result: [Node.Member] = []
    var positions: [String: Int] = [:]
    func add(_ key: String, _ at: ComposeLocation, _ value: Node) throws(ComposeFault) {
      guard !key.isEmpty else { throw context.fault(node, "a name before '=' is missing") }
      let member = Node.Member(key: key, at: at, value: value)
      if let position = positions[key] {
        result[position] = member
      } else {
        positions[key] = result.count
        result.append(member)
      }
    }
    if let items = node.items {
      for (index, item) in items.enumerated() {
        guard let text = item.text else {
          try context.faults.add(
            ComposeFault(
              .invalid, at: item.at, key: "\(context.key)[\(index)]",
              "must be a text such as NAME=value, not \(item.kindName)"))
          continue
        }
        guard let equals = text.firstIndex(of: "=") else {
          try add(text, item.at, .null(at: item.at))
          continue
        }
        try add(
          String(text[..<equals]), item.at, .string(String(text[text.index(after: equals)...]), at: item.at))
      }
    } else if let members = node.members {
      for member in members {
        guard member.value.scalar != nil || member.value.tag == .reset else {
          try context.faults.add(
            ComposeFault(
              .invalid, at: member.value.at, key: KeyPath.join(context.key, member.key),
              "must be a text, not \(member.value.kindName)"))
          continue
        }
        var value = member.value
        if let text = value.text {
          value = Node(.scalar(Scalar(text: text, type: .string)), at: value.at, tag: value.tag)
        }
        try add(member.key, member.at, value)
      }
    } else {
      throw context.fault(node, "must be a mapping or a list of NAME=value, not \(node.kindName)")
    }
    return Node(.map(result), at: node.at)
  }
}
