import HTTPServing
import KubeMachinery

/// What a pod's specification must be, wherever it stands. Source: Kubernetes API reference, PodSpec.
enum PodSpecRules {
  static func errors(_ spec: JSONValue, at path: String) -> [FieldError] {
    let volumes = spec.listAt("volumes")
    var names: Set<String> = []
    var errors = VolumeRules.errors(volumes, at: "\(path).volumes", names: &names)
    errors += ContainerRules(podSpec: spec, volumes: names).errors(at: path)
    errors += nameErrors(spec, path) + addressErrors(spec, path)
    errors += SecurityRules.pod(spec, at: path)
    errors += PlacementRules.errors(spec, at: path)
    if let seconds = spec["activeDeadlineSeconds"]?.integer {
      errors += Checks.range("\(path).activeDeadlineSeconds", seconds, 1...Int64(Int32.max))
    }
    errors += Checks.seconds("\(path).terminationGracePeriodSeconds", spec["terminationGracePeriodSeconds"])
    errors += ResourceRules.amounts(spec["overhead"], at: "\(path).overhead")
    for (index, gate) in spec.listAt("readinessGates").enumerated() {
      errors += NameRule.qualifiedName.errors(
        gate.textAt("conditionType"), at: "\(path).readinessGates[\(index)].conditionType")
    }
    return errors
  }

  private static func nameErrors(_ spec: JSONValue, _ path: String) -> [FieldError] {
    var errors: [FieldError] = []
    let rules: [(String, NameRule)] = [
      ("serviceAccountName", .subdomain), ("nodeName", .subdomain), ("hostname", .label), ("subdomain", .label),
      ("priorityClassName", .subdomain), ("runtimeClassName", .subdomain),
    ]
    for (field, rule) in rules {
      let name = spec.textAt(field)
      if !name.isEmpty { errors += rule.errors(name, at: "\(path).\(field)") }
    }
    for (index, secret) in spec.listAt("imagePullSecrets").enumerated() where secret.textAt("name").isEmpty {
      errors.append(.required("\(path).imagePullSecrets[\(index)].name"))
    }
    errors += MetadataNames.labelErrors(spec["nodeSelector"], at: "\(path).nodeSelector")
    return errors
  }

  private static func addressErrors(_ spec: JSONValue, _ path: String) -> [FieldError] {
    var errors: [FieldError] = []
    for (index, alias) in spec.listAt("hostAliases").enumerated() {
      let place = "\(path).hostAliases[\(index)]"
      let address = alias.textAt("ip")
      if !address.isEmpty { errors += Checks.address("\(place).ip", address) }
      for (number, name) in alias.listAt("hostnames").enumerated() {
        errors += NameRule.subdomain.errors(name.text ?? "", at: "\(place).hostnames[\(number)]")
      }
    }
    let dns = spec["dnsConfig"] ?? [:]
    let servers = dns.listAt("nameservers")
    if spec.textAt("dnsPolicy") == "None", servers.isEmpty {
      errors.append(
        .required(
          spec.has("dnsConfig") ? "\(path).dnsConfig.nameservers" : "\(path).dnsConfig",
          spec.has("dnsConfig")
            ? "must provide at least one DNS nameserver when `dnsPolicy` is None"
            : "must provide `dnsConfig` when `dnsPolicy` is None"))
    }
    if servers.count > 3 {
      errors.append(
        .invalid(
          "\(path).dnsConfig.nameservers", .array(servers), "must not have more than 3 nameservers"))
    }
    for (index, server) in servers.enumerated() {
      errors += Checks.address("\(path).dnsConfig.nameservers[\(index)]", server.text ?? "")
    }
    if dns.listAt("searches").count > 32 {
      errors.append(
        .invalid(
          "\(path).dnsConfig.searches", .array(dns.listAt("searches")), "must not have more than 32 search paths"))
    }
    for (index, search) in dns.listAt("searches").enumerated() {
      let domain = search.text ?? ""
      let name = domain.hasSuffix(".") ? String(domain.dropLast()) : domain
      if !name.isEmpty {
        errors += NameRule.subdomain.errors(name, at: "\(path).dnsConfig.searches[\(index)]")
      }
    }
    for (index, option) in dns.listAt("options").enumerated() where option.textAt("name").isEmpty {
      errors.append(.required("\(path).dnsConfig.options[\(index)]", "must not be empty"))
    }
    return errors
  }
}
