import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let daemonSet: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.DaemonSet", "Keeps one pod running on each node.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("spec", .object(.daemonSetSpec), "What is wanted."),
      Field(
        "status", .object(.daemonSetStatus), "What is; written by the platform.",
        default: ["currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0]),
    ])

  static let daemonSetSpec: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.DaemonSetSpec", "What is wanted of a daemon set.",
    fields: [
      Field("selector", .object(.labelSelector), "Selects the pods by labels.", isRequired: true),
      Field("template", .object(.podTemplateSpec), "What new pods are made from.", isRequired: true),
      Field(
        "updateStrategy", .object(.daemonSetUpdateStrategy), "How old pods are replaced.",
        default: ["type": "RollingUpdate"]),
      Field("minReadySeconds", .integer(bits: 32), "Time that a pod must be ready to count as available."),
      Field("revisionHistoryLimit", .integer(bits: 32), "Old versions that are kept.", default: 10),
    ])

  static let daemonSetUpdateStrategy: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.DaemonSetUpdateStrategy", "How old pods are replaced.",
    fields: [
      Field(
        "type", .string(allowed: ["RollingUpdate", "OnDelete"]), "RollingUpdate or OnDelete.", default: "RollingUpdate"),
      Field("rollingUpdate", .object(.rollingUpdateDaemonSet), "How many at a time."),
    ])

  static let rollingUpdateDaemonSet: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.RollingUpdateDaemonSet", "How many pods at a time.",
    fields: [
      Field("maxUnavailable", .intOrString, "Pods that may be missing, as number or share."),
      Field("maxSurge", .intOrString, "Pods that may be there in addition, as number or share."),
    ])

  static let daemonSetStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.DaemonSetStatus", "State of a daemon set.",
    fields: [
      Field("currentNumberScheduled", .integer(bits: 32), "Nodes that run a pod and should.", isRequired: true),
      Field("numberMisscheduled", .integer(bits: 32), "Nodes that run a pod and should not.", isRequired: true),
      Field("desiredNumberScheduled", .integer(bits: 32), "Nodes that should run a pod.", isRequired: true),
      Field("numberReady", .integer(bits: 32), "Nodes whose pod is ready.", isRequired: true),
      Field("observedGeneration", .integer(bits: 64), "Generation that the status was made from."),
      Field("updatedNumberScheduled", .integer(bits: 32), "Nodes whose pod is of the newest template."),
      Field("numberAvailable", .integer(bits: 32), "Nodes whose pod is available."),
      Field("numberUnavailable", .integer(bits: 32), "Nodes whose pod is not available."),
      Field("collisionCount", .integer(bits: 32), "Names that were taken already."),
      Field(
        "conditions", .list(.object(.daemonSetCondition), .map(keys: ["type"])), "Latest observations.",
        merge: MergeRule(key: "type")),
    ])

  static let daemonSetCondition: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.DaemonSetCondition", "An observation about a daemon set.",
    fields: [
      Field("type", .string(), "What the condition is about.", isRequired: true),
      Field("status", .string(), "What is; written by the platform.", isRequired: true),
      Field("lastTransitionTime", .time, "When the status of the condition changed last."),
      Field("reason", .string(), "Why, in one word for programs."),
      Field("message", .string(), "Why, for people."),
    ])
}
