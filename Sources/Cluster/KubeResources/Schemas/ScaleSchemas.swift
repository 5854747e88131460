import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let scale: ObjectSchema = ObjectSchema(
    "io.k8s.api.autoscaling.v1.Scale", "Number of replicas of an object.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("spec", .object(.scaleSpec), "What is wanted."),
      Field("status", .object(.scaleStatus), "What is; written by the platform."),
    ])

  static let scaleSpec: ObjectSchema = ObjectSchema(
    "io.k8s.api.autoscaling.v1.ScaleSpec", "Wanted number of replicas.",
    fields: [
      Field("replicas", .integer(bits: 32), "Wanted number of pods.")
    ])

  static let scaleStatus: ObjectSchema = ObjectSchema(
    "io.k8s.api.autoscaling.v1.ScaleStatus", "Replicas that are there.",
    fields: [
      Field("replicas", .integer(bits: 32), "Number of pods that are there.", isRequired: true),
      Field("selector", .string(), "Selects the pods by labels, as text."),
    ])
}
