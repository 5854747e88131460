import HTTPServing
import KubeMachinery

extension Kind {
  static let node = Kind(
    KindName(group: "", version: "v1", kind: "Node"), plural: "nodes", shortNames: ["no"], isNamespaced: false,
    subresources: [
      .status, Subresource("proxy", kind: KindName(group: "", version: "v1", kind: "NodeProxyOptions"), verbs: ["get"]),
    ],
    schema: .node, table: NodeRules.table,
    selectableFields: [SelectableField("spec.unschedulable", default: "false")],
    rules: KindRules(
      nameProblems: Naming.subdomain,
      defaults: { node in
        guard let capacity = node.at("status", "capacity"), node.at("status", "allocatable") == nil else { return }
        node["status"]?["allocatable"] = capacity
      },
      validate: NodeRules.errors,
      validateUpdate: { node, old in
        var errors: [FieldError] = []
        for field in ["podCIDR", "podCIDRs", "providerID"] {
          guard let before = old.at("spec", field), !before.isEmpty, node.at("spec", field) != before else { continue }
          errors.append(
            .forbidden("spec.\(field)", "node updates may not change \(field) except from \"\" to valid"))
        }
        return errors
      },
      keepsNewStatus: true))
}

enum NodeRules {
  private static let rolePrefix = "node-role.kubernetes.io/"

  static let table = PrinterTable(
    columns: [
      PrinterTable.nameColumn, Cells.column("Status", "State of the node."),
      Cells.column("Roles", "Roles of the node."),
      PrinterTable.ageColumn, Cells.column("Version", "Version of the node agent."),
      Cells.column("Internal-IP", "Address within the cluster.", wide: true),
      Cells.column("External-IP", "Address from outside.", wide: true),
      Cells.column("OS-Image", "Name of the system.", wide: true),
      Cells.column("Kernel-Version", "Version of the kernel.", wide: true),
      Cells.column("Container-Runtime", "Container runtime and its version.", wide: true),
    ]
  ) { node, now in
    let info = node.at("status", "nodeInfo") ?? [:]
    return [
      Cells.name(node), .string(state(node)), Cells.text(roles(node)), Cells.age(node, now),
      .string(info.textAt("kubeletVersion")), Cells.text(address(node, "InternalIP")),
      Cells.text(address(node, "ExternalIP")),
      Cells.text(info.textAt("osImage"), orElse: "<unknown>"),
      Cells.text(info.textAt("kernelVersion"), orElse: "<unknown>"),
      Cells.text(info.textAt("containerRuntimeVersion"), orElse: "<unknown>"),
    ]
  }

  private static func state(_ node: JSONValue) -> String {
    let ready = node.listAt("status", "conditions").first { $0.textAt("type") == "Ready" }
    let state = ready.map { $0.textAt("status") == "True" ? "Ready" : "NotReady" } ?? "Unknown"
    return node.flagAt("spec", "unschedulable") ? "\(state),SchedulingDisabled" : state
  }

  private static func roles(_ node: JSONValue) -> String {
    var roles: Set<String> = []
    for (name, value) in node.at("metadata", "labels")?.texts ?? [:] {
      if name.hasPrefix(rolePrefix), name.utf8.count > rolePrefix.utf8.count {
        roles.insert(String(name.dropFirst(rolePrefix.count)))
      } else if name == "kubernetes.io/role", !value.isEmpty {
        roles.insert(value)
      }
    }
    return roles.sorted().joined(separator: ",")
  }

  private static func address(_ node: JSONValue, _ type: String) -> String {
    node.listAt("status", "addresses").first { $0.textAt("type") == type }?.textAt("address") ?? ""
  }

  @Sendable static func errors(_ node: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    var seen: Set<[String]> = []
    for (index, taint) in node.listAt("spec", "taints").enumerated() {
      let path = "spec.taints[\(index)]"
      let (key, effect) = (taint.textAt("key"), taint.textAt("effect"))
      if !key.isEmpty { errors += NameRule.qualifiedName.errors(key, at: "\(path).key") }
      let value = taint.textAt("value")
      if !value.isEmpty { errors += NameRule.labelValue.errors(value, at: "\(path).value") }
      if effect.isEmpty { errors.append(.required("\(path).effect")) }
      if !seen.insert([key, effect]).inserted {
        var shown = FieldError.duplicate(path, taint)
        shown = FieldError(
          .duplicate, path,
          "\(shown.message): taints must be unique by key and effect pair")
        errors.append(shown)
      }
    }
    for (index, range) in node.listAt("spec", "podCIDRs").enumerated() {
      errors += Checks.network("spec.podCIDRs[\(index)]", range.text ?? "")
    }
    return errors
  }
}
