import KubeMachinery

/// The documents of this kind.
extension ObjectSchema {
  static let role: ObjectSchema = ObjectSchema(
    "io.k8s.api.rbac.v1.Role", "Rights within a namespace.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("rules", .list(.object(.policyRule), .atomic), "What is allowed.", isRequired: true, allowsEmpty: true),
    ])

  static let clusterRole: ObjectSchema = ObjectSchema(
    "io.k8s.api.rbac.v1.ClusterRole", "Rights in the whole cluster.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("rules", .list(.object(.policyRule), .atomic), "What is allowed.", isRequired: true, allowsEmpty: true),
      Field("aggregationRule", .object(.aggregationRule), "Roles whose rules are taken over."),
    ])

  static let policyRule: ObjectSchema = ObjectSchema(
    "io.k8s.api.rbac.v1.PolicyRule", "What may be done with which resources.",
    fields: [
      Field(
        "verbs", .list(.string(), .atomic), "What may be done; * for everything.", isRequired: true, allowsEmpty: true),
      Field("apiGroups", .list(.string(), .atomic), "Groups of the resources; * for all."),
      Field("resources", .list(.string(), .atomic), "Resources; * for all."),
      Field("resourceNames", .list(.string(), .atomic), "Names of objects; all where empty."),
      Field("nonResourceURLs", .list(.string(), .atomic), "Paths that are no resources; * at the end for all below."),
    ])

  static let aggregationRule: ObjectSchema = ObjectSchema(
    "io.k8s.api.rbac.v1.AggregationRule", "Roles whose rules are taken over.",
    fields: [
      Field("clusterRoleSelectors", .list(.object(.labelSelector), .atomic), "Selects roles by labels.")
    ])

  static let roleBinding: ObjectSchema = ObjectSchema(
    "io.k8s.api.rbac.v1.RoleBinding", "Gives rights within a namespace.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("subjects", .list(.object(.subject), .atomic), "Who gets the rights."),
      Field("roleRef", .object(.roleRef), "Role that is given.", isRequired: true),
    ])

  static let clusterRoleBinding: ObjectSchema = ObjectSchema(
    "io.k8s.api.rbac.v1.ClusterRoleBinding", "Gives rights in the whole cluster.",
    fields: [
      .kind,
      .apiVersion,
      Field("metadata", .object(.objectMeta), "What every object says about itself."),
      Field("subjects", .list(.object(.subject), .atomic), "Who gets the rights."),
      Field("roleRef", .object(.roleRef), "Role that is given.", isRequired: true),
    ])

  static let subject: ObjectSchema = ObjectSchema(
    "io.k8s.api.rbac.v1.Subject", "Who gets rights.", isAtomic: true,
    fields: [
      Field("kind", .string(), "User, Group or ServiceAccount.", isRequired: true),
      Field("apiGroup", .string(), "Group of the subject's kind."),
      Field("name", .string(), "Name of the subject.", isRequired: true),
      Field("namespace", .string(), "Namespace of the service account."),
    ])

  static let roleRef: ObjectSchema = ObjectSchema(
    "io.k8s.api.rbac.v1.RoleRef", "Role that is given.", isAtomic: true,
    fields: [
      Field(
        "apiGroup", .string(), "Group of the role's kind.", isRequired: true, allowsEmpty: true,
        default: "rbac.authorization.k8s.io"),
      Field("kind", .string(), "Role or ClusterRole.", isRequired: true),
      Field("name", .string(), "Name of the role.", isRequired: true),
    ])
}
