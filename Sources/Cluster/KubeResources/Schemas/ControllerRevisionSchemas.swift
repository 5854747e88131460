import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let controllerRevision: ObjectSchema = ObjectSchema(
    "io.k8s.api.apps.v1.ControllerRevision", "A former state of a controller's object.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("data", .anything, "The state that is kept."),
      Field("revision", .integer(bits: 64), "Number of the revision.", isRequired: true),
    ])
}
