import HTTPServing
import KubeMachinery

extension Kind {
  static let namespace = Kind(
    KindName(group: "", version: "v1", kind: "Namespace"), plural: "namespaces", shortNames: ["ns"],
    isNamespaced: false, verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
    subresources: [
      .status, Subresource("finalize", verbs: ["update"]),
    ],
    schema: .namespace,
    table: PrinterTable(
      columns: [
        PrinterTable.nameColumn, Cells.column("Status", "Active or Terminating."), PrinterTable.ageColumn,
      ]
    ) { object, now in
      [Cells.name(object), .string(object.textAt("status", "phase")), Cells.age(object, now)]
    },
    selectableFields: [SelectableField("name") { $0.textAt("metadata", "name") }, SelectableField("status.phase")],
    rules: KindRules(
      nameProblems: Naming.label,
      defaults: { object in
        let name = object.textAt("metadata", "name")
        guard !name.isEmpty else { return }
        object["metadata"]?.change("labels") { $0["kubernetes.io/metadata.name"] = .string(name) }
        if object.at("metadata", "labels") == nil {
          object["metadata"]?["labels"] = ["kubernetes.io/metadata.name": .string(name)]
        }
      },
      prepareCreate: { object in
        object["status"] = ["phase": "Active"]
        var finalizers = object.listAt("spec", "finalizers")
        if !finalizers.contains("kubernetes") { finalizers.append("kubernetes") }
        object["spec"] = ["finalizers": .array(finalizers)]
      },
      prepareUpdate: { object, old in object["spec"] = old["spec"] },
      validate: { object in
        object.listAt("spec", "finalizers").compactMap(\.text).flatMap { finalizer in
          finalizer == "kubernetes" ? [] : NameRule.qualifiedName.errors(finalizer, at: "spec.finalizers")
        }
      },
      validateStatusUpdate: { object, _ in
        let isDeleted = object.at("metadata", "deletionTimestamp") != nil
        let phase = object.textAt("status", "phase")
        if isDeleted, phase != "Terminating" {
          return [
            .invalid("status.Phase", phase, "may only be 'Terminating' if `deletionTimestamp` is not empty")
          ]
        }
        if !isDeleted, phase != "Active" {
          return [.invalid("status.Phase", phase, "may only be 'Active' if `deletionTimestamp` is empty")]
        }
        return []
      },
      holdsBack: { !$0.listAt("spec", "finalizers").isEmpty },
      beginDeletion: { $0["status"] = ["phase": "Terminating"] }))
}
