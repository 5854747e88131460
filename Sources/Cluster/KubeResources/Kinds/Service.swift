import HTTPServing
import KubeMachinery

extension Kind {
  /// - Parameter externalAddresses: what services may have in `externalIPs`.
  static func service(externalAddresses: AddressRanges) -> Kind {
    Kind(
      KindName(group: "", version: "v1", kind: "Service"), plural: "services", shortNames: ["svc"],
      categories: ["all"],
      subresources: [
        .status,
        Subresource(
          "proxy", kind: KindName(group: "", version: "v1", kind: "ServiceProxyOptions"), verbs: ["get"]),
      ],
      schema: .service, table: ServiceTable.table,
      selectableFields: [SelectableField("spec.clusterIP"), SelectableField("spec.type")],
      rules: KindRules(
        nameProblems: Naming.label1035,
        defaults: ServiceRules.applyDefaults,
        prepareUpdate: ServiceRules.keepAllocated,
        complete: ServiceAllocation.complete,
        validate: { ServiceRules.errors($0, externalAddresses: externalAddresses) },
        validateUpdate: ServiceRules.updateErrors))
  }
}

enum ServiceTable {
  static let table = PrinterTable(
    columns: [
      PrinterTable.nameColumn, Cells.column("Type", "How the service is reached."),
      Cells.column("Cluster-IP", "Address of the service."), Cells.column("External-IP", "Addresses from outside."),
      Cells.column("Port(s)", "Ports of the service."), PrinterTable.ageColumn,
      Cells.column("Selector", "What selects the pods.", wide: true),
    ]
  ) { service, now in
    let spec = service["spec"] ?? [:]
    let address = spec.listAt("clusterIPs").first?.text ?? spec.textAt("clusterIP")
    return [
      Cells.name(service), .string(spec.textAt("type")), Cells.text(address), .string(external(service)),
      Cells.text(ports(spec)), Cells.age(service, now), Cells.labels(spec["selector"]),
    ]
  }

  private static func external(_ service: JSONValue) -> String {
    let addresses = service.listAt("spec", "externalIPs").compactMap(\.text)
    switch service.textAt("spec", "type") {
    case "ExternalName": return service.textAt("spec", "externalName")
    case "LoadBalancer":
      let ingress = service.listAt("status", "loadBalancer", "ingress").map { entry in
        entry.textAt("ip").isEmpty ? entry.textAt("hostname") : entry.textAt("ip")
      }
      let all = ingress + addresses
      return all.isEmpty ? "<pending>" : all.joined(separator: ",")
    default: return addresses.isEmpty ? Cells.none : addresses.joined(separator: ",")
    }
  }

  private static func ports(_ spec: JSONValue) -> String {
    spec.listAt("ports").map { port in
      let node = port.numberAt("nodePort")
      return "\(port.numberAt("port"))\(node > 0 ? ":\(node)" : "")/\(port.textAt("protocol"))"
    }.joined(separator: ",")
  }
}
