import HTTPServing
import KubeMachinery

extension Kind {
  static let runtimeClass = Kind(
    KindName(group: "node.k8s.io", version: "v1", kind: "RuntimeClass"), plural: "runtimeclasses", isNamespaced: false,
    schema: .runtimeClass,
    table: PrinterTable(
      columns: [PrinterTable.nameColumn, Cells.column("Handler", "Handler of the runtime."), PrinterTable.ageColumn]
    ) { object, now in
      [Cells.name(object), .string(object.textAt("handler")), Cells.age(object, now)]
    },
    rules: KindRules(
      nameProblems: Naming.subdomain,
      validate: { object in
        let handler = object.textAt("handler")
        var errors = handler.isEmpty ? [] : NameRule.label.errors(handler, at: "handler")
        errors += ResourceRules.amounts(object.at("overhead", "podFixed"), at: "overhead.podFixed")
        errors += MetadataNames.labelErrors(object.at("scheduling", "nodeSelector"), at: "scheduling.nodeSelector")
        errors += PlacementRules.tolerationErrors(
          object.listAt("scheduling", "tolerations"), at: "scheduling.tolerations")
        return errors
      },
      validateUpdate: { Checks.immutable("handler", $0["handler"], $1["handler"]) }))
}
