import HTTPServing
import KubeMachinery

extension Kind {
  static let job = Kind(
    KindName(group: "batch", version: "v1", kind: "Job"), plural: "jobs", categories: ["all"],
    subresources: [.status], schema: .job, table: JobTable.table,
    selectableFields: [
      SelectableField("status.successful") { String($0.numberAt("status", "succeeded")) }
    ],
    countsGenerations: true,
    rules: KindRules(
      nameProblems: Naming.subdomain, defaults: JobRules.applyDefaults, prepareCreate: JobRules.prepareCreate,
      validate: JobRules.errors, validateUpdate: JobRules.updateErrors, propagation: .orphan,
      warnings: { job in
        let name = job.textAt("metadata", "name")
        return NameRule.label.problems(name).map { problem in
          "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [\(problem)]"
        }
      }))
}

enum JobTable {
  static let table = PrinterTable(
    columns: [
      PrinterTable.nameColumn, Cells.column("Status", "State of the job."),
      Cells.column("Completions", "Pods that succeeded of all that must."),
      Cells.column("Duration", "Time that it took."), PrinterTable.ageColumn,
    ] + Cells.templateColumns
  ) { job, now in
    let (names, images) = Cells.containers(job.at("spec", "template", "spec"))
    return [
      Cells.name(job), .string(state(job)), .string(completions(job)), .string(duration(job, now)), Cells.age(job, now),
      names, images, Cells.selector(job.at("spec", "selector")),
    ]
  }

  private static func completions(_ job: JSONValue) -> String {
    let succeeded = job.numberAt("status", "succeeded")
    if let completions = job.at("spec", "completions")?.integer { return "\(succeeded)/\(completions)" }
    let parallelism = job.numberAt("spec", "parallelism")
    return parallelism > 1 ? "\(succeeded)/1 of \(parallelism)" : "\(succeeded)/1"
  }

  private static func duration(_ job: JSONValue, _ now: Timestamp) -> String {
    guard let start = Timestamp(job.textAt("status", "startTime")) else { return "" }
    let end = Timestamp(job.textAt("status", "completionTime")) ?? now
    return Timestamp.span(end.seconds - start.seconds)
  }

  private static func state(_ job: JSONValue) -> String {
    func holds(_ type: String) -> Bool {
      job.listAt("status", "conditions").contains { $0.textAt("type") == type && $0.textAt("status") == "True" }
    }
    if holds("Complete") { return "Complete" }
    if holds("Failed") { return "Failed" }
    if job.at("metadata", "deletionTimestamp") != nil { return "Terminating" }
    if holds("Suspended") { return "Suspended" }
    if holds("FailureTarget") { return "FailureTarget" }
    return holds("SuccessCriteriaMet") ? "SuccessCriteriaMet" : "Running"
  }
}
