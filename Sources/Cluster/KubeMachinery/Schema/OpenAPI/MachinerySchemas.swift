/// Documents of the API itself that belong to no kind: lists' metadata, options of requests, statuses.
/// Source: Kubernetes `meta/v1`.
public enum MachinerySchemas {
  private static let package = "io.k8s.apimachinery.pkg.apis.meta.v1."
  private static let kind = Field("kind", .string(), "Name of the kind.")
  private static let apiVersion = Field("apiVersion", .string(), "Group and version of the kind.")

  static let listMeta: ObjectSchema = ObjectSchema(
    package + "ListMeta", "What every list says about itself.",
    fields: [
      Field("continue", .string(), "Where the next page goes on; empty at the end."),
      Field("remainingItemCount", .integer(bits: 64), "How many items follow, about."),
      Field("resourceVersion", .string(), "Version of the list; a watch can begin there."),
      Field("selfLink", .string(), "No longer filled in."),
    ])

  static let preconditions: ObjectSchema = ObjectSchema(
    package + "Preconditions", "What must hold for an object to be deleted.",
    fields: [
      Field("resourceVersion", .string(), "Version that the object must have."),
      Field("uid", .string(), "Uid that the object must have."),
    ])

  public static let deleteOptions: ObjectSchema = ObjectSchema(
    package + "DeleteOptions", "How an object is deleted.",
    fields: [
      kind, apiVersion,
      Field("dryRun", .list(.string(), .atomic), "All: nothing is written."),
      Field("gracePeriodSeconds", .integer(bits: 64), "Time that the object has to end."),
      Field("ignoreStoreReadErrorWithClusterBreakingPotential", .boolean, "Deletes what cannot be read."),
      Field("orphanDependents", .boolean, "Older form of propagationPolicy."),
      Field("preconditions", .object(preconditions), "What must hold for the object to be deleted."),
      Field("propagationPolicy", .string(), "What becomes of dependents: Orphan, Background or Foreground."),
    ])

  static let statusCause: ObjectSchema = ObjectSchema(
    package + "StatusCause", "One reason for a failure.",
    fields: [
      Field("field", .string(), "Field that is at fault."),
      Field("message", .string(), "What is wrong, for people."),
      Field("reason", .string(), "What is wrong, in one word."),
    ])

  static let statusDetails: ObjectSchema = ObjectSchema(
    package + "StatusDetails", "What a status is about.",
    fields: [
      Field("causes", .list(.object(statusCause), .atomic), "All reasons for a failure."),
      Field("group", .string(), "Group of the resource."),
      Field("kind", .string(), "Name of the resource."),
      Field("name", .string(), "Name of the object."),
      Field("retryAfterSeconds", .integer(bits: 32), "Time after which another try makes sense."),
      Field("uid", .string(), "Uid of the object."),
    ])

  static let status: ObjectSchema = ObjectSchema(
    package + "Status", "Outcome of a request that answers no object.",
    fields: [
      kind, apiVersion,
      Field("code", .integer(bits: 32), "HTTP status."),
      Field("details", .object(statusDetails), "What it is about."),
      Field("message", .string(), "What happened, for people."),
      Field("metadata", .object(listMeta), "What every list says about itself."),
      Field("reason", .string(), "What happened, in one word."),
      Field("status", .string(), "Success or Failure."),
    ])

  static let patch: ObjectSchema = ObjectSchema(
    package + "Patch", "A patch in the form that its media type names.", fields: [])

  static let watchEvent: ObjectSchema = ObjectSchema(
    package + "WatchEvent", "One event of a watch.",
    fields: [
      Field("object", .anything, "The object as it is after the event.", isRequired: true),
      Field("type", .string(), "ADDED, MODIFIED, DELETED, BOOKMARK or ERROR.", isRequired: true),
    ])

  /// Published whatever kinds there are.
  static let all: [ObjectSchema] = [deleteOptions, status, patch, watchEvent]

  /// The schema of a kind's lists.
  static func list(of kind: Kind) -> ObjectSchema {
    ObjectSchema(
      kind.schema.name + "List", "A list of objects of the kind \(kind.name.kind).",
      fields: [
        apiVersion, Field("items", .list(.object(kind.schema), .atomic), "The objects.", isRequired: true),
        MachinerySchemas.kind, Field("metadata", .object(listMeta), "What every list says about itself."),
      ])
  }
}
