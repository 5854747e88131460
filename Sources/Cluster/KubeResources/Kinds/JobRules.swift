import HTTPServing
import KubeMachinery

/// Source: Kubernetes *Jobs*; API reference, JobSpec.
enum JobRules {
  private static let uidLabels = ["batch.kubernetes.io/controller-uid", "controller-uid"]
  private static let nameLabels = ["batch.kubernetes.io/job-name", "job-name"]

  @Sendable static func applyDefaults(_ job: inout JSONValue) {
    PodDefaults.applyToTemplate(of: &job)
    job.change("spec") { spec in
      if !spec.has("completions"), !spec.has("parallelism") {
        spec["completions"] = 1
        spec["parallelism"] = 1
      } else {
        spec.setDefault("parallelism", 1)
      }
      spec.setDefault("backoffLimit", spec.has("backoffLimitPerIndex") ? .integer(Int64(Int32.max)) : 6)
      spec.setDefault("podReplacementPolicy", spec.has("podFailurePolicy") ? "Failed" : "TerminatingOrFailed")
      spec.setDefault("manualSelector", false)
    }
  }

  /// The selector is the job's own uid, unless the client chose one. The uid is there before this runs.
  @Sendable static func prepareCreate(_ job: inout JSONValue) {
    guard !job.flagAt("spec", "manualSelector") else { return }
    let (uid, name) = (job.textAt("metadata", "uid"), job.textAt("metadata", "name"))
    guard !uid.isEmpty else { return }
    job.change("spec") { spec in
      spec.change("template") { template in
        if template["metadata"] == nil { template["metadata"] = .object([]) }
        if template.at("metadata", "labels") == nil { template["metadata"]?["labels"] = .object([]) }
        for label in uidLabels { template["metadata"]?["labels"]?[label] = .string(uid) }
        for label in nameLabels { template["metadata"]?["labels"]?[label] = .string(name) }
      }
      if !spec.has("selector") { spec["selector"] = ["matchLabels": .object([(uidLabels[0], .string(uid))])] }
    }
  }

  @Sendable static func errors(_ job: JSONValue) -> [FieldError] {
    let spec = job["spec"] ?? [:]
    var errors = TemplateRules.errors(spec["template"] ?? [:], at: "spec.template")
    if spec.has("selector") {
      errors += LabelSelector.errors(in: spec["selector"], at: "spec.selector")
      errors += TemplateRules.matchErrors(
        LabelSelector(document: spec["selector"]), spec["template"] ?? [:], at: "spec.template")
    }
    for field in [
      "parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished",
      "backoffLimitPerIndex", "maxFailedIndexes",
    ] { errors += Checks.notNegative("spec.\(field)", spec[field]) }
    let policy = spec.textAt("template", "spec", "restartPolicy")
    if policy == "Always" {
      errors.append(
        .required("spec.template.spec.restartPolicy", #"valid values: "OnFailure", "Never""#))
    }
    errors += indexErrors(spec) + failureErrors(spec)
    return errors
  }

  private static func indexErrors(_ spec: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    let isIndexed = spec.textAt("completionMode") == "Indexed"
    if isIndexed {
      if !spec.has("completions") {
        errors.append(.required("spec.completions", "when completion mode is Indexed"))
      }
      let parallelism = spec.numberAt("parallelism")
      if parallelism > 100_000 {
        errors.append(
          .invalid(
            "spec.parallelism", .integer(parallelism),
            "must be less than or equal to 100000 when completion mode is Indexed"))
      }
    } else {
      for field in ["backoffLimitPerIndex", "maxFailedIndexes"] where spec.has(field) {
        errors.append(
          .invalid("spec.\(field)", spec[field] ?? .null, "requires indexed completion mode"))
      }
      if spec.has("successPolicy") {
        errors.append(
          .invalid("spec.successPolicy", spec["successPolicy"] ?? .null, "requires indexed completion mode"))
      }
    }
    if spec.has("maxFailedIndexes"), !spec.has("backoffLimitPerIndex") {
      errors.append(.required("spec.backoffLimitPerIndex", "when maxFailedIndexes is specified"))
    }
    return errors
  }

  private static func failureErrors(_ spec: JSONValue) -> [FieldError] {
    guard let policy = spec["podFailurePolicy"] else { return [] }
    var errors: [FieldError] = []
    if spec.textAt("template", "spec", "restartPolicy") != "Never" {
      errors.append(
        .invalid(
          "spec.template.spec.restartPolicy", spec.textAt("template", "spec", "restartPolicy"),
          "only \"Never\" is supported when podFailurePolicy is specified"))
    }
    if policy.listAt("rules").count > 20 {
      errors.append(
        FieldError(
          .tooMany, "spec.podFailurePolicy.rules",
          "Too many: \(policy.listAt("rules").count): must have at most 20 items"))
    }
    for (index, rule) in policy.listAt("rules").enumerated() {
      let path = "spec.podFailurePolicy.rules[\(index)]"
      let hasConditions = !rule.listAt("onPodConditions").isEmpty
      if rule.has("onExitCodes") == hasConditions {
        errors.append(
          .invalid(
            path, rule,
            hasConditions
              ? "specifying both OnExitCodes and OnPodConditions is not supported"
              : "specifying one of OnExitCodes and OnPodConditions is required"))
      }
      if rule.textAt("action") == "FailIndex", !spec.has("backoffLimitPerIndex") {
        errors.append(
          .invalid(
            "\(path).action", "FailIndex",
            "requires the backoffLimitPerIndex to be set"))
      }
      if rule.textAt("onExitCodes", "operator") == "In",
        rule.listAt("onExitCodes", "values").contains(where: { $0.integer == 0 })
      {
        errors.append(.invalid("\(path).onExitCodes.values[0]", .integer(0), "must not be 0 for the In operator"))
      }
    }
    return errors
  }

  @Sendable static func updateErrors(_ job: JSONValue, _ old: JSONValue) -> [FieldError] {
    let (spec, former) = (job["spec"] ?? [:], old["spec"] ?? [:])
    var errors: [FieldError] = []
    for field in [
      "selector", "completionMode", "podFailurePolicy", "backoffLimitPerIndex", "successPolicy", "managedBy",
    ] {
      errors += Checks.immutable("spec.\(field)", spec[field], former[field])
    }
    // An indexed job may grow together with its parallelism.
    let isElastic =
      spec.textAt("completionMode") == "Indexed" && spec["completions"] == spec["parallelism"]
    if !isElastic { errors += Checks.immutable("spec.completions", spec["completions"], former["completions"]) }
    let isWaiting = former.flagAt("suspend") && old.at("status", "startTime") == nil
    errors += Checks.immutable(
      "spec.template", comparable(spec["template"], isWaiting), comparable(former["template"], isWaiting))
    return errors
  }

  /// A suspended job that has not started may still say where its pods go.
  private static func comparable(_ template: JSONValue?, _ isWaiting: Bool) -> JSONValue? {
    guard isWaiting, var template else { return template }
    for field in ["nodeSelector", "tolerations", "schedulingGates", "affinity"] { template["spec"]?[field] = nil }
    for field in ["labels", "annotations"] { template["metadata"]?[field] = nil }
    return template
  }
}
