import HTTPServing
import Internet
import KubeMachinery

/// Source: Kubernetes *Service*; API reference, ServiceSpec.
enum ServiceRules {
  @Sendable static func applyDefaults(_ service: inout JSONValue) {
    service.change("spec") { spec in
      let type = spec.textAt("type")
      spec.changeItems("ports") { port in
        if port["targetPort"] == nil || port["targetPort"] == .integer(0) || port["targetPort"] == .string("") {
          port["targetPort"] = port["port"]
        }
      }
      if type != "ExternalName" { spec.setDefault("internalTrafficPolicy", "Cluster") }
      if type == "NodePort" || type == "LoadBalancer" { spec.setDefault("externalTrafficPolicy", "Cluster") }
      if type == "LoadBalancer" { spec.setDefault("allocateLoadBalancerNodePorts", true) }
      if spec.textAt("sessionAffinity") == "ClientIP" {
        if spec.at("sessionAffinityConfig", "clientIP", "timeoutSeconds") == nil {
          spec["sessionAffinityConfig"] = ["clientIP": ["timeoutSeconds": 10_800]]
        }
      }
      // Both forms of the address tell the same.
      if let address = spec["clusterIP"]?.text, !address.isEmpty, spec.listAt("clusterIPs").isEmpty {
        spec["clusterIPs"] = [.string(address)]
      } else if spec.textAt("clusterIP").isEmpty, let first = spec.listAt("clusterIPs").first {
        spec["clusterIP"] = first
      }
    }
    guard service.textAt("spec", "type") == "LoadBalancer" else { return }
    service.change("status") { status in
      status.change("loadBalancer") { balancer in
        balancer.changeItems("ingress") { if $0.has("ip") { $0.setDefault("ipMode", "VIP") } }
      }
    }
  }

  /// What was allocated stays where the client leaves it out, and goes where the new type has no use for it.
  @Sendable static func keepAllocated(_ service: inout JSONValue, _ old: JSONValue) {
    let former = old["spec"] ?? [:]
    service.change("spec") { dropUseless(&$0, former) }
    service.change("spec") { spec in
      let needsAddress = spec.textAt("type") != "ExternalName" && former.textAt("type") != "ExternalName"
      if needsAddress, spec.textAt("clusterIP").isEmpty {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"]
        where !spec.has(field) || field == "clusterIP" {
          spec[field] = former[field]
        }
      } else if needsAddress, spec["clusterIP"] != former["clusterIP"], spec["clusterIPs"] == former["clusterIPs"],
        let address = spec["clusterIP"]
      {
        spec["clusterIPs"] = .array([address] + former.listAt("clusterIPs").dropFirst())
      }
      for field in ["ipFamilies", "ipFamilyPolicy"] where needsAddress && !spec.has(field) {
        spec[field] = former[field]
      }
      guard ["NodePort", "LoadBalancer"].contains(spec.textAt("type")) else { return }
      let ports = former.listAt("ports")
      spec.changeItems("ports") { port in
        guard port.numberAt("nodePort") == 0 else { return }
        let same = ports.first {
          $0.numberAt("port") == port.numberAt("port") && $0.textAt("protocol") == port.textAt("protocol")
        }
        if let node = same?["nodePort"] { port["nodePort"] = node }
      }
    }
  }

  /// What another type needed and the client did not touch: who changes the type need not know of all that follows from it.
  private static func dropUseless(_ spec: inout JSONValue, _ former: JSONValue) {
    func drop(_ fields: [String], _ isNeeded: (JSONValue) -> Bool) {
      guard isNeeded(former), !isNeeded(spec), fields.allSatisfy({ spec[$0] == former[$0] }) else { return }
      for field in fields { spec[field] = nil }
    }
    func isOutside(_ spec: JSONValue) -> Bool { ["NodePort", "LoadBalancer"].contains(spec.textAt("type")) }
    func isBalanced(_ spec: JSONValue) -> Bool { spec.textAt("type") == "LoadBalancer" }
    func nodePorts(_ spec: JSONValue) -> [Int64] { spec.listAt("ports").map { $0.numberAt("nodePort") } }
    if isOutside(former), !isOutside(spec), nodePorts(spec) == nodePorts(former) {
      spec.changeItems("ports") { $0["nodePort"] = nil }
    }
    for fields in [["clusterIP", "clusterIPs"], ["ipFamilies"], ["ipFamilyPolicy"], ["internalTrafficPolicy"]] {
      drop(fields) { $0.textAt("type") != "ExternalName" }
    }
    drop(["externalTrafficPolicy"]) { isOutside($0) || !$0.listAt("externalIPs").isEmpty }
    drop(["healthCheckNodePort"]) { isBalanced($0) && $0.textAt("externalTrafficPolicy") == "Local" }
    drop(["loadBalancerClass"], isBalanced)
    drop(["allocateLoadBalancerNodePorts"], isBalanced)
  }

