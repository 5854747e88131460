import HTTPServing
import KubeMachinery

extension Kind {
  static let lease = Kind(
    KindName(group: "coordination.k8s.io", version: "v1", kind: "Lease"), plural: "leases", schema: .lease,
    table: PrinterTable(
      columns: [PrinterTable.nameColumn, Cells.column("Holder", "Who holds the lease."), PrinterTable.ageColumn]
    ) { object, now in
      [Cells.name(object), .string(object.textAt("spec", "holderIdentity")), Cells.age(object, now)]
    },
    rules: KindRules(
      nameProblems: Naming.subdomain,
      validate: { object in
        var errors: [FieldError] = []
        if let seconds = object.at("spec", "leaseDurationSeconds")?.integer, seconds <= 0 {
          errors.append(.invalid("spec.leaseDurationSeconds", .integer(seconds), "must be greater than 0"))
        }
        errors += Checks.notNegative("spec.leaseTransitions", object.at("spec", "leaseTransitions"))
        return errors
      }))
}
