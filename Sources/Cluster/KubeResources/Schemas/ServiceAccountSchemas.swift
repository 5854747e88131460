import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let serviceAccount: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ServiceAccount", "An identity for programs in pods.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field(
        "secrets", .list(.object(.objectReference), .map(keys: ["name"])), "Secrets that pods of this account may use.",
        merge: MergeRule(key: "name")),
      Field(
        "imagePullSecrets", .list(.object(.localObjectReference), .atomic),
        "Secrets with the credentials of registries."),
      Field("automountServiceAccountToken", .boolean, "Whether containers get a token of the service account."),
    ])
}
