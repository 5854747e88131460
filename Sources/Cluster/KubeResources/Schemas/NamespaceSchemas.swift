import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let namespace: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Namespace", "A scope for names.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("spec", .object(.namespaceSpec), "What is wanted.", default: [:]),
      Field("status", .object(.namespaceStatus), "What is; written by the platform.", default: ["phase": "Active"]),
    ])

  static let namespaceSpec: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NamespaceSpec", "What is wanted of a namespace.",
    fields: [
      Field("finalizers", .list(.string(), .atomic), "Who has to clean up before the namespace goes.")
    ])

  static let namespaceStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NamespaceStatus", "State of a namespace.",
    fields: [
      Field("phase", .string(), "Active or Terminating."),
      Field(
        "conditions", .list(.object(.namespaceCondition), .map(keys: ["type"])), "Latest observations.",
        merge: MergeRule(key: "type")),
    ])

  static let namespaceCondition: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NamespaceCondition", "An observation about a namespace.",
    fields: [
      Field("type", .string(), "What the condition is about.", isRequired: true),
      Field("status", .string(), "What is; written by the platform.", isRequired: true),
      Field("lastTransitionTime", .time, "When the status of the condition changed last."),
      Field("reason", .string(), "Why, in one word for programs."),
      Field("message", .string(), "Why, for people."),
    ])
}
