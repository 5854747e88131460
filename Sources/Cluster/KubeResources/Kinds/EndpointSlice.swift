import HTTPServing
import KubeMachinery

extension Kind {
  static let endpointSlice = Kind(
    KindName(group: "discovery.k8s.io", version: "v1", kind: "EndpointSlice"), plural: "endpointslices",
    schema: .endpointSlice,
    table: PrinterTable(
      columns: [
        PrinterTable.nameColumn, Cells.column("AddressType", "IPv4, IPv6 or FQDN."),
        Cells.column("Ports", "Ports of each endpoint."), Cells.column("Endpoints", "Addresses."),
        PrinterTable.ageColumn,
      ]
    ) { object, now in
      let ports = object.listAt("ports").map { port in
        port.has("port") ? "\(port.numberAt("port"))" : "*"
      }
      let addresses = object.listAt("endpoints").flatMap { $0.listAt("addresses").compactMap(\.text) }
      return [
        Cells.name(object), .string(object.textAt("addressType")),
        .string(EndpointsRules.short(ports, orElse: "<unset>")),
        .string(EndpointsRules.short(addresses, orElse: "<unset>")),
        Cells.age(object, now),
      ]
    },
    countsGenerations: true,
    rules: KindRules(
      nameProblems: Naming.subdomain,
      // A Kubernetes server keeps lists in a form that knows no empty ones, and says null of these two where others are left out.
      defaults: { slice in
        for list in ["endpoints", "ports"] where slice.listAt(list).isEmpty { slice[list] = .null }
      },
      validate: EndpointsRules.sliceErrors,
      validateUpdate: { Checks.immutable("addressType", $0["addressType"], $1["addressType"]) }))
}
