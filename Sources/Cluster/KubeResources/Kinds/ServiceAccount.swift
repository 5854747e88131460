import HTTPServing
import KubeMachinery

extension Kind {
  static let serviceAccount = Kind(
    KindName(group: "", version: "v1", kind: "ServiceAccount"), plural: "serviceaccounts", shortNames: ["sa"],
    subresources: [
      Subresource(
        "token", kind: KindName(group: "authentication.k8s.io", version: "v1", kind: "TokenRequest"), verbs: ["create"])
    ],
    schema: .serviceAccount,
    table: PrinterTable(
      columns: [
        PrinterTable.nameColumn, Cells.column("Secrets", "Number of secrets."), PrinterTable.ageColumn,
      ]
    ) { object, now in
      [Cells.name(object), .integer(Int64(object.listAt("secrets").count)), Cells.age(object, now)]
    },
    rules: KindRules(nameProblems: Naming.subdomain))
}