  /// What one service may have at most: each address with each port is an entry of the node's tables.
  static let maxPorts = 1_000
  static let maxAddresses = 64
  static let maxSourceRanges = 256

  /// - Parameter externalAddresses: what `externalIPs` may have.
  static func errors(_ service: JSONValue, externalAddresses: AddressRanges) -> [FieldError] {
    let spec = service["spec"] ?? [:]
    let type = spec.textAt("type")
    let isHeadless = spec.textAt("clusterIP") == "None"
    var errors: [FieldError] = []
    if spec.listAt("ports").isEmpty, !isHeadless, type != "ExternalName" { errors.append(.required("spec.ports")) }
    errors += typeErrors(spec, type, isHeadless) + portErrors(spec, type)
    errors += MetadataNames.labelErrors(spec["selector"], at: "spec.selector")
    if let seconds = spec.at("sessionAffinityConfig", "clientIP", "timeoutSeconds")?.integer {
      let path = "spec.sessionAffinityConfig.clientIP.timeoutSeconds"
      if !(1...86_400).contains(seconds) {
        errors.append(.invalid(path, .integer(seconds), "must be greater than 0 and less than 86400"))
      }
    }
    if spec.textAt("sessionAffinity") == "None", spec.has("sessionAffinityConfig") {
      errors.append(.forbidden("spec.sessionAffinityConfig", "must not be set when session affinity is None"))
    }
    for (field, most) in [
      ("ports", maxPorts), ("externalIPs", maxAddresses), ("loadBalancerSourceRanges", maxSourceRanges),
    ] {
      let count = spec.listAt(field).count
      guard count > most else { continue }
      errors.append(FieldError(.tooMany, "spec.\(field)", "Too many: \(count): must have at most \(most) items"))
    }
    for (index, address) in spec.listAt("externalIPs").prefix(maxAddresses).enumerated() {
      errors += externalErrors(address.text ?? "", externalAddresses, at: "spec.externalIPs[\(index)]")
    }
    for (index, range) in spec.listAt("loadBalancerSourceRanges").enumerated() {
      errors += Checks.network("spec.loadBalancerSourceRanges[\(index)]", range.text ?? "")
    }
    if type != "LoadBalancer" {
      for field in ["loadBalancerSourceRanges", "loadBalancerClass", "allocateLoadBalancerNodePorts"]
      where spec.has(field) {
        errors.append(.forbidden("spec.\(field)", "may only be used when `type` is 'LoadBalancer'"))
      }
    }
    return errors
  }

  /// Whatever the node's pods and its own programs send to an address that a service claims is led to that service, whoever else has
  /// the address (CVE-2020-8554): services claim what the administrator lists, and nothing else.
  private static func externalErrors(_ text: String, _ allowed: AddressRanges, at path: String) -> [FieldError] {
    let errors = Checks.address(path, text) + EndpointsRules.special(text, at: path)
    guard errors.isEmpty else { return errors }
    if let address = IPv4Address(text), allowed.contains(address), !ServiceAllocation.range.contains(address) {
      return []
    }
    return [
      .forbidden(
        path, "services may not claim \(text): it is none of kubernetes.externalAddresses in the server's configuration"
      )
    ]
  }

