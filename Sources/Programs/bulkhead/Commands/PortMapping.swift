/// One or more ports to publish, as `--publish` names them: `[address:][first[-last]:]first[-last][/protocol]`.
struct PortMapping: Equatable {
  var hostAddress = ""
  /// Empty: the engine chooses.
  var hostPort: ClosedRange<UInt16>?
  var containerPort: ClosedRange<UInt16>
  var transport = "tcp"

  init(parsing text: String) throws(ClientError) {
    let wrong = ClientError.usage("invalid port '\(text)': write [address:][host port:]container port[/tcp|udp]")
    var rest = text[...]
    if let slash = rest.lastIndex(of: "/") {
      transport = rest[rest.index(after: slash)...].lowercased()
      rest = rest[..<slash]
      guard ["tcp", "udp", "sctp"].contains(transport) else { throw wrong }
    }
    if rest.hasPrefix("[") {
      guard let close = rest.firstRange(of: "]:") else { throw wrong }
      hostAddress = String(rest[rest.index(after: rest.startIndex)..<close.lowerBound])
      rest = rest[close.upperBound...]
    }
    var parts = rest.split(separator: ":", omittingEmptySubsequences: false)
    if hostAddress.isEmpty, parts.count == 3 { hostAddress = String(parts.removeFirst()) }
    guard (1...2).contains(parts.count), let last = parts.last, let inside = Self.range(last) else { throw wrong }
    containerPort = inside
    // Port 0 of the host is any, as with docker.
    if parts.count == 2, !parts[0].isEmpty, parts[0] != "0" {
      guard let outside = Self.range(parts[0]) else { throw wrong }
      // A range on the host for one port inside means: one of them.
      guard inside.count == 1 || inside.count == outside.count else { throw wrong }
      hostPort = outside
    }
  }

  private static func range(_ text: Substring) -> ClosedRange<UInt16>? {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    guard (1...2).contains(ends.count), let first = UInt16(ends[0]), let last = UInt16(ends[ends.count - 1]),
      first <= last,
      first > 0
    else { return nil }
    return first...last
  }

  /// Pairs of `port/protocol` inside and port on the host, as the API names them.
  var bindings: [(inside: String, outside: String)] {
    containerPort.enumerated().map { offset, port in
      var outside = ""
      if let hostPort {
        outside =
          containerPort.count == 1 && hostPort.count > 1
          ? "\(hostPort.lowerBound)-\(hostPort.upperBound)" : String(hostPort.lowerBound + UInt16(offset))
      }
      return ("\(port)/\(transport)", outside)
    }
  }
}

extension NetworkOptions {
  /// The ports to expose, and the bindings of those to publish.
  func ports() throws(ClientError) -> (exposed: [String], bindings: JSONValue) {
    var exposed: [String] = []
    var bindings = JSONValue.object([])
    for text in expose {
      for port in try PortMapping(parsing: text).bindings { exposed.append(port.inside) }
    }
    for text in publish {
      let mapping = try PortMapping(parsing: text)
      for port in mapping.bindings {
        exposed.append(port.inside)
        let binding: JSONValue = ["HostIp": .string(mapping.hostAddress), "HostPort": .string(port.outside)]
        bindings[port.inside] = .array(bindings[port.inside].items + [binding])
      }
    }
    var seen = Set<String>()
    return (exposed.filter { seen.insert($0).inserted }, bindings)
  }

  /// What the container asks of the network it is put on; nil when nothing is asked.
  func endpoint() -> JSONValue? {
    guard network.count > 1 || ip != nil || ip6 != nil || !networkAlias.isEmpty else { return nil }
    var first = JSONValue.object([])
    first.set("Aliases", networkAlias)
    if let ip { first["IPAMConfig"]["IPv4Address"] = .string(ip) }
    if let ip6 { first["IPAMConfig"]["IPv6Address"] = .string(ip6) }
    let endpoints =
      [.init(name: network.first ?? "default", value: first)]
      + network.dropFirst().map { JSONValue.Member(name: $0, value: .object([])) }
    return ["EndpointsConfig": .object(endpoints)]
  }

  func add(to host: inout JSONValue, bindings: JSONValue) {
    host["NetworkMode"] = .string(network.first ?? "default")
    if !bindings.members.isEmpty { host["PortBindings"] = bindings }
    if publishAll { host["PublishAllPorts"] = true }
    host.set("Links", link)
    host.set("ExtraHosts", addHost)
    host.set("Dns", dns)
    host.set("DnsSearch", dnsSearch)
    host.set("DnsOptions", dnsOption)
  }
}
