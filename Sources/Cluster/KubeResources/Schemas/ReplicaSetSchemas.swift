import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let replicaSet: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.ReplicaSet", "Keeps a number of equal pods running.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("spec", .object(.replicaSetSpec), "What is wanted."),
      Field("status", .object(.replicaSetStatus), "What is; written by the platform.", default: ["replicas": 0]),
    ])

  static let replicaSetSpec: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.ReplicaSetSpec", "What is wanted of a replica set.",
    fields: [
      Field("replicas", .integer(bits: 32), "Number of pods.", default: 1),
      Field("minReadySeconds", .integer(bits: 32), "Time that a pod must be ready to count as available."),
      Field("selector", .object(.labelSelector), "Selects the pods by labels.", isRequired: true, allowsEmpty: true),
      Field("template", .object(.podTemplateSpec), "What new pods are made from."),
    ])

  static let replicaSetStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.ReplicaSetStatus", "State of a replica set.",
    fields: [
      Field("replicas", .integer(bits: 32), "Number of pods.", isRequired: true),
      Field("fullyLabeledReplicas", .integer(bits: 32), "Pods with all labels of the template."),
      Field("readyReplicas", .integer(bits: 32), "Pods that are ready."),
      Field("availableReplicas", .integer(bits: 32), "Pods that are available."),
      Field("terminatingReplicas", .integer(bits: 32), "Pods that are ending."),
      Field("observedGeneration", .integer(bits: 64), "Generation that the status was made from."),
      Field(
        "conditions", .list(.object(.replicaSetCondition), .map(keys: ["type"])), "Latest observations.",
        merge: MergeRule(key: "type")),
    ])

  static let replicaSetCondition: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.ReplicaSetCondition", "An observation about a replica set.",
    fields: [
      Field("type", .string(), "What the condition is about.", isRequired: true),
      Field("status", .string(), "What is; written by the platform.", isRequired: true),
      Field("lastTransitionTime", .time, "When the status of the condition changed last."),
      Field("reason", .string(), "Why, in one word for programs."),
      Field("message", .string(), "Why, for people."),
    ])
}
