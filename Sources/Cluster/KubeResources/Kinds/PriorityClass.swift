import HTTPServing
import KubeMachinery

extension Kind {
  static let priorityClass = Kind(
    KindName(group: "scheduling.k8s.io", version: "v1", kind: "PriorityClass"), plural: "priorityclasses",
    shortNames: ["pc"], isNamespaced: false, schema: .priorityClass,
    table: PrinterTable(
      columns: [
        PrinterTable.nameColumn, Cells.column("Value", "The higher, the more important."),
        Cells.column("Global-Default", "Whether pods without a class get it."), PrinterTable.ageColumn,
        Cells.column("PreemptionPolicy", "Whether others make room.", wide: true),
      ]
    ) { object, now in
      [
        Cells.name(object), .integer(object.numberAt("value")), .bool(object.flagAt("globalDefault")),
        Cells.age(object, now), .string(object.textAt("preemptionPolicy")),
      ]
    },
    countsGenerations: true,
    rules: KindRules(
      nameProblems: Naming.subdomain,
      defaults: { if !$0.has("value") { $0["value"] = 0 } },
      validate: PriorityRules.errors,
      validateUpdate: { object, old in
        var errors: [FieldError] = []
        if object.numberAt("value") != old.numberAt("value") {
          errors.append(.forbidden("value", "may not be changed in an update."))
        }
        return errors + Checks.immutable("preemptionPolicy", object["preemptionPolicy"], old["preemptionPolicy"])
      }))
}

enum PriorityRules {
  /// What users may give; above are the classes of the system.
  static let highest: Int64 = 1_000_000_000
  private static let system: [String: Int64] = [
    "system-node-critical": 2_000_001_000, "system-cluster-critical": 2_000_000_000,
  ]

  @Sendable static func errors(_ object: JSONValue) -> [FieldError] {
    let (name, value) = (object.textAt("metadata", "name"), object.numberAt("value"))
    if name.hasPrefix("system-") {
      if system[name] == value, !object.flagAt("globalDefault") { return [] }
      return [
        .forbidden(
          "metadata.name",
          "priority class names with 'system-' prefix are reserved for system use only. error: \(name) is not a known system priority class"
        )
      ]
    }
    guard value > highest else { return [] }
    return [
      .forbidden(
        "value",
        "maximum allowed value of a user defined priority is \(highest)")
    ]
  }
}
