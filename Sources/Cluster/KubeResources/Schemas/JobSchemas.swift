import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let job: ObjectSchema = ObjectSchema(
    "io.k8s.api.batch.v1.Job", "Runs pods until enough have succeeded.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("spec", .object(.jobSpec), "What is wanted."),
      Field("status", .object(.jobStatus), "What is; written by the platform.", default: [:]),
    ])

  static let jobSpec: ObjectSchema = ObjectSchema(
    "io.k8s.api.batch.v1.JobSpec", "What is wanted of a job.",
    fields: [
      Field("parallelism", .integer(bits: 32), "Pods at the same time."),
      Field("completions", .integer(bits: 32), "Pods that must succeed."),
      Field("activeDeadlineSeconds", .integer(bits: 64), "Time after which it is ended, counted from its start."),
      Field("podFailurePolicy", .object(.podFailurePolicy), "What failures of pods mean."),
      Field("successPolicy", .object(.successPolicy), "When the job has succeeded."),
      Field("backoffLimit", .integer(bits: 32), "Failures before the job fails."),
      Field("backoffLimitPerIndex", .integer(bits: 32), "Failures before an index fails."),
      Field("maxFailedIndexes", .integer(bits: 32), "Failed indexes before the job fails."),
      Field("selector", .object(.labelSelector), "Selects the pods by labels."),
      Field("manualSelector", .boolean, "Whether the client chose the selector."),
      Field("template", .object(.podTemplateSpec), "What new pods are made from.", isRequired: true),
      Field("ttlSecondsAfterFinished", .integer(bits: 32), "Time after which an ended job goes."),
      Field(
        "completionMode", .string(allowed: ["NonIndexed", "Indexed"]), "NonIndexed or Indexed.", default: "NonIndexed"),
      Field("suspend", .boolean, "Whether the job's pods are ended and none started.", default: false),
      Field(
        "podReplacementPolicy", .string(allowed: ["TerminatingOrFailed", "Failed"]), "When a failed pod is replaced."),
      Field("managedBy", .string(), "Controller that cares for the job."),
    ])

  static let podFailurePolicy: ObjectSchema = ObjectSchema(
    "io.k8s.api.batch.v1.PodFailurePolicy", "What failures of pods mean.",
    fields: [
      Field("rules", .list(.object(.podFailurePolicyRule), .atomic), "Rules, looked at in order.", isRequired: true)
    ])

  static let podFailurePolicyRule: ObjectSchema = ObjectSchema(
    "io.k8s.api.batch.v1.PodFailurePolicyRule", "One rule on failures.",
    fields: [
      Field(
        "action", .string(allowed: ["FailJob", "FailIndex", "Ignore", "Count"]), "What a match means.", isRequired: true
      ),
      Field("onExitCodes", .object(.podFailurePolicyOnExitCodesRequirement), "Requirement on exit codes."),
      Field(
        "onPodConditions", .list(.object(.podFailurePolicyOnPodConditionsPattern), .atomic),
        "Requirement on conditions of the pod."),
    ])

  static let podFailurePolicyOnExitCodesRequirement: ObjectSchema = ObjectSchema(
    "io.k8s.api.batch.v1.PodFailurePolicyOnExitCodesRequirement", "Exit codes that a rule is about.",
    fields: [
      Field("containerName", .string(), "Name of the container."),
      Field("operator", .string(allowed: ["In", "NotIn"]), "How the values are compared.", isRequired: true),
      Field("values", .list(.integer(bits: 32), .set), "Exit codes.", isRequired: true),
    ])

  static let podFailurePolicyOnPodConditionsPattern: ObjectSchema = ObjectSchema(
    "io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern", "A condition that a rule is about.",
    fields: [
      Field("type", .string(), "Type of the condition.", isRequired: true),
      Field("status", .string(), "Status of the condition.", isRequired: true, default: "True"),
    ])

  static let successPolicy: ObjectSchema = ObjectSchema(
    "io.k8s.api.batch.v1.SuccessPolicy", "When a job has succeeded.",
    fields: [
      Field("rules", .list(.object(.successPolicyRule), .atomic), "Rules, looked at in order.", isRequired: true)
    ])

  static let successPolicyRule: ObjectSchema = ObjectSchema(
    "io.k8s.api.batch.v1.SuccessPolicyRule", "One way to succeed.",
    fields: [
      Field("succeededIndexes", .string(), "Indexes that must succeed."),
      Field("succeededCount", .integer(bits: 32), "How many indexes must succeed."),
    ])

  static let jobStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.batch.v1.JobStatus", "State of a job.",
    fields: [
      Field(
        "conditions", .list(.object(.jobCondition), .atomic), "Latest observations.", merge: MergeRule(key: "type")),
      Field("startTime", .time, "When it started."),
      Field("completionTime", .time, "When the job was done."),
      Field("active", .integer(bits: 32), "Pods that run or wait."),
      Field("succeeded", .integer(bits: 32), "Pods that succeeded."),
      Field("failed", .integer(bits: 32), "Pods that failed."),
      Field("terminating", .integer(bits: 32), "Pods that are ending."),
      Field("completedIndexes", .string(), "Indexes that are done."),
      Field("failedIndexes", .string(), "Indexes that failed."),
      Field("uncountedTerminatedPods", .object(.uncountedTerminatedPods), "Ended pods that are not counted yet."),
      Field("ready", .integer(bits: 32), "Pods that are ready."),
    ])

  static let jobCondition: ObjectSchema = ObjectSchema(
    "io.k8s.api.batch.v1.JobCondition", "An observation about a job.",
    fields: [
      Field("type", .string(), "What the condition is about.", isRequired: true),
      Field("status", .string(), "What is; written by the platform.", isRequired: true),
      Field("lastProbeTime", .time, "When the condition was looked at last."),
      Field("lastTransitionTime", .time, "When the status of the condition changed last."),
      Field("reason", .string(), "Why, in one word for programs."),
      Field("message", .string(), "Why, for people."),
    ])

  static let uncountedTerminatedPods: ObjectSchema = ObjectSchema(
    "io.k8s.api.batch.v1.UncountedTerminatedPods", "Ended pods that are not counted yet.",
    fields: [
      Field("succeeded", .list(.string(), .set), "Uids of pods that succeeded."),
      Field("failed", .list(.string(), .set), "Uids of pods that failed."),
    ])
}
