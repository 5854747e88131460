import HTTPServing
import KubeMachinery

extension Kind {
  static let podTemplate = Kind(
    KindName(group: "", version: "v1", kind: "PodTemplate"), plural: "podtemplates", schema: .podTemplate,
    table: PrinterTable(
      columns: [
        PrinterTable.nameColumn, Cells.column("Containers", "Names of the containers."),
        Cells.column("Images", "Images of the containers."), Cells.column("Pod Labels", "Labels of the pods."),
      ]
    ) { object, _ in
      let (names, images) = Cells.containers(object.at("template", "spec"))
      return [Cells.name(object), names, images, Cells.labels(object.at("template", "metadata", "labels"))]
    },
    countsGenerations: true,
    rules: KindRules(
      nameProblems: Naming.subdomain,
      defaults: { $0.change("template") { $0.change("spec", PodDefaults.apply) } },
      validate: { TemplateRules.errors($0["template"] ?? [:], at: "template") }))
}
