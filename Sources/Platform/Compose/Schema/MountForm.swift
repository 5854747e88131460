/// `volumes` of a service: `[source:]target[:options]`.
enum MountForm {
  private static let propagations = ["rprivate", "private", "rshared", "shared", "rslave", "slave"]

  @Sendable static func canonical(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    if node.members != nil { return try long(node, context) }
    guard let text = node.text else { throw context.fault(node, "must be a volume, not \(node.kindName)") }
    return try short(text, node, context)
  }

  private static func long(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    guard let type = node["type"] else { throw context.fault(node, "'type' is missing: bind, volume or tmpfs") }
    guard node["target"] != nil else { throw context.fault(node, "'target' is missing: the path inside") }
    var result = node
    switch type.text {
    case "bind":
      guard let source = node["source"], let path = source.text, !path.isEmpty else {
        throw context.fault(node, "'source' is missing: the path of the host")
      }
      if !context.isOpen(path) { result["source"] = .string(context.absolute(path), at: source.at) }
    case "tmpfs":
      if let source = node["source"] { throw context.fault(source, "a tmpfs has no source") }
    default: break
    }
    for (name, owner) in [("bind", "bind"), ("volume", "volume"), ("tmpfs", "tmpfs")] {
      if let options = node[name], !options.isNull, let text = type.text, text != owner {
        throw context.below(name).fault(options, "stands beside 'type: \(text.prefix(50))'")
      }
    }
    return result
  }

  private static func short(_ text: String, _ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    func wrong(_ reason: String) -> ComposeFault {
      context.fault(node, "'\(text.prefix(200))' is not a volume: \(reason)")
    }
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 3, !parts.contains("") else { throw wrong("expected [SOURCE:]TARGET[:OPTIONS]") }
    let target = parts.count == 1 ? parts[0] : parts[1]
    guard target.hasPrefix("/") else { throw wrong("the path inside has to be absolute") }
    let at = node.at
    var members: [(String, Node)] = []
    var bind: [(String, Node)] = []
    var volume: [(String, Node)] = []
    let isBind = parts.count > 1 && ["/", ".", "~"].contains { parts[0].hasPrefix($0) }
    members.append(("type", .string(isBind ? "bind" : "volume", at: at)))
    if parts.count > 1 {
      members.append(("source", .string(isBind ? context.absolute(parts[0]) : parts[0], at: at)))
    }
    members.append(("target", .string(target, at: at)))
    for option in parts.count > 2 ? parts[2].split(separator: ",").map(String.init) : [] {
      switch option {
      case "ro": members.append(("read_only", .bool(true, at: at)))
      case "rw": break
      case "nocopy" where !isBind: volume.append(("nocopy", .bool(true, at: at)))
      case "cached", "delegated", "consistent": break
      case "z", "Z":
        context.warn(
          ComposeWarning(at: at, key: context.key, "option '\(option)' is not heeded: there are no SELinux labels here")
        )
      case _ where propagations.contains(option) && isBind: bind.append(("propagation", .string(option, at: at)))
      default: throw wrong("unknown option '\(option.prefix(50))'; expected ro, rw, nocopy or a propagation")
      }
    }
    // The short form makes the folder where it is missing, as it always did.
    if isBind { members.append(("bind", .map(bind + [("create_host_path", .bool(true, at: at))], at: at))) }
    if !volume.isEmpty { members.append(("volume", .map(volume, at: at))) }
    return .map(members, at: at)
  }
}
