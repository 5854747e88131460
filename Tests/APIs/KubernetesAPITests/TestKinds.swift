import HTTPServing
import KubeMachinery

/// A few kinds, enough for kubectl's main verbs.
enum TestKinds {
  static let all = [namespace, configMap, secret]

  private static let meta = ObjectSchema(
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", "Metadata.",
    fields: [
      Field("name", .string(), "Name."), Field("generateName", .string(), "Prefix."),
      Field("namespace", .string(), "Namespace."), Field("uid", .string(), "Identity."),
      Field("resourceVersion", .string(), "Revision."), Field("generation", .integer(bits: 64), "Generation."),
      Field("creationTimestamp", .time, "Creation."), Field("deletionTimestamp", .time, "Deletion."),
      Field("deletionGracePeriodSeconds", .integer(bits: 64), "Grace."), Field("labels", .map(.string()), "Labels."),
      Field("annotations", .map(.string()), "Annotations."),
      Field("ownerReferences", .list(.anything, .atomic), "Owners."),
      Field("finalizers", .list(.string(), .set), "Finalizers."),
      Field("managedFields", .list(.anything, .atomic), "Fields."),
    ])

  private static let common = [
    Field("apiVersion", .string(), "Version."), Field("kind", .string(), "Kind."),
    Field("metadata", .object(meta), "Metadata."),
  ]

  static let namespace = Kind(
    KindName(group: "", version: "v1", kind: "Namespace"), plural: "namespaces", shortNames: ["ns"],
    isNamespaced: false,
    subresources: [.status],
    schema: ObjectSchema(
      "io.k8s.api.core.v1.Namespace", "A scope for names.",
      fields: common + [
        Field(
          "status",
          .object(
            ObjectSchema("io.k8s.api.core.v1.NamespaceStatus", "State.", fields: [Field("phase", .string(), "Phase.")])),
          "State.", default: ["phase": "Active"])
      ]), selectableFields: [SelectableField("status.phase")],
    rules: KindRules(nameProblems: { NameRule.label.problems($0, isPrefix: $1) }))

  static let configMap = Kind(
    KindName(group: "", version: "v1", kind: "ConfigMap"), plural: "configmaps", shortNames: ["cm"],
    schema: ObjectSchema(
      "io.k8s.api.core.v1.ConfigMap", "Settings.",
      fields: common + [
        Field("immutable", .boolean, "Whether it can change."), Field("data", .map(.string()), "Texts."),
        Field("binaryData", .map(.base64), "Bytes."),
      ]),
    table: PrinterTable(columns: [PrinterTable.nameColumn, PrinterColumn("Data", "Keys."), PrinterTable.ageColumn]) {
      [.string($0.meta.name), .string("\($0["data"]?.members.count ?? 0)"), .string($0.age($1))]
    },
    rules: KindRules(
      nameProblems: { NameRule.subdomain.problems($0, isPrefix: $1) },
      validateUpdate: { object, old in
        old["immutable"]?.flag == true && object["data"] != old["data"]
          ? [.forbidden("data", "field is immutable when `immutable` is set")] : []
      }))

  static let secret = Kind(
    KindName(group: "", version: "v1", kind: "Secret"), plural: "secrets",
    schema: ObjectSchema(
      "io.k8s.api.core.v1.Secret", "Secret data.",
      fields: common + [
        Field("data", .map(.base64), "Bytes."), Field("type", .string(), "Use.", default: "Opaque"),
      ]), selectableFields: [SelectableField("type")],
    rules: KindRules(nameProblems: { NameRule.subdomain.problems($0, isPrefix: $1) }))
}
