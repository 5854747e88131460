import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let secret: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.Secret", "Data that not everybody may see, under keys.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("immutable", .boolean, "Whether the data can no longer be changed."),
      Field("data", .map(.base64), "Bytes under their keys."),
      Field("stringData", .map(.string()), "Texts to be written into the data; never read back."),
      Field("type", .string(), "What the data is for; decides which keys there must be.", default: "Opaque"),
    ])
}
