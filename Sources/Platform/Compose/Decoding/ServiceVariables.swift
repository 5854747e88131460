/// Brings what `env_file`, `label_file` and the environment say into a service's `environment` and `labels`.
struct ServiceVariables {
  let access: FileAccess
  let environment: [String: String]
  private(set) var warnings: [ComposeWarning] = []

  init(_ access: FileAccess, environment: [String: String]) {
    self.access = access
    self.environment = environment
  }

  mutating func resolve(_ service: Node, key: String) throws(ComposeFault) -> Node {
    var result = service
    var values: [Node.Member] = []
    for (index, file) in (service["env_file"]?.items ?? []).enumerated() {
      let place = "\(key).env_file[\(index)]"
      let isRequired = file["required"]?.text != "false"
      let found = try read(
        file["path"]?.text ?? "", at: file.at, key: place, mustExist: isRequired,
        raw: file["format"]?.text == "raw")
      for entry in found { set(&values, entry) }
    }
    for member in service["environment"]?.members ?? [] { set(&values, resolved(member)) }
    result["env_file"] = nil
    if !values.isEmpty || service["environment"] != nil {
      result["environment"] = Node(.map(values), at: service["environment"]?.at ?? service.at)
    }
    guard let labelFiles = service["label_file"]?.items else { return result }
    var labels: [Node.Member] = []
    for (index, file) in labelFiles.enumerated() {
      for entry in try read(
        file.text ?? "", at: file.at, key: "\(key).label_file[\(index)]", mustExist: true, raw: false)
      { set(&labels, entry) }
    }
    for member in service["labels"]?.members ?? [] { set(&labels, member) }
    result["label_file"] = nil
    result["labels"] = Node(.map(labels), at: service["labels"]?.at ?? service.at)
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

  private func set(_ members: inout [Node.Member], _ member: Node.Member) {
    if let index = members.firstIndex(where: { $0.key == member.key }) {
      members[index] = member
    } else {
      members.append(member)
    }
  }
}
