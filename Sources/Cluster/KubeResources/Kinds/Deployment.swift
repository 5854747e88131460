import HTTPServing
import KubeMachinery

extension Kind {
  static let deployment = Kind(
    KindName(group: "apps", version: "v1", kind: "Deployment"), plural: "deployments", shortNames: ["deploy"],
    categories: ["all"],
    subresources: [.status, .scale(ScalePaths { LabelSelector(document: $0.at("spec", "selector")).description })],
    schema: .deployment, table: DeploymentRules.table, countsGenerations: true,
    rules: KindRules(
      nameProblems: Naming.subdomain,
      defaults: { object in
        PodDefaults.applyToTemplate(of: &object)
        guard object.textAt("spec", "strategy", "type") == "RollingUpdate" else { return }
        object["spec"]?.change("strategy") { strategy in
          if !strategy.has("rollingUpdate") { strategy["rollingUpdate"] = [:] }
          strategy["rollingUpdate"]?.setDefault("maxUnavailable", "25%")
          strategy["rollingUpdate"]?.setDefault("maxSurge", "25%")
        }
      },
      validate: DeploymentRules.errors,
      validateUpdate: { Checks.immutable("spec.selector", $0.at("spec", "selector"), $1.at("spec", "selector")) },
      validateStatusUpdate: { object, old in
        DeploymentRules.statusErrors(object["status"] ?? [:])
      }))
}

enum DeploymentRules {
  static let table = PrinterTable(
    columns: [
      PrinterTable.nameColumn, Cells.column("Ready", "Ready pods of all."),
      Cells.column("Up-to-date", "Pods of the newest template."), Cells.column("Available", "Pods that are available."),
      PrinterTable.ageColumn,
    ] + Cells.templateColumns
  ) { object, now in
    let (names, images) = Cells.containers(object.at("spec", "template", "spec"))
    let ready = "\(object.numberAt("status", "readyReplicas"))/\(object.numberAt("spec", "replicas"))"
    return [
      Cells.name(object), .string(ready), .integer(object.numberAt("status", "updatedReplicas")),
      .integer(object.numberAt("status", "availableReplicas")), Cells.age(object, now), names, images,
      Cells.selector(object.at("spec", "selector")),
    ]
  }

  @Sendable static func errors(_ object: JSONValue) -> [FieldError] {
    let spec = object["spec"] ?? [:]
    var errors = ReplicaTables.numberErrors(spec) + TemplateRules.selectorErrors(spec, kind: "deployment")
    errors += TemplateRules.lastingErrors(spec["template"] ?? [:], kind: "ReplicaSet")
    errors += strategyErrors(spec["strategy"] ?? [:])
    errors += Checks.notNegative("spec.revisionHistoryLimit", spec["revisionHistoryLimit"])
    if let deadline = spec["progressDeadlineSeconds"]?.integer {
      errors += Checks.notNegative("spec.progressDeadlineSeconds", spec["progressDeadlineSeconds"])
      if deadline <= spec.numberAt("minReadySeconds") {
        errors.append(
          .invalid("spec.progressDeadlineSeconds", .integer(deadline), "must be greater than minReadySeconds"))
      }
    }
    return errors
  }

  private static func strategyErrors(_ strategy: JSONValue) -> [FieldError] {
    let path = "spec.strategy.rollingUpdate"
    guard strategy.textAt("type") == "RollingUpdate" else {
      return strategy.textAt("type") == "Recreate" && strategy.has("rollingUpdate")
        ? [.forbidden(path, "may not be specified when strategy `type` is 'Recreate'")] : []
    }
    let rolling = strategy["rollingUpdate"] ?? [:]
    var errors = Checks.share("\(path).maxUnavailable", rolling["maxUnavailable"], capped: true)
    errors += Checks.share("\(path).maxSurge", rolling["maxSurge"])
    if Checks.isZero(rolling["maxUnavailable"]), Checks.isZero(rolling["maxSurge"]) {
      errors.append(
        .invalid("\(path).maxUnavailable", rolling["maxUnavailable"] ?? .null, "may not be 0 when `maxSurge` is 0"))
    }
    return errors
  }

  static func statusErrors(_ status: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    let fields = [
      "observedGeneration", "replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas",
    ]
    for field in fields { errors += Checks.notNegative("status.\(field)", status[field]) }
    let total = status.numberAt("replicas")
    for field in ["updatedReplicas", "readyReplicas", "availableReplicas"] where status.numberAt(field) > total {
      errors.append(
        .invalid("status.\(field)", .integer(status.numberAt(field)), "cannot be greater than status.replicas"))
    }
    if status.numberAt("availableReplicas") > status.numberAt("readyReplicas") {
      errors.append(
        .invalid(
          "status.availableReplicas", .integer(status.numberAt("availableReplicas")),
          "cannot be greater than readyReplicas"))
    }
    return errors
  }
}
