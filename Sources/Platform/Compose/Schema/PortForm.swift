/// `ports`: `[[address:][published:]target[/transport]]`, each part but the address with ranges.
enum PortForm {
  @Sendable static func canonical(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    if node.members != nil { return try long(node, context) }
    guard let text = node.text else { throw context.fault(node, "must be a port, not \(node.kindName)") }
    let ports = try short(text, node, context)
    return ports.count == 1 ? ports[0] : Node(.list(ports), at: node.at)
  }

  private static func long(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    guard let target = node["target"] else { throw context.fault(node, "'target' is missing: the port inside") }
    var result = node
    if let published = node["published"], let text = published.text, !context.isOpen(text) {
      if text.isEmpty {
        result["published"] = nil
      } else {
        guard range(text[...]) != nil else {
          throw context.below("published").fault(published, "'\(text.prefix(50))' is not a port or a range of ports")
        }
        result["published"] = .string(text, at: published.at)
      }
    }
    if result["protocol"] == nil { result["protocol"] = .string("tcp", at: target.at) }
    if result["mode"] == nil { result["mode"] = .string("ingress", at: target.at) }
    return result
  }

  private static func short(_ text: String, _ node: Node, _ context: SchemaContext) throws(ComposeFault) -> [Node] {
    func wrong(_ reason: String) -> ComposeFault {
      context.fault(node, "'\(text.prefix(100))' is not a port: \(reason)")
    }
    var rest = text[...]
    var transport = "tcp"
    if let slash = rest.lastIndex(of: "/") {
      transport = rest[rest.index(after: slash)...].lowercased()
      rest = rest[..<slash]
    }
    var parts: [Substring]
    var address: Substring = ""
    if rest.hasPrefix("[") {
      guard let end = rest.firstIndex(of: "]") else { throw wrong("']' is missing") }
      address = rest[rest.index(after: rest.startIndex)..<end]
      parts = rest[rest.index(after: end)...].split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 3, parts[0].isEmpty else { throw wrong("expected [ADDRESS]:PORT:PORT") }
      parts.removeFirst()
    } else {
      parts = rest.split(separator: ":", omittingEmptySubsequences: false)
      if parts.count > 2 {
        // An IPv6 address without brackets has colons of its own.
        address = rest[..<parts[parts.count - 3].endIndex]
        parts = Array(parts.suffix(2))
      }
    }
    guard let last = parts.last, let targets = range(last) else {
      throw wrong("the port inside has to be a number from 1 to 65535 or a range")
    }
    guard let published = parts.count == 2 && !parts[0].isEmpty ? range(parts[0]) : 0...0 else {
      throw wrong("the published port has to be a number from 0 to 65535 or a range")
    }
    guard targets.count <= ComposeLimits.portRange else { throw wrong("more than \(ComposeLimits.portRange) ports") }
    if targets.count > 1, published.upperBound > 0, published.count != targets.count {
      throw wrong("the ranges differ in length")
    }
    return targets.enumerated().map { offset, target in
      var members: [(String, Node)] = [("mode", .string("ingress", at: node.at))]
      if !address.isEmpty { members.append(("host_ip", .string(String(address), at: node.at))) }
      members.append(("target", .int(target, at: node.at)))
      if published.upperBound > 0 {
        let first = Int(published.lowerBound) + (targets.count > 1 ? offset : 0)
        let isRange = targets.count == 1 && published.count > 1
        members.append(
          ("published", .string(isRange ? "\(first)-\(published.upperBound)" : String(first), at: node.at)))
      }
      members.append(("protocol", .string(transport, at: node.at)))
      return .map(members, at: node.at)
    }
  }

  /// `50/second`, `/minute` or `/hour`.
  @Sendable static func rate(_ node: Node, _ context: SchemaContext) throws(ComposeFault) -> Node {
    guard let text = node.text else { return node }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    let isNumber = !parts[0].isEmpty && parts[0].utf8.allSatisfy { (0x30...0x39).contains($0) }
    guard parts.count == 2, isNumber, let count = Int64(parts[0]), ComposePortLimits.numbers.contains(count),
      ComposePortLimits.spans.contains(String(parts[1]))
    else {
      let most = ComposePortLimits.numbers.upperBound
      throw context.fault(
        node,
        "'\(text.prefix(50))' is not a number from 1 to \(most) and second, minute or hour, such as 50/second")
    }
    return .string("\(count)/\(parts[1])", at: node.at)
  }

  /// `80` or `80-90`, from 0 on.
  static func range(_ text: Substring) -> ClosedRange<UInt16>? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count <= 2, let first = UInt16(parts[0]), let last = UInt16(parts[parts.count - 1]), first <= last
    else {
      return nil
    }
    return first...last
  }
}
