import HTTPServing
import KubeMachinery

extension Kind {
  static let daemonSet = Kind(
    KindName(group: "apps", version: "v1", kind: "DaemonSet"), plural: "daemonsets", shortNames: ["ds"],
    categories: ["all"], subresources: [.status], schema: .daemonSet, table: DaemonSetRules.table,
    countsGenerations: true,
    rules: KindRules(
      nameProblems: Naming.subdomain,
      defaults: { object in
        PodDefaults.applyToTemplate(of: &object)
        guard object.textAt("spec", "updateStrategy", "type") == "RollingUpdate" else { return }
        object["spec"]?.change("updateStrategy") { strategy in
          if !strategy.has("rollingUpdate") { strategy["rollingUpdate"] = [:] }
          strategy["rollingUpdate"]?.setDefault("maxSurge", 0)
          strategy["rollingUpdate"]?.setDefault("maxUnavailable", 1)
        }
      },
      validate: DaemonSetRules.errors,
      validateUpdate: { Checks.immutable("spec.selector", $0.at("spec", "selector"), $1.at("spec", "selector")) }))
}

enum DaemonSetRules {
  static let table = PrinterTable(
    columns: [
      PrinterTable.nameColumn, Cells.column("Desired", "Nodes that should run a pod."),
      Cells.column("Current", "Nodes that run a pod."), Cells.column("Ready", "Nodes whose pod is ready."),
      Cells.column("Up-to-date", "Nodes whose pod is of the newest template."),
      Cells.column("Available", "Nodes whose pod is available."),
      Cells.column("Node Selector", "Labels that the nodes must have."), PrinterTable.ageColumn,
    ] + Cells.templateColumns
  ) { object, now in
    let (names, images) = Cells.containers(object.at("spec", "template", "spec"))
    let numbers = [
      "desiredNumberScheduled", "currentNumberScheduled", "numberReady", "updatedNumberScheduled", "numberAvailable",
    ].map { JSONValue.integer(object.numberAt("status", $0)) }
    return [Cells.name(object)] + numbers + [
      Cells.labels(object.at("spec", "template", "spec", "nodeSelector")), Cells.age(object, now), names, images,
      Cells.selector(object.at("spec", "selector")),
    ]
  }

  @Sendable static func errors(_ object: JSONValue) -> [FieldError] {
    let spec = object["spec"] ?? [:]
    var errors = TemplateRules.selectorErrors(spec, kind: "daemonset")
    errors += TemplateRules.lastingErrors(spec["template"] ?? [:], kind: "DaemonSet")
    errors += Checks.notNegative("spec.minReadySeconds", spec["minReadySeconds"])
    errors += Checks.notNegative("spec.revisionHistoryLimit", spec["revisionHistoryLimit"])
    guard let rolling = spec.at("updateStrategy", "rollingUpdate") else { return errors }
    let path = "spec.updateStrategy.rollingUpdate"
    errors += Checks.share("\(path).maxUnavailable", rolling["maxUnavailable"], capped: true)
    errors += Checks.share("\(path).maxSurge", rolling["maxSurge"], capped: true)
    switch (Checks.isZero(rolling["maxUnavailable"]), Checks.isZero(rolling["maxSurge"])) {
    case (true, true):
      errors.append(
        .invalid("\(path).maxUnavailable", rolling["maxUnavailable"] ?? .null, "cannot be 0 when maxSurge is 0"))
    case (false, false):
      errors.append(
        .invalid("\(path).maxSurge", rolling["maxSurge"] ?? .null, "may not be set when maxUnavailable is non-zero"))
    default: break
    }
    return errors
  }
}
