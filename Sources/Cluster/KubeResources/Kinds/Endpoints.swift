import HTTPServing
import KubeMachinery

extension Kind {
  static let endpoints = Kind(
    KindName(group: "", version: "v1", kind: "Endpoints"), plural: "endpoints", singular: "endpoints",
    shortNames: ["ep"], schema: .endpoints,
    table: PrinterTable(
      columns: [
        PrinterTable.nameColumn, Cells.column("Endpoints", "Addresses with their ports."), PrinterTable.ageColumn,
      ]
    ) { object, now in
      [Cells.name(object), .string(EndpointsRules.summary(object)), Cells.age(object, now)]
    },
    rules: KindRules(nameProblems: Naming.subdomain, validate: EndpointsRules.errors))
}

enum EndpointsRules {
  /// The first three, and how many more.
  static func short(_ items: [String], orElse missing: String) -> String {
    guard !items.isEmpty else { return missing }
    let rest = items.count > 3 ? " + \(items.count - 3) more..." : ""
    return items.prefix(3).joined(separator: ",") + rest
  }

  static func summary(_ object: JSONValue) -> String {
    let all = object.listAt("subsets").flatMap { subset -> [String] in
      let addresses = subset.listAt("addresses").map { $0.textAt("ip") }
      let ports = subset.listAt("ports").map { $0.numberAt("port") }
      if ports.isEmpty { return addresses }
      return ports.flatMap { port in addresses.map { $0.contains(":") ? "[\($0)]:\(port)" : "\($0):\(port)" } }
    }
    return short(all, orElse: Cells.none)
  }

  @Sendable static func errors(_ object: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    for (index, subset) in object.listAt("subsets").enumerated() {
      let path = "subsets[\(index)]"
      if subset.listAt("addresses").isEmpty, subset.listAt("notReadyAddresses").isEmpty {
        errors.append(.required(path, "must specify `addresses` or `notReadyAddresses`"))
      }
      for list in ["addresses", "notReadyAddresses"] {
        for (number, address) in subset.listAt(list).enumerated() {
          errors += addressErrors(address, at: "\(path).\(list)[\(number)]")
        }
      }
      let ports = subset.listAt("ports")
      for (number, port) in ports.enumerated() {
        errors += portErrors(port, needsName: ports.count > 1, at: "\(path).ports[\(number)]")
      }
    }
    return errors
  }

  private static func addressErrors(_ address: JSONValue, at path: String) -> [FieldError] {
    let ip = address.textAt("ip")
    var errors = ip.isEmpty ? [] : Checks.address("\(path).ip", ip) + special(ip, at: "\(path).ip")
    let name = address.textAt("hostname")
    if !name.isEmpty { errors += NameRule.label.errors(name, at: "\(path).hostname") }
    return errors
  }

  /// Addresses that would lead to the node itself or to many. Source: Kubernetes `ValidateEndpointIP`.
  static func special(_ ip: String, at path: String) -> [FieldError] {
    guard let bytes = Checks.addressBytes(ip) else { return [] }
    func wrong(_ detail: String) -> [FieldError] { [.invalid(path, ip, detail)] }
    let isFour = bytes.count == 4
    if bytes.allSatisfy({ $0 == 0 }) { return wrong("may not be unspecified (\(ip))") }
    if isFour ? bytes[0] == 127 : bytes.last == 1 && bytes.dropLast().allSatisfy({ $0 == 0 }) {
      return wrong("may not be in the loopback range (127.0.0.0/8, ::1/128)")
    }
    if isFour ? bytes.starts(with: [169, 254]) : bytes[0] == 0xfe && bytes[1] & 0xc0 == 0x80 {
      return wrong("may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    }
    if isFour ? bytes.starts(with: [224, 0, 0]) : bytes[0] == 0xff && bytes[1] & 0x0f == 2 {
      return wrong("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")
    }
    return []
  }

  private static func portErrors(_ port: JSONValue, needsName: Bool, at path: String) -> [FieldError] {
    var errors = Checks.port("\(path).port", port.numberAt("port"))
    let name = port.textAt("name")
    if name.isEmpty {
      if needsName { errors.append(.required("\(path).name")) }
    } else {
      errors += NameRule.label.errors(name, at: "\(path).name")
    }
    return errors
  }

  @Sendable static func sliceErrors(_ object: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    let type = object.textAt("addressType")
    if object.listAt("endpoints").count > 1_000 {
      errors.append(
        FieldError(.tooMany, "endpoints", "Too many: \(object.listAt("endpoints").count): must have at most 1000 items")
      )
    }
    for (index, endpoint) in object.listAt("endpoints").enumerated() {
      let addresses = endpoint.listAt("addresses").compactMap(\.text)
      if addresses.count > 100 {
        errors.append(
          FieldError(
            .tooMany, "endpoints[\(index)].addresses", "Too many: \(addresses.count): must have at most 100 items"))
      }
      for (number, address) in addresses.enumerated() {
        let path = "endpoints[\(index)].addresses[\(number)]"
        switch type {
        case "IPv4":
          errors +=
            Checks.isIPv4(address)
            ? special(address, at: path) : [.invalid(path, address, "must be a valid IPv4 address")]
        case "IPv6":
          errors +=
            Checks.isIPv6(address)
            ? special(address, at: path) : [.invalid(path, address, "must be a valid IPv6 address")]
        default: errors += NameRule.subdomain.errors(address, at: path)
        }
      }
      let name = endpoint.textAt("hostname")
      if !name.isEmpty { errors += NameRule.label.errors(name, at: "endpoints[\(index)].hostname") }
    }
    var names: Set<String> = []
    for (index, port) in object.listAt("ports").enumerated() {
      let name = port.textAt("name")
      if !name.isEmpty { errors += NameRule.label.errors(name, at: "ports[\(index)].name") }
      if !names.insert(name).inserted { errors.append(.duplicate("ports[\(index)].name", .string(name))) }
      if let number = port["port"]?.integer { errors += Checks.port("ports[\(index)].port", number) }
    }
    return errors
  }
}
