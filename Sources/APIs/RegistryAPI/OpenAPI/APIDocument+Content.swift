import Registry
import Replication

/// Settings of projects and what they hold.
extension APIDocument {
  static let content: [APIOperation] = [
    APIOperation(
      .GET, "/projects/{name}/settings", "getSettings", .projects, "Quota, immutable tags and retention of a project.",
      gives: .json(.reference("Settings"))),
    APIOperation(
      .PUT, "/projects/{name}/settings", "setSettings", .projects,
      "Sets all of them. Only administrators of the server change the quota; when others leave it out it stays.",
      body: .reference("Settings"), gives: .json(.reference("Settings"))),
    APIOperation(
      .GET, "/projects/{name}/usage", "getUsage", .projects, "What a project holds, each blob counted once.",
      gives: .json(.reference("Usage"))),
    APIOperation(
      .POST, "/projects/{name}/retention", "applyRetention", .projects, "Removes what the retention rules do not keep.",
      query: [APIOperation.Parameter("dryRun", .boolean("Only tells what would go"))],
      gives: .json(.array(.reference("Decision")))),
    APIOperation(
      .GET, "/projects/{name}/repositories", "listRepositories", .projects, "Repositories of a project.",
      query: APIOperation.Parameter.paging, gives: .page(of: .reference("Repository"))),
    APIOperation(
      .DELETE, "/projects/{name}/repositories", "removeRepository", .projects,
      "Removes a repository with all it holds.",
      query: [repository], gives: .nothing),
    APIOperation(
      .GET, "/projects/{name}/artifacts", "listArtifacts", .projects, "Manifests of a repository with their tags.",
      query: [repository] + APIOperation.Parameter.paging, gives: .page(of: .reference("Artifact"))),
    APIOperation(
      .DELETE, "/projects/{name}/artifacts", "removeArtifact", .projects,
      "Removes a tag, or by its digest a manifest with its tags.",
      query: [repository, APIOperation.Parameter("reference", .string("A tag or a digest"))], gives: .nothing),
  ]

  private static let repository = APIOperation.Parameter("repository", .string("Its full name, as team/app"))

  private static func pattern(_ subject: String) -> DocumentValue {
    .string("Pattern of '*' and '?' over \(subject); everything when not given")
  }

  static let contentSchemas: [String: DocumentValue] = [
    "Cache": .object(
      "What a cache project shows.",
      [
        "peer": .string("The peer's name"),
        "remotePath?": .string("What stands there in the project's place; nothing when not given"),
        "freshSeconds?": .integer(
          "How long a tag is believed; \(CacheProject.standardFreshSeconds) when not given", in: CacheProject.freshRange
        ),
      ]),
    "Settings": .object(
      "Settings of a project.",
      [
        "quotaBytes?": .integer("Bytes that it may hold, each blob counted once; no bound when not given"),
        "immutability?": .array(
          .object(
            "Tags that are set once.", ["repositories?": pattern("full names"), "tags?": pattern("tags")]),
          atMost: Int64(ProjectSettings.maximumRules)),
        "retention?": .array(
          .object(
            "What is kept of the tags that match; one of the three numbers is needed.",
            [
              "repositories?": pattern("full names"), "tags?": pattern("tags"),
              "keepNewest?": .integer("So many of each repository"),
              "keepDays?": .integer("Set within these days", in: 0...36_500),
              "untaggedDays?": .integer("Manifests without a tag go after these days", in: 0...36_500),
            ]), atMost: Int64(ProjectSettings.maximumRules)),
      ]),
    "Usage": .object(
      "What a project holds.",
      ["usedBytes": .integer("Bytes, each blob counted once"), "quotaBytes?": .integer("Bytes that it may hold")]),
    "Decision": .object(
      "What retention does with a tag, or with a manifest without one.",
      [
        "repository": .string("Its full name"), "tag?": .string("The tag"), "digest": .string("The manifest"),
        "isKept": .boolean("Whether it stays"), "reason": .string("Why"),
      ]),
    "Repository": .object(
      "A repository.",
      [
        "name": .string("Its full name, as team/app"), "manifests": .integer("Manifests in it"),
        "createdAt": .moment("When something was first pushed to it"),
      ]),
    "Artifact": .object(
      "A manifest.",
      [
        "digest": .string("Its digest"), "mediaType": .string("Its type"),
        "artifactType?": .string("What it is, where it is no image"), "subject?": .string("The manifest it refers to"),
        "size": .integer("Bytes of it and of the blobs that it names itself"),
        "pushedAt": .moment("When it was pushed"),
        "pushedBy": .string("By whom"), "tags": .array(["type": "string"]),
      ]),
  ]
}
