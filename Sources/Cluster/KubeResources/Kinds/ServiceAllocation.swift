import HTTPServing
import Internet
import KubeMachinery

/// Gives services their addresses and node ports, which each has for itself.
///
/// Source: Kubernetes *Services, ClusterIP allocation* and *NodePort allocation*.
public enum ServiceAllocation {
  /// Addresses of services.
  public static let range = IPv4Subnet(containing: IPv4Address(bits: 0x0a60_0000), prefixLength: 16)  // 10.96.0.0/16
  /// That of the cluster's name service, which no service gets.
  public static let nameServer = IPv4Address(bits: 0x0a60_000a)  // 10.96.0.10
  /// By this service pods find the API; nobody else gets its address.
  public static let apiService = ServiceKey(namespace: "default", name: "kubernetes")
  public static let apiAddress = IPv4Address(bits: 0x0a60_0001)  // 10.96.0.1
  static let nodePorts: ClosedRange<Int64> = 30_000...32_767
  /// Addresses that are given out to those alone who name them.
  private static let reserved: UInt32 = 256
  private static let noAddress = "None"

  @Sendable static func complete(
    _ service: inout JSONValue, _ old: JSONValue?, _ others: [JSONValue]
  ) -> [FieldError] {
    guard service.textAt("spec", "type") != "ExternalName" else { return [] }
    let meta = service.meta
    var taken = Set(others.map { $0.textAt("spec", "clusterIP") }).union(["\(nameServer)"])
    if ServiceKey(namespace: meta.namespace, name: meta.name) != apiService { taken.insert("\(apiAddress)") }
    var errors: [FieldError] = []
    service.change("spec") { spec in
      let former = old?["spec"] ?? [:]
      errors += addressErrors(&spec, former, taken)
      errors += portErrors(&spec, former, others)
    }
    return errors
  }

  // MARK: Addresses

  private static func addressErrors(_ spec: inout JSONValue, _ former: JSONValue, _ taken: Set<String>) -> [FieldError]
  {
    let families = spec.listAt("ipFamilies").compactMap(\.text)
    if let other = families.first(where: { $0 != "IPv4" }) {
      return [
        .invalid("spec.ipFamilies[\(families.firstIndex(of: other) ?? 0)]", other, "not configured on this cluster")
      ]
    }
    if spec.textAt("ipFamilyPolicy") == "RequireDualStack" {
      return [
        .invalid("spec.ipFamilyPolicy", "RequireDualStack", "this cluster is not configured for dual-stack services")
      ]
    }
    // What is no address at all, validation tells.
    let listed = spec.listAt("clusterIPs").compactMap(\.text)
    if let index = listed.firstIndex(where: Checks.isIPv6) {
      return [
        .invalid(
          "spec.clusterIPs[\(index)]", .array(spec.listAt("clusterIPs")), "IPv6 is not configured on this cluster")
      ]
    }
    spec.setDefault("ipFamilies", ["IPv4"])
    spec.setDefault("ipFamilyPolicy", "SingleStack")
    let wish = spec.textAt("clusterIP")
    guard wish != noAddress else {
      spec["clusterIPs"] = [.string(noAddress)]
      return []
    }
    guard wish.isEmpty else { return wish == former.textAt("clusterIP") ? [] : wishErrors(wish, taken) }
    guard let address = free(taken) else {
      return [
        FieldError(.internalError, "spec.clusterIPs", "Internal error: failed to allocate a serviceIP: range is full")
      ]
    }
    spec["clusterIP"] = .string(address)
    spec["clusterIPs"] = [.string(address)]
    return []
  }

  private static func wishErrors(_ wish: String, _ taken: Set<String>) -> [FieldError] {
    // What is no address at all, validation tells.
    guard let address = IPv4Address(wish) else { return [] }
    let problem: String
    if !range.contains(address) || address == range.network || address == range.last {
      problem = "the provided IP (\(wish)) is not in the valid range. The range of valid IPs is \(range)"
    } else if taken.contains(wish) {
      problem = "provided IP is already allocated"
    } else {
      return []
    }
    return [
      FieldError(
        .invalid, "spec.clusterIPs",
        "Invalid value: [\(GoText.quoted(wish))]: failed to allocate IP \(wish): \(problem)")
    ]
  }

  /// A free address by chance, beyond those that people name themselves; the first free one where chance does not find any.
  private static func free(_ taken: Set<String>) -> String? {
    let dynamic = (range.network.bits + reserved)..<range.last.bits
    for _ in 0..<64 {
      let address = "\(IPv4Address(bits: .random(in: dynamic)))"
      if !taken.contains(address) { return address }
    }
    let rest = (range.network.bits + 1)..<(range.network.bits + reserved)
    for bits in Array(dynamic) + Array(rest) {
      let address = "\(IPv4Address(bits: bits))"
      if !taken.contains(address) { return address }
    }
    return nil
  }

  // MARK: Node ports

  private struct Port: Hashable {
    let transport: String
    let number: Int64
  }

  private static func portErrors(_ spec: inout JSONValue, _ former: JSONValue, _ others: [JSONValue]) -> [FieldError] {
    let type = spec.textAt("type")
    let isOutside =
      type == "NodePort" || type == "LoadBalancer" && spec["allocateLoadBalancerNodePorts"]?.flag != false
    guard isOutside else { return [] }
    func ports(_ spec: JSONValue) -> [Port] {
      spec.listAt("ports").map { Port(transport: $0.textAt("protocol"), number: $0.numberAt("nodePort")) }
        .filter { $0.number > 0 }
    }
    let own = Set(ports(former))
    let taken = Set(others.flatMap { ports($0["spec"] ?? [:]) })
    var (errors, index, used): ([FieldError], Int, Set<Port>) = ([], 0, Set(ports(spec)))
    spec.changeItems("ports") { port in
      defer { index += 1 }
      let wish = Port(transport: port.textAt("protocol"), number: port.numberAt("nodePort"))
      let path = "spec.ports[\(index)].nodePort"
      if wish.number > 0 {
        guard !own.contains(wish) else { return }
        if !nodePorts.contains(wish.number) {
          errors.append(
            .invalid(
              path, .integer(wish.number),
              "provided port is not in the valid range. The range of valid ports is \(nodePorts.lowerBound)-\(nodePorts.upperBound)"
            ))
        } else if taken.contains(wish) {
          errors.append(.invalid(path, .integer(wish.number), "provided port is already allocated"))
        }
      } else if let number = free(wish.transport, taken.union(used)) {
        used.insert(Port(transport: wish.transport, number: number))
        port["nodePort"] = .integer(number)
      } else {
        errors.append(FieldError(.internalError, path, "Internal error: failed to allocate a nodePort: range is full"))
      }
    }
    return errors
  }

  private static func free(_ transport: String, _ taken: Set<Port>) -> Int64? {
    let start = Int64.random(in: nodePorts)
    return (Array(start...nodePorts.upperBound) + Array(nodePorts.lowerBound..<start))
      .first { !taken.contains(Port(transport: transport, number: $0)) }
  }
}
