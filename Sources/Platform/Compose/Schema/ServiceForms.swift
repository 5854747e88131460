/// Short forms of a service's keys.
enum ServiceForms {
  /// A text is taken apart into words; a list stays.
  @Sendable static func command(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    guard let text = node.text else {
      if node.isNull || node.items != nil { return node }
      throw context.fault(node, "must be a command or a list of its words, not \(node.kindName)")
    }
    guard let words = ShellWords.split(text) else { throw context.fault(node, "a quote is not closed") }
    return Node(.list(words.map { .string($0, at: node.at) }), at: node.at)
  }

  /// A text is a command of the shell.
  @Sendable static func healthTest(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    if let text = node.text {
      return Node(.list([.string("CMD-SHELL", at: node.at), .string(text, at: node.at)]), at: node.at)
    }
    guard let items = node.items else { throw context.fault(node, "must be a text or a list, not \(node.kindName)") }
    guard let first = items.first else { return node }
    guard ["NONE", "CMD", "CMD-SHELL"].contains(first.text ?? "") else {
      throw context.fault(first, "the list starts with NONE, CMD or CMD-SHELL, not '\((first.text ?? "").prefix(50))'")
    }
    return node
  }

  /// A list of names is a mapping of them to the usual condition.
  @Sendable static func dependsOn(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    guard let items = node.items else {
      guard var members = node.members else { return node }
      for (index, member) in members.enumerated() where member.value.tag != .reset {
        if member.value.isNull {
          try context.faults.add(
            context.below(member.key).fault(
              member.value, "must be a mapping with 'condition'; for the usual one write a list of names"))
          continue
        }
        for (key, value) in [
          ("condition", Node.string("service_started", at: member.at)), ("required", .bool(true, at: member.at)),
        ] where member.value[key] == nil { members[index].value[key] = value }
      }
      return Node(.map(members), at: node.at, tag: node.tag)
    }
    var members: [(String, Node)] = []
    var known: Set<String> = []
    for item in items {
      guard let name = item.text else {
        try context.faults.add(context.fault(item, "must be a service's name, not \(item.kindName)"))
        continue
      }
      guard known.insert(name).inserted else { continue }
      let condition: [(String, Node)] = [
        ("condition", .string("service_started", at: item.at)), ("required", .bool(true, at: item.at)),
      ]
      members.append((name, .map(condition, at: item.at)))
    }
    return .map(members, at: node.at)
  }

  /// A list of names is a mapping of them to nothing.
  @Sendable static func names(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    guard let items = node.items else { return node }
    var members: [(String, Node)] = []
    var known: Set<String> = []
    for item in items {
      guard let name = item.text else {
        try context.faults.add(context.fault(item, "must be a name, not \(item.kindName)"))
        continue
      }
      guard known.insert(name).inserted else {
        try context.faults.add(context.fault(item, "'\(name.prefix(100))' is there twice"))
        continue
      }
      members.append((name, .null(at: item.at)))
    }
    return .map(members, at: node.at)
  }

  /// Nothing stands for an empty mapping.
  @Sendable static func emptyAllowed(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    node.isNull ? Node(.map([]), at: node.at) : node
  }

  /// A text stands for a mapping with this one member.
  static func single(_ name: String, adding more: [(String, String)] = []) -> Form {
    { node, context throws(ComposeFault) in
      guard let text = node.text else { return node }
      _ = context
      return .map([(name, .string(text, at: node.at))] + more.map { ($0.0, .string($0.1, at: node.at)) }, at: node.at)
    }
  }

  /// `path`, or `{path, required, format}`.
  @Sendable static func variableFile(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    var result = node.text.map { .map([("path", .string($0, at: node.at))], at: node.at) } ?? node
    guard result.members != nil else { throw context.fault(node, "must be a path or a mapping, not \(node.kindName)") }
    guard result["path"] != nil else { throw context.fault(node, "'path' is missing") }
    if result["required"] == nil { result["required"] = .bool(true, at: node.at) }
    return result
  }

