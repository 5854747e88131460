import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let deployment: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.Deployment",
    "Keeps equal pods running and replaces them step by step when their template changes.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("spec", .object(.deploymentSpec), "What is wanted."),
      Field("status", .object(.deploymentStatus), "What is; written by the platform.", default: [:]),
    ])

  static let deploymentSpec: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.DeploymentSpec", "What is wanted of a deployment.",
    fields: [
      Field("replicas", .integer(bits: 32), "Number of pods.", default: 1),
      Field("selector", .object(.labelSelector), "Selects the pods by labels.", isRequired: true),
      Field("template", .object(.podTemplateSpec), "What new pods are made from.", isRequired: true),
      Field(
        "strategy", .object(.deploymentStrategy), "How old pods are replaced.", default: ["type": "RollingUpdate"],
        merge: MergeRule(mergesItems: false, retainsKeys: true)),
      Field("minReadySeconds", .integer(bits: 32), "Time that a pod must be ready to count as available."),
      Field("revisionHistoryLimit", .integer(bits: 32), "Old versions that are kept.", default: 10),
      Field("paused", .boolean, "Whether changes wait."),
      Field(
        "progressDeadlineSeconds", .integer(bits: 32), "Time without progress that counts as failure.", default: 600),
    ])

  static let deploymentStrategy: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.DeploymentStrategy", "How old pods are replaced.",
    fields: [
      Field(
        "type", .string(allowed: ["Recreate", "RollingUpdate"]), "RollingUpdate or Recreate.", default: "RollingUpdate"),
      Field("rollingUpdate", .object(.rollingUpdateDeployment), "How many at a time."),
    ])

  static let rollingUpdateDeployment: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.RollingUpdateDeployment", "How many pods at a time.",
    fields: [
      Field("maxUnavailable", .intOrString, "Pods that may be missing, as number or share."),
      Field("maxSurge", .intOrString, "Pods that may be there in addition, as number or share."),
    ])

  static let deploymentStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.DeploymentStatus", "State of a deployment.",
    fields: [
      Field("observedGeneration", .integer(bits: 64), "Generation that the status was made from."),
      Field("replicas", .integer(bits: 32), "Number of pods."),
      Field("updatedReplicas", .integer(bits: 32), "Pods of the newest template."),
      Field("readyReplicas", .integer(bits: 32), "Pods that are ready."),
      Field("availableReplicas", .integer(bits: 32), "Pods that are available."),
      Field("unavailableReplicas", .integer(bits: 32), "Pods still missing."),
      Field("terminatingReplicas", .integer(bits: 32), "Pods that are ending."),
      Field(
        "conditions", .list(.object(.deploymentCondition), .map(keys: ["type"])), "Latest observations.",
        merge: MergeRule(key: "type")),
      Field("collisionCount", .integer(bits: 32), "Names that were taken already."),
    ])

  static let deploymentCondition: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.DeploymentCondition", "An observation about a deployment.",
    fields: [
      Field("type", .string(), "What the condition is about.", isRequired: true),
      Field("status", .string(), "What is; written by the platform.", isRequired: true),
      Field("lastUpdateTime", .time, "When the condition was updated last."),
      Field("lastTransitionTime", .time, "When the status of the condition changed last."),
      Field("reason", .string(), "Why, in one word for programs."),
      Field("message", .string(), "Why, for people."),
    ])
}