  private static func typeErrors(_ spec: JSONValue, _ type: String, _ isHeadless: Bool) -> [FieldError] {
    var errors: [FieldError] = []
    if type == "ExternalName" {
      let name = spec.textAt("externalName")
      if !spec.textAt("clusterIP").isEmpty {
        errors.append(.forbidden("spec.clusterIPs", "may not be set for ExternalName services"))
      }
      let bare = name.hasSuffix(".") ? String(name.dropLast()) : name
      errors +=
        bare.isEmpty ? [.required("spec.externalName")] : NameRule.subdomain.errors(bare, at: "spec.externalName")
      return errors
    }
    if isHeadless, type != "ClusterIP" {
      errors.append(
        .invalid(
          "spec.clusterIPs[0]", "None", "may not be set to 'None' for \(type) services"))
    }
    let addresses = spec.listAt("clusterIPs").compactMap(\.text)
    if let first = addresses.first, let own = spec["clusterIP"]?.text, first != own {
      errors.append(
        .invalid("spec.clusterIPs", .array(spec.listAt("clusterIPs")), "first value must match `clusterIP`"))
    }
    for (index, address) in addresses.enumerated() where address != "None" {
      errors += Checks.address("spec.clusterIPs[\(index)]", address)
    }
    let proper = addresses.filter { Checks.addressBytes($0) != nil }
    if addresses.count > 2 {
      errors.append(
        .invalid("spec.clusterIPs", .array(spec.listAt("clusterIPs")), "may only hold up to 2 values"))
    } else if proper.count == 2, Checks.isIPv4(proper[0]) == Checks.isIPv4(proper[1]) {
      errors.append(
        .invalid(
          "spec.clusterIPs", .array(spec.listAt("clusterIPs")),
          "may specify no more than one IP for each IP family"))
    }
    if type == "ClusterIP", spec.has("externalTrafficPolicy"), spec.listAt("externalIPs").isEmpty {
      errors.append(
        .invalid(
          "spec.externalTrafficPolicy", spec.textAt("externalTrafficPolicy"),
          "may only be set for externally-accessible services"))
    }
    return errors
  }

  private static func portErrors(_ spec: JSONValue, _ type: String) -> [FieldError] {
    let ports = spec.listAt("ports")
    var errors: [FieldError] = []
    var names: Set<String> = []
    var numbers: Set<String> = []
    var nodePorts: Set<String> = []
    for (index, port) in ports.enumerated() {
      let path = "spec.ports[\(index)]"
      let name = port.textAt("name")
      if name.isEmpty {
        if ports.count > 1 { errors.append(.required("\(path).name")) }
      } else {
        errors += NameRule.label.errors(name, at: "\(path).name")
        if !names.insert(name).inserted { errors.append(.duplicate("\(path).name", .string(name))) }
      }
      errors += Checks.port("\(path).port", port.numberAt("port"))
      if port.has("targetPort") { errors += Checks.portReference("\(path).targetPort", port["targetPort"]) }
      if !numbers.insert("\(port.textAt("protocol"))/\(port.numberAt("port"))").inserted {
        errors.append(.duplicate(path, ["protocol": port["protocol"] ?? .null, "port": port["port"] ?? .null]))
      }
      let node = port.numberAt("nodePort")
      guard node != 0 else { continue }
      if type == "ClusterIP" || type == "ExternalName" {
        errors.append(.forbidden("\(path).nodePort", "may not be used when `type` is '\(type)'"))
      } else if !nodePorts.insert("\(port.textAt("protocol"))/\(node)").inserted {
        errors.append(.duplicate("\(path).nodePort", .integer(node)))
      }
    }
    return errors
  }

  @Sendable static func updateErrors(_ service: JSONValue, _ old: JSONValue) -> [FieldError] {
    let (spec, former) = (service["spec"] ?? [:], old["spec"] ?? [:])
    var errors: [FieldError] = []
    guard spec.textAt("type") != "ExternalName", former.textAt("type") != "ExternalName" else { return [] }
    let (new, before) = (spec.listAt("clusterIPs"), former.listAt("clusterIPs"))
    if let first = before.first, first.text != "", new.first != first {
      errors.append(.invalid("spec.clusterIPs[0]", .array(new), "may not change once set"))
    }
    if former.textAt("type") == "LoadBalancer", spec.textAt("type") == "LoadBalancer",
      spec["loadBalancerClass"] != former["loadBalancerClass"]
    {
      errors.append(
        .invalid("spec.loadBalancerClass", spec["loadBalancerClass"] ?? .null, "may not change once set"))
    }
    return errors
  }
}
