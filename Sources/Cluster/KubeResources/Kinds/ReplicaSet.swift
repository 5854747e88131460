import HTTPServing
import KubeMachinery

extension Kind {
  static let replicaSet = Kind(
    KindName(group: "apps", version: "v1", kind: "ReplicaSet"), plural: "replicasets", shortNames: ["rs"],
    categories: ["all"],
    subresources: [.status, .scale(ScalePaths { LabelSelector(document: $0.at("spec", "selector")).description })],
    schema: .replicaSet, table: ReplicaTables.table(isLabelSelector: true),
    selectableFields: [SelectableField("status.replicas", default: "0")], countsGenerations: true,
    rules: KindRules(
      nameProblems: Naming.subdomain, defaults: PodDefaults.applyToTemplate,
      validate: { object in
        let spec = object["spec"] ?? [:]
        return ReplicaTables.numberErrors(spec) + TemplateRules.selectorErrors(spec, kind: "replicaset")
          + TemplateRules.lastingErrors(spec["template"] ?? [:], kind: "ReplicaSet")
      },
      validateUpdate: { Checks.immutable("spec.selector", $0.at("spec", "selector"), $1.at("spec", "selector")) }))
}
