import Accounts
import HTTPServing
import Model
import Registry

/// What a project holds: repositories, and the manifests in them with their tags.
enum ArtifactRoutes {
  private struct Repository: Encodable {
    /// With the project: `team/app`.
    var name: String
    var manifests: Int
    /// Seconds since 1970.
    var createdAt: Int64
  }

  private struct Artifact: Encodable {
    var digest: String
    var mediaType: String
    var artifactType: String?
    /// Bytes of the manifest and of the blobs that it names itself.
    var size: Int64
    /// Seconds since 1970.
    var pushedAt: Int64
    var pushedBy: String
    var subject: String?
    var tags: [String]
  }

  static func add(to router: inout Router<ManagementAPI.Handler>) {
    router.on(.GET, "/api/v1/projects/{name}/repositories") { call, api in
      let name = call.parameters["name"]
      try api.require(call, .pull, in: name)
      let page = try ListPage(call.request)
      // One more than asked for tells whether there is more.
      let found = try api.registry.repositories(after: page.after ?? "", in: name, limit: page.limit)
      let last = found.last?.name.description
      let hasMore =
        try found.count == page.limit
        && !api.registry.repositories(after: last ?? "", in: name, limit: 1).isEmpty
      return try page.answer(
        page: found.map {
          Repository(name: $0.name.description, manifests: $0.manifests, createdAt: $0.createdAt)
        }, next: hasMore ? last : nil)
    }
    router.on(.DELETE, "/api/v1/projects/{name}/repositories") { call, api in
      let repository = try repository(call)
      try api.require(call, .delete, in: repository.project)
      try api.registry.deleteRepository(repository)
      api.note(call, "repository deleted", repository.description)
      return HTTPResponse(status: .noContent)
    }
    router.on(.GET, "/api/v1/projects/{name}/artifacts") { call, api in
      let repository = try repository(call)
      try api.require(call, .pull, in: repository.project)
      let page = try ListPage(call.request)
      let after = try page.after.map { try RegistryError.digest($0) }
      let found = try api.registry.artifacts(in: repository, after: after, limit: page.limit)
      let last = found.last?.digest
      let hasMore =
        try found.count == page.limit
        && !api.registry.artifacts(in: repository, after: last, limit: 1).isEmpty
      return try page.answer(page: found.map(shown), next: hasMore ? last?.description : nil)
    }
    router.on(.DELETE, "/api/v1/projects/{name}/artifacts") { call, api in
      let repository = try repository(call)
      try api.require(call, .delete, in: repository.project)
      guard let text = call.request.query["reference"] else {
        throw PlatformError(.invalidArgument, "parameter 'reference' is missing: a tag or a digest")
      }
      let reference = try ManifestReference(parsing: text)
      switch reference {
      case .tag(let tag): try api.registry.deleteTag(tag, in: repository)
      case .digest(let digest): try api.registry.deleteManifest(digest, in: repository)
      }
      api.note(call, "artifact deleted", "\(repository) \(reference)")
      return HTTPResponse(status: .noContent)
    }
  }

  private static func shown(_ artifact: Registry.Artifact) -> Artifact {
    Artifact(
      digest: artifact.digest.description, mediaType: artifact.mediaType, artifactType: artifact.artifactType,
      size: artifact.totalBytes, pushedAt: artifact.pushedAt, pushedBy: artifact.pushedBy,
      subject: artifact.subject?.description, tags: artifact.tags)
  }

  /// The repository that the query names, which has to lie in the project of the path.
  private static func repository(_ call: ManagementAPI.Call) throws -> RepositoryName {
    guard let text = call.request.query["repository"] else {
      throw PlatformError(.invalidArgument, "parameter 'repository' is missing: its full name, as 'team/app'")
    }
    let repository = try RepositoryName(parsing: text)
    guard repository.project == call.parameters["name"] else {
      throw PlatformError(
        .invalidArgument, "parameter 'repository': '\(repository)' is not in project '\(call.parameters["name"])'")
    }
    return repository
  }
}
