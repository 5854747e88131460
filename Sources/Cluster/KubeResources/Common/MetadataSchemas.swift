import KubeMachinery

/// What objects say about themselves, and how they are selected.
extension ObjectSchema {
  static let objectMeta: ObjectSchema = ObjectSchema(
    "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta", "What every object says about itself.",
    fields: [
      Field("name", .string(), "Unique within the namespace; cannot be changed."),
      Field("generateName", .string(), "Start of a name that the server completes."),
      Field("namespace", .string(), "Namespace that the name belongs to."),
      Field("selfLink", .string(), "No longer filled in."),
      Field("uid", .string(), "Unique over time and space; given by the server."),
      Field("resourceVersion", .string(), "Changes with every write; for watches and to detect conflicts."),
      Field("generation", .integer(bits: 64), "Counts the changes of what is wanted."),
      Field("creationTimestamp", .time, "When the object was made."),
      Field("deletionTimestamp", .time, "When the object goes, where its deletion was asked for."),
      Field("deletionGracePeriodSeconds", .integer(bits: 64), "Time that the object has to end."),
      Field("labels", .map(.string()), "Names and values to select objects by."),
      Field("annotations", .map(.string()), "Names and values that nothing is selected by."),
      Field(
        "ownerReferences", .list(.object(.ownerReference), .map(keys: ["uid"])), "Objects that this one goes with.",
        merge: MergeRule(key: "uid")),
      Field(
        "finalizers", .list(.string(), .set), "Who has to do something before the object goes.", merge: MergeRule()),
      Field("managedFields", .list(.object(.managedFieldsEntry), .atomic), "Which writer cares for which fields."),
    ])

  static let ownerReference: ObjectSchema = ObjectSchema(
    "io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference", "An object that another one goes with.", isAtomic: true,
    fields: [
      Field("apiVersion", .string(), "Group and version of the kind.", isRequired: true),
      Field("kind", .string(), "Name of the kind.", isRequired: true),
      Field("name", .string(), "Name of the owner.", isRequired: true),
      Field("uid", .string(), "Uid of the owner.", isRequired: true),
      Field("controller", .boolean, "Whether the owner manages this object."),
      Field(
        "blockOwnerDeletion", .boolean, "Whether the owner waits for this object when it is deleted in the foreground."),
    ])

  static let managedFieldsEntry: ObjectSchema = ObjectSchema(
    "io.k8s.apimachinery.pkg.apis.meta.v1.ManagedFieldsEntry", "Fields that one writer cares for.",
    fields: [
      Field("manager", .string(), "Who wrote the fields."),
      Field("operation", .string(), "How they were written: Apply or Update."),
      Field("apiVersion", .string(), "Version that the names of the fields belong to."),
      Field("time", .time, "When the fields were written last."),
      Field("fieldsType", .string(), "Form of the set of fields: FieldsV1."),
      Field("fieldsV1", .anything, "The set of fields."),
      Field("subresource", .string(), "Subresource that the fields were written through."),
    ])

  static let labelSelector: ObjectSchema = ObjectSchema(
    "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelector", "Selects objects by labels; an empty one selects all.",
    isAtomic: true,
    fields: [
      Field("matchLabels", .map(.string()), "Labels and the values they must have."),
      Field("matchExpressions", .list(.object(.labelSelectorRequirement), .atomic), "Requirements that must all hold."),
    ])

  static let labelSelectorRequirement: ObjectSchema = ObjectSchema(
    "io.k8s.apimachinery.pkg.apis.meta.v1.LabelSelectorRequirement", "A requirement on one label.",
    fields: [
      Field("key", .string(), "Name of the label.", isRequired: true),
      Field("operator", .string(), "How the values are compared.", isRequired: true),
      Field("values", .list(.string(), .atomic), "Values to compare with."),
    ])

  static let condition: ObjectSchema = ObjectSchema(
    "io.k8s.apimachinery.pkg.apis.meta.v1.Condition", "An observation about an object.",
    fields: [
      Field("type", .string(), "What the condition is about.", isRequired: true),
      Field("status", .string(), "True, False or Unknown.", isRequired: true),
      Field("observedGeneration", .integer(bits: 64), "Generation that the status was made from."),
      Field("lastTransitionTime", .time, "When the status of the condition changed last.", isRequired: true),
      Field("reason", .string(), "Why, in one word for programs.", isRequired: true),
      Field("message", .string(), "Why, for people.", isRequired: true),
    ])
}
