import HTTPServing
import KubeMachinery

extension Kind {
  static let controllerRevision = Kind(
    KindName(group: "apps", version: "v1", kind: "ControllerRevision"), plural: "controllerrevisions",
    schema: .controllerRevision,
    table: PrinterTable(
      columns: [
        PrinterTable.nameColumn, Cells.column("Controller", "Object that it belongs to."),
        Cells.column("Revision", "Number of the revision."), PrinterTable.ageColumn,
      ]
    ) { object, now in
      let owner = object.listAt("metadata", "ownerReferences").first { $0.flagAt("controller") }
      let group = owner?.textAt("apiVersion").split(separator: "/").dropLast().first.map { ".\($0)" } ?? ""
      let controller = owner.map { "\($0.textAt("kind").lowercased())\(group)/\($0.textAt("name"))" } ?? Cells.none
      return [Cells.name(object), .string(controller), .integer(object.numberAt("revision")), Cells.age(object, now)]
    },
    rules: KindRules(
      nameProblems: Naming.subdomain,
      validate: { Checks.notNegative("revision", $0["revision"]) },
      validateUpdate: { Checks.immutable("data", $0["data"], $1["data"]) }))
}
