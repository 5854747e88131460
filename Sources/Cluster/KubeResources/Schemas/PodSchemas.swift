import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let pod: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Pod", "Containers that run together on one node.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("spec", .object(.podSpec), "What is wanted."),
      Field("status", .object(.podStatus), "What is; written by the platform.", default: [:]),
    ])

  static let podTemplate: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PodTemplate", "A template for pods, kept by itself.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("template", .object(.podTemplateSpec), "What new pods are made from."),
    ])

  static let binding: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Binding", "Gives a pod its node.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("target", .object(.objectReference), "Node that the pod goes to.", isRequired: true),
    ])
}
