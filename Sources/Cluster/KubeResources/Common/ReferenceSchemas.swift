import KubeMachinery

/// How objects name others.
extension ObjectSchema {
  static let objectReference: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ObjectReference", "An object anywhere.", isAtomic: true,
    fields: [
      Field("kind", .string(), "Kind of the object."),
      Field("namespace", .string(), "Namespace of the object."),
      Field("name", .string(), "Name of the object."),
      Field("uid", .string(), "Uid of the object."),
      Field("apiVersion", .string(), "Group and version of the object."),
      Field("resourceVersion", .string(), "Version of the object that is meant."),
      Field("fieldPath", .string(), "Path of a field of the object."),
    ])

  static let localObjectReference: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.LocalObjectReference", "An object in the same namespace.", isAtomic: true,
    fields: [
      Field("name", .string(), "Name of the object in the same namespace.")
    ])

  static let typedLocalObjectReference: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.TypedLocalObjectReference", "An object of any kind in the same namespace.", isAtomic: true,
    fields: [
      Field("apiGroup", .string(), "Group of the kind.", isRequired: true, allowsEmpty: true),
      Field("kind", .string(), "Kind of the object.", isRequired: true),
      Field("name", .string(), "Name of the object.", isRequired: true),
    ])

  static let typedObjectReference: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.TypedObjectReference", "An object of any kind in any namespace.",
    fields: [
      Field("apiGroup", .string(), "Group of the kind.", isRequired: true, allowsEmpty: true),
      Field("kind", .string(), "Kind of the object.", isRequired: true),
      Field("name", .string(), "Name of the object.", isRequired: true),
      Field("namespace", .string(), "Namespace of the object."),
    ])
}