  /// `HOST[:INSIDE[:PERMISSIONS]]`
  @Sendable static func device(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    guard let text = node.text else {
      guard node["source"] != nil else { throw context.fault(node, "'source' is missing: the device of the host") }
      return node
    }
    if text.contains("=") {
      throw context.fault(
        node, "devices of the container device interface are not supported: name a path", .unsupported)
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 3, !parts.contains("") else {
      throw context.fault(node, "'\(text.prefix(100))' is not HOST[:INSIDE[:PERMISSIONS]]")
    }
    let isMode = parts.count == 2 && parts[1].allSatisfy { "rwm".contains($0) }
    return .map(
      [
        ("source", .string(parts[0], at: node.at)),
        ("target", .string(parts.count > 1 && !isMode ? parts[1] : parts[0], at: node.at)),
        ("permissions", .string(isMode ? parts[1] : parts.count > 2 ? parts[2] : "rwm", at: node.at)),
      ], at: node.at)
  }

  /// `1024` or `{soft, hard}`.
  @Sendable static func ulimit(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    guard let text = node.text else {
      for name in ["soft", "hard"] where node.members != nil && node[name] == nil {
        throw context.fault(node, "'\(name)' is missing")
      }
      return node
    }
    return .map([("soft", .string(text, at: node.at)), ("hard", .string(text, at: node.at))], at: node.at)
  }

  /// `name=address`, `name:address`, or a mapping of names to one or several addresses; becomes a list of `name=address`.
  @Sendable static func hosts(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    var result: [Node] = []
    func add(_ name: String, _ address: String, _ at: ComposeLocation) throws(ComposeFault) {
      let bare = address.hasPrefix("[") && address.hasSuffix("]") ? String(address.dropFirst().dropLast()) : address
      guard !name.isEmpty, !bare.isEmpty else {
        return try context.faults.add(ComposeFault(.invalid, at: at, key: context.key, "expected NAME=ADDRESS"))
      }
      result.append(.string("\(name)=\(bare)", at: at))
    }
    if let members = node.members {
      for member in members {
        for value in member.value.items ?? [member.value] {
          guard let text = value.text else {
            try context.faults.add(
              context.below(member.key).fault(value, "must be an address, not \(value.kindName)"))
            continue
          }
          try add(member.key, text, value.at)
        }
      }
      return Node(.list(result), at: node.at)
    }
    guard let items = node.items else { throw context.fault(node, "must be a list or mapping, not \(node.kindName)") }
    for item in items {
      guard let text = item.text, let split = text.firstIndex(where: { $0 == "=" || $0 == ":" }) else {
        try context.faults.add(context.fault(item, "expected NAME=ADDRESS"))
        continue
      }
      try add(String(text[..<split]), String(text[text.index(after: split)...]), item.at)
    }
    return Node(.list(result), at: node.at)
  }

  /// A text is the context.
  @Sendable static func build(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    var result = node.text.map { .map([("context", .string($0, at: node.at))], at: node.at) } ?? node
    guard result.members != nil else { throw context.fault(node, "must be a path or a mapping, not \(node.kindName)") }
    if result["context"] == nil, result.tag == nil { result["context"] = .string(".", at: node.at) }
    if let place = result["context"], let text = place.text, !HostPath.isRemote(text), !context.isOpen(text) {
      result["context"] = .string(context.absolute(text), at: place.at)
    }
    return result
  }

  /// `8080`, or `{port: 8080, …}`.
  @Sendable static func balanced(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    node.text.map { .map([("port", .string($0, at: node.at))], at: node.at) } ?? node
  }
}

/// Short and former forms of the top-level networks, volumes, configs and secrets.
enum ResourceForms {
  /// `external: {name: N}` of files of version 2 is `external: true` with `name: N` today.
  @Sendable static func external(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    var result = node.isNull ? Node(.map([]), at: node.at) : node
    guard let external = result["external"], let members = external.members else { return result }
    for member in members where member.key != "name" {
      try context.faults.add(
        context.below("external").below(member.key).fault(member.value, "unknown key", .unknownKey))
    }
    if let name = external["name"] {
      if result["name"] != nil { throw context.fault(name, "'name' and 'external.name' are both there") }
      result["name"] = name
    }
    result["external"] = .bool(true, at: external.at)
    return result
  }
}
