/// Brings what `env_file`, `label_file` and the environment say into a service's `environment` and `labels`.
struct ServiceVariables {
  let access: FileAccess
  let environment: [String: String]
  private(set) var warnings: [ComposeWarning] = []
  /// Of all services' files together, which each of them may name.
  private var budget = ComposeBudget()

  init(_ access: FileAccess, environment: [String: String]) {
    self.access = access
    self.environment = environment
  }

  mutating func resolve(_ service: Node, key: String) throws(ComposeFault) -> Node {
    var result = service
    var values = Members()
    for (index, file) in (service["env_file"]?.items ?? []).enumerated() {
      let place = "\(key).env_file[\(index)]"
      let isRequired = file["required"]?.text != "false"
      let found = try read(
        file["path"]?.text ?? "", at: file.at, key: place, mustExist: isRequired,
        raw: file["format"]?.text == "raw")
      for entry in found { values.set(entry) }
    }
    for member in service["environment"]?.members ?? [] { values.set(resolved(member)) }
    result["env_file"] = nil
    if !values.list.isEmpty || service["environment"] != nil {
      result["environment"] = Node(.map(values.list), at: service["environment"]?.at ?? service.at)
    }
    guard let labelFiles = service["label_file"]?.items else { return result }
    var labels = Members()
    for (index, file) in labelFiles.enumerated() {
      for entry in try read(
        file.text ?? "", at: file.at, key: "\(key).label_file[\(index)]", mustExist: true, raw: false)
      { labels.set(entry) }
    }
    for member in service["labels"]?.members ?? [] { labels.set(member) }
    result["label_file"] = nil
    result["labels"] = Node(.map(labels.list), at: service["labels"]?.at ?? service.at)
    return result
  }

  private mutating func read(
    _ path: String, at location: ComposeLocation, key: String, mustExist: Bool, raw: Bool
  ) throws(ComposeFault) -> [Node.Member] {
    let environment = environment
    guard
      let found = try access.variables(
        path, mustExist: mustExist, raw: raw, at: location, key: key, lookup: { environment[$0] })
    else { return [] }
    try budget.take(
      nodes: found.entries.count, textBytes: found.entries.reduce(0) { $0 + ($1.value?.utf8.count ?? 0) }, at: location)
    warnings += found.warnings
    return found.entries.map { entry in
      let at = ComposeLocation(file: path, line: entry.line, column: 1)
      return resolved(
        Node.Member(key: entry.name, at: at, value: entry.value.map { .string($0, at: at) } ?? .null(at: at)))
    }
  }

  /// A name without a value has that of the environment, where it is set.
  private func resolved(_ member: Node.Member) -> Node.Member {
    guard member.value.isNull, let value = environment[member.key] else { return member }
    return Node.Member(key: member.key, at: member.at, value: .string(value, at: member.value.at))
  }

  /// Members by name; a later one takes the place of an earlier.
  private struct Members {
    private(set) var list: [Node.Member] = []
    private var positions: [String: Int] = [:]

    mutating func set(_ member: Node.Member) {
      if let position = positions[member.key] {
        list[position] = member
      } else {
        positions[member.key] = list.count
        list.append(member)
      }
    }
  }
}
