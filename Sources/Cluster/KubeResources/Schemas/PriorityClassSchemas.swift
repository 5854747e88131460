import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let priorityClass: ObjectSchema = ObjectSchema(
    "io.k8s.api.scheduling.v1.PriorityClass", "A name for a priority.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("value", .integer(bits: 32), "The higher, the more important.", isRequired: true),
      Field("globalDefault", .boolean, "Whether pods without a class get this one."),
      Field("description", .string(), "What the class is for."),
      Field(
        "preemptionPolicy", .string(allowed: ["PreemptLowerPriority", "Never"]),
        "Whether pods of lower priority make room.", default: "PreemptLowerPriority"),
    ])
}
