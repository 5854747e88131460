import Accounts
import Model
import Registry
import Replication

extension APIDocument {
  /// The documents that routes take and give, by name.
  static let schemas = accountSchemas.merging(credentialSchemas) { $1 }.merging(registrySchemas) { $1 }.merging(
    contentSchemas
  ) { $1 }.merging(
    replicationSchemas
  ) { $1 }.merging(statusSchemas) { $1 }

  /// The schemas as they are published: those of what is taken are closed.
  static var published: [String: DocumentValue] {
    var taken: Set<String> = []
    for operation in operations { operation.body?.collectReferences(into: &taken) }
    var known = 0
    while known < taken.count {
      known = taken.count
      for name in taken { schemas[name]?.collectReferences(into: &taken) }
    }
    return schemas.reduce(into: schemas) { all, schema in
      if taken.contains(schema.key) { all[schema.key] = schema.value.closed }
    }
  }

  private static let name = DocumentValue.string(
    "Lower-case letters and digits, parted by single '.', '-' or '_'", of: 1...63,
    like: "^[a-z0-9]+(?:[._-][a-z0-9]+)*$")
  private static let password = DocumentValue.string("12 to 256 bytes", of: 12...256)
  private static let ruleName = DocumentValue.string(
    "Lower-case letters, digits and '-'", of: 1...64, like: "^[a-z0-9][a-z0-9-]*$")
  private static let roles = Role.allCases.map(\.rawValue)

  private static let accountSchemas: [String: DocumentValue] = [
    "Problem": .object(
      "RFC 9457.",
      [
        "title": .string("The status in words"), "status": .integer("The HTTP status"),
        "detail": .string("What went wrong, and what to do"),
      ]),
    "RegistryErrors": .object(
      "The form of the OCI distribution API.",
      [
        "errors": .array(
          .object(
            "An error.",
            ["code": .string("In capitals"), "message": .string("What went wrong"), "detail?": ["type": "object"]]))
      ]),
    "User": .object(
      "A user.", ["name": name, "isAdministrator": .boolean("May everything, in every project")]),
    "NewUser": .object(
      "A user to be.",
      [
        "name": name, "password": password,
        "isAdministrator?": .boolean("May everything, in every project; false when not given"),
      ]),
    "NewPassword": .object("A password.", ["password": password]),
    "Project": .object(
      "A project.",
      [
        "name": name, "isPublic": .boolean("Everybody may pull"),
        "members": .map(.choice(roles, "The role"), "Roles by users; empty for those who are not to know"),
        "cache?": .reference("Cache"),
      ]),
    "NewProject": .object(
      "A project to be.",
      [
        "name": name, "isPublic?": .boolean("Everybody may pull; false when not given"),
        "quotaBytes?": .integer("Bytes that it may hold, each blob counted once; no bound when not given"),
        "cache?": .reference("Cache"),
      ]),
    "ProjectChange": .object("What of a project changes.", ["isPublic": .boolean("Everybody may pull")]),
    "Membership": .object("What a user is in a project.", ["role": .choice(roles, "The role")]),
  ]

  private static let registrySchemas: [String: DocumentValue] = [
    "Collection": .object(
      "What a garbage collection removed.",
      [
        "unlinkedBlobs": .integer("Blobs that repositories do not show any more"),
        "removedBlobs": .integer("Blobs removed from the store"), "removedBytes": .integer("Their bytes"),
        "freedDiskBytes": .integer("What the file system got back"),
        "expiredUploads": .integer("Uploads that were given up"),
        "removedRepositories": .integer("Repositories that were empty"),
      ]),
    "Check": .object(
      "What a check found.",
      [
        "findings": .array(
          .object(
            "Something that is wrong.",
            [
              "kind": .choice(RegistryCheck.Kind.allCases.map(\.rawValue), "What is wrong"),
              "subject": .string("What it is about"), "detail": .string("In words"),
              "isRepaired": .boolean("Nothing has to be done any more"),
            ]), atMost: Int64(RegistryCheck.maximumFindings)),
        "furtherFindings": .integer("Findings beyond the list"), "blobs": .integer("Blobs looked at"),
        "manifests": .integer("Manifests looked at"),
      ]),
  ]

  private static let replicationSchemas: [String: DocumentValue] = [
    "Peer": .object(
      "Another registry.",
      [
        "name?": ruleName, "host": .string("HOST or HOST:PORT", of: 1...300),
        "user?": .string("Who we are there"), "password?": .string("Taken and never given"),
        "isInsecure?": .boolean("May be spoken to by plain HTTP, or with a certificate that nobody vouches for"),
      ]),
    "Rule": .object(
      "What is copied where, and when.",
      [
        "name?": ruleName,
        "direction": .choice(ReplicationRule.Direction.allCases.map(\.rawValue), "push: to the peer; pull: from it"),
        "peer": ruleName, "project": name,
        "remotePath?": .string("What stands there in the project's place; its name when not given", of: 1...255),
        "repositories?": patterns("Repositories below the project; all when not given"),
        "tags?": patterns("Tags; all when not given"), "trigger?": trigger,
        "replacesTags?": .boolean("False: a tag that the other side has stays as it is; true when not given"),
        "isEnabled?": .boolean("False: it does not run by itself; true when not given"),
      ]),
    "Execution": .object(
      "A run of a rule.",
      [
        "id": .string("Rises with time"), "rule": .string("The rule's name"),
        "cause": .choice(ReplicationExecution.Cause.allCases.map(\.rawValue), "Why it ran"),
        "startedAt": .moment("Its begin"), "endedAt?": .moment("Its end"),
        "state": .choice(ReplicationExecution.State.allCases.map(\.rawValue), "How it stands"),
        "attempts": .integer("How often it was tried"), "copied": .integer("Tags copied"),
        "skipped": .integer("Tags that the other side had"), "failed": .integer("Tags that could not be copied"),
        "failures": .array(
          .object(
            "Something that could not be copied.",
            ["subject": .string("The image, or the rule"), "message": .string("Why")]),
          atMost: Int64(ReplicationExecution.maximumFailures)),
      ]),
  ]

  private static func patterns(_ description: String) -> DocumentValue {
    .array(
      ["type": "string", "minLength": 1, "maxLength": .number(Int64(GlobPattern.maximumBytes))],
      "\(description): patterns of '*' and '?'", atMost: Int64(ReplicationRule.maximumPatterns)
    ).with(["minItems": 1])
  }

  /// One member says which kind it is.
  private static let trigger: DocumentValue = [
    "description": "When it runs; when somebody asks for it, when not given.",
    "oneOf": [
      .object("When somebody asks for it.", ["manual": .object("Nothing.", [:])]),
      .object("After each push into the project; for rules that push.", ["onPush": .object("Nothing.", [:])]),
      .object(
        "By time.",
        [
          "every": .object(
            "Between two runs.",
            ["seconds": .integer("Seconds", in: ReplicationRule.shortestSeconds...(1 << 53))])
        ]),
      .object(
        "By a schedule in UTC.",
        ["cron": .object("Five fields as in crontab(5).", ["_0": .string("MINUTE HOUR DAY MONTH WEEKDAY")])]),
    ],
  ]
}
