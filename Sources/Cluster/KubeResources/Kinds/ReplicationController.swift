import HTTPServing
import KubeMachinery

extension Kind {
  static let replicationController = Kind(
    KindName(group: "", version: "v1", kind: "ReplicationController"), plural: "replicationcontrollers",
    shortNames: ["rc"], categories: ["all"],
    subresources: [
      .status,
      .scale(ScalePaths { LabelSelector(matching: $0.at("spec", "selector")?.texts ?? [:]).description }),
    ],
    schema: .replicationController, table: ReplicaTables.table(isLabelSelector: false),
    selectableFields: [SelectableField("status.replicas", default: "0")],
    countsGenerations: true,
    rules: KindRules(
      nameProblems: Naming.subdomain,
      defaults: { object in
        PodDefaults.applyToTemplate(of: &object)
        guard let labels = object.at("spec", "template", "metadata", "labels"), !labels.members.isEmpty else { return }
        if (object.at("spec", "selector")?.members ?? []).isEmpty { object["spec"]?["selector"] = labels }
        if (object.at("metadata", "labels")?.members ?? []).isEmpty { object["metadata"]?["labels"] = labels }
      },
      validate: { object in
        let spec = object["spec"] ?? [:]
        var errors = ReplicaTables.numberErrors(spec)
        let selector = spec["selector"]?.texts ?? [:]
        if selector.isEmpty { errors.append(.required("spec.selector")) }
        guard let template = spec["template"] else { return errors + [.required("spec.template")] }
        if !selector.isEmpty {
          errors += TemplateRules.matchErrors(LabelSelector(matching: selector), template, at: "spec.template")
        }
        return errors + TemplateRules.lastingErrors(template, kind: "ReplicationController")
      }, propagation: .orphan))
}

/// What replication controllers and replica sets show, and their numbers.
enum ReplicaTables {
  static func table(isLabelSelector: Bool) -> PrinterTable {
    PrinterTable(
      columns: [
        PrinterTable.nameColumn, Cells.column("Desired", "Wanted pods."),
        Cells.column("Current", "Pods that are there."),
        Cells.column("Ready", "Pods that are ready."), PrinterTable.ageColumn,
      ] + Cells.templateColumns
    ) { object, now in
      let (names, images) = Cells.containers(object.at("spec", "template", "spec"))
      let selector = object.at("spec", "selector")
      return [
        Cells.name(object), .integer(object.numberAt("spec", "replicas")),
        .integer(object.numberAt("status", "replicas")), .integer(object.numberAt("status", "readyReplicas")),
        Cells.age(object, now), names, images, isLabelSelector ? Cells.selector(selector) : Cells.labels(selector),
      ]
    }
  }

  static func numberErrors(_ spec: JSONValue) -> [FieldError] {
    Checks.notNegative("spec.replicas", spec["replicas"])
      + Checks.notNegative("spec.minReadySeconds", spec["minReadySeconds"])
  }
}
