import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let replicationController: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ReplicationController", "Keeps a number of equal pods running.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("spec", .object(.replicationControllerSpec), "What is wanted."),
      Field(
        "status", .object(.replicationControllerStatus), "What is; written by the platform.", default: ["replicas": 0]),
    ])

  static let replicationControllerSpec: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ReplicationControllerSpec", "What is wanted of a replication controller.",
    fields: [
      Field("replicas", .integer(bits: 32), "Number of pods.", default: 1),
      Field("minReadySeconds", .integer(bits: 32), "Time that a pod must be ready to count as available."),
      Field("selector", .map(.string(), isAtomic: true), "Selects the pods by labels."),
      Field("template", .object(.podTemplateSpec), "What new pods are made from."),
    ])

  static let replicationControllerStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ReplicationControllerStatus", "State of a replication controller.",
    fields: [
      Field("replicas", .integer(bits: 32), "Number of pods.", isRequired: true),
      Field("fullyLabeledReplicas", .integer(bits: 32), "Pods with all labels of the template."),
      Field("readyReplicas", .integer(bits: 32), "Pods that are ready."),
      Field("availableReplicas", .integer(bits: 32), "Pods that are available."),
      Field("observedGeneration", .integer(bits: 64), "Generation that the status was made from."),
      Field(
        "conditions", .list(.object(.replicationControllerCondition), .map(keys: ["type"])), "Latest observations.",
        merge: MergeRule(key: "type")),
    ])

  static let replicationControllerCondition: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ReplicationControllerCondition", "An observation about a replication controller.",
    fields: [
      Field("type", .string(), "What the condition is about.", isRequired: true),
      Field("status", .string(), "What is; written by the platform.", isRequired: true),
      Field("lastTransitionTime", .time, "When the status of the condition changed last."),
      Field("reason", .string(), "Why, in one word for programs."),
      Field("message", .string(), "Why, for people."),
    ])
}
