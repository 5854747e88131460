import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let configMap: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ConfigMap", "Settings for programs, under keys.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("immutable", .boolean, "Whether the data can no longer be changed."),
      Field("data", .map(.string()), "Texts under their keys."),
      Field("binaryData", .map(.base64), "Bytes under their keys."),
    ])
}
