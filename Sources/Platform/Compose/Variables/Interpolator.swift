/// Replaces variables in all values of a file; keys stay as they are. A value with a fault is nothing.
struct Interpolator {
  let environment: [String: String]
  /// Of the variables that are unset; one for each name in a project.
  private(set) var warnings: [ComposeWarning] = []
  private var warned: Set<String> = []
  private let faults: FaultCollector

  init(environment: [String: String], faults: FaultCollector) {
    self.environment = environment
    self.faults = faults
  }

  mutating func apply(
    to node: Node, key: String = "", budget: inout ComposeBudget
  ) throws(ComposeFault) -> Node {
    var result = node
    switch node.content {
    case .scalar(var scalar):
      guard scalar.text.utf8.contains(UInt8(ascii: "$")) else { return node }
      let text = scalar.text
      let found = try faults.attempt { () throws(ComposeFault) in try replaced(text, at: node.at, key: key) }
      guard let found else { return .null(at: node.at) }
      scalar.text = found
      try budget.take(nodes: 0, textBytes: scalar.text.utf8.count, at: node.at)
      result.content = .scalar(scalar)
    case .list(let items):
      var replaced: [Node] = []
      for (index, item) in items.enumerated() {
        replaced.append(try apply(to: item, key: "\(key)[\(index)]", budget: &budget))
      }
      result.content = .list(replaced)
    case .map(var members):
      for index in members.indices {
        members[index].value = try apply(
          to: members[index].value, key: KeyPath.join(key, members[index].key), budget: &budget)
      }
      result.content = .map(members)
    }
    return result
  }

  mutating func replaced(_ text: String, at location: ComposeLocation, key: String) throws(ComposeFault) -> String {
    let environment = environment
    let result: (text: String, unset: [String])
    do {
      result = try Interpolation.process(text) { environment[$0] }
    } catch {
      throw error.fault(at: location, key: key, text: text)
    }
    for name in result.unset where warned.insert(name).inserted {
      warnings.append(
        ComposeWarning(at: location, key: key, "the variable '\(name)' is not set: an empty text is taken"))
    }
    return result.text
  }
}

/// The names of places inside a file.
enum KeyPath {
  static func join(_ path: String, _ key: String) -> String {
    path.isEmpty ? String(key.prefix(100)) : "\(path).\(key.prefix(100))"
  }
}
