import KubeMachinery

/// Claims of volumes, as pods hold them.
extension ObjectSchema {
  static let persistentVolumeClaimVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PersistentVolumeClaimVolumeSource", "A claim in the pod's namespace.",
    fields: [
      Field("claimName", .string(), "Name of the claim.", isRequired: true),
      Field("readOnly", .boolean, "Whether writing is refused."),
    ])

  static let ephemeralVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.EphemeralVolumeSource", "A claim that goes with its pod.",
    fields: [
      Field("volumeClaimTemplate", .object(.persistentVolumeClaimTemplate), "Claim to be made.")
    ])

  static let persistentVolumeClaimTemplate: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PersistentVolumeClaimTemplate", "What a claim is made from.",
    fields: [
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("spec", .object(.persistentVolumeClaimSpec), "What is wanted.", isRequired: true, allowsEmpty: true),
    ])

  static let persistentVolumeClaimSpec: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PersistentVolumeClaimSpec", "What is wanted of a claim.",
    fields: [
      Field(
        "accessModes",
        .list(.string(allowed: ["ReadWriteOnce", "ReadOnlyMany", "ReadWriteMany", "ReadWriteOncePod"]), .atomic),
        "Ways in which the volume is mounted."),
      Field("selector", .object(.labelSelector), "Selects volumes by labels."),
      Field("resources", .object(.volumeResourceRequirements), "Size of the volume."),
      Field("volumeName", .string(), "Name of the volume."),
      Field("storageClassName", .string(), "Class of the volume."),
      Field(
        "volumeMode", .string(allowed: ["Block", "Filesystem"]), "File system or block device.", default: "Filesystem"),
      Field("dataSource", .object(.typedLocalObjectReference), "Snapshot or claim that the volume begins with."),
      Field("dataSourceRef", .object(.typedObjectReference), "Object that the volume begins with."),
      Field("volumeAttributesClassName", .string(), "Class of changeable attributes."),
    ])

  static let volumeResourceRequirements: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.VolumeResourceRequirements", "Size of a volume.",
    fields: [
      Field("limits", .map(.quantity), "Most that may be used."),
      Field("requests", .map(.quantity), "What is kept free for it."),
    ])
}
