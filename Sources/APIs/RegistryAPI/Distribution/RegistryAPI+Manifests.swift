import HTTPServing
import Model
import OCITypes
import Registry

extension RegistryAPI {
  private static let maximumTags = 32

  func manifest(
    _ request: HTTPRequest, _ name: RepositoryName, _ text: String, _ caller: any RegistryCaller,
    _ epoch: ProjectEpoch?
  ) async throws -> HTTPResponse {
    switch request.method {
    case .GET, .HEAD:
      let reference = try Self.reference(text, name)
      if let cache = cache(for: name) {
        return try await cachedManifest(request, name, reference, caller, cache, epoch)
      }
      return try getManifest(request, name, reference, caller)
    case .PUT:
      return try await putManifest(request, name, try ManifestReference(parsing: text), caller, epoch)
    case .DELETE:
      let reference = try Self.reference(text, name)
      try delete(reference, in: name)
      try record(reference, name, caller)
      return HTTPResponse(status: .accepted)
    default: throw methodNotAllowed("GET, HEAD, PUT, DELETE")
    }
  }

  private func delete(_ reference: ManifestReference, in name: RepositoryName) throws {
    let wasCached = try forgetCached(reference, in: name)
    do {
      switch reference {
      case .tag(let tag): try registry.deleteTag(tag, in: name)
      case .digest(let digest): try registry.deleteManifest(digest, in: name)
      }
    } catch let error as RegistryError where wasCached && [.manifestUnknown, .nameUnknown].contains(error.code) {
      // It was the cache's alone.
    }
  }

  static func manifestHeaders(_ mediaType: String, _ digest: Digest) -> HTTPHeaders {
    [
      "Content-Type": mediaType, "Docker-Content-Digest": digest.description, "ETag": "\"\(digest)\"",
      "X-Content-Type-Options": "nosniff",
    ]
  }

  /// A text that can be no tag names nothing, where something is asked for; a bad digest is an error everywhere.
  private static func reference(_ text: String, _ name: RepositoryName) throws -> ManifestReference {
    do {
      return try ManifestReference(parsing: text)
    } catch let error as RegistryError where error.code == .tagInvalid {
      throw RegistryError(.manifestUnknown, "manifest is not in repository '\(name)': \(error.message)")
    }
  }

  private func record(_ reference: ManifestReference, _ name: RepositoryName, _ caller: any RegistryCaller) throws {
    switch reference {
    case .tag(let tag):
      try access.recordDurably(
        RegistryAudit(
          .deleteTag, caller: caller.name, from: caller.address, repository: name.description, reference: tag))
    case .digest(let digest):
      try access.recordDurably(
        RegistryAudit(
          .deleteManifest, caller: caller.name, from: caller.address, repository: name.description,
          reference: digest.description,
          digest: digest))
    }
  }

  private func getManifest(
    _ request: HTTPRequest, _ name: RepositoryName, _ reference: ManifestReference, _ caller: any RegistryCaller
  ) throws -> HTTPResponse {
    let version = registry.version(of: name)
    var stored = try registry.manifest(reference, in: name)
    var dependsOnAccept: String?
    if case .tag = reference, MediaType(rawValue: stored.mediaType).isIndex {
      dependsOnAccept = stored.mediaType
      if !MediaRange.accepts(stored.mediaType, request.headers), let one = try Self.single(stored.bytes, request) {
        stored = try registry.manifest(.digest(one), in: name)
        dependsOnAccept = nil
      }
    }
    let entry = HotAnswers.Entry(
      repository: name, version: version, reference: reference.description, digest: stored.digest,
      headers: Self.manifestHeaders(stored.mediaType, stored.digest), bytes: stored.bytes, mediaType: dependsOnAccept,
      action: .pullManifest)
    if request.method == .GET { access.record(entry.audit(caller)) }
    // An image picked out of an index is an answer to this client only.
    let isPicked = dependsOnAccept == nil && stored.digest != (try? registry.resolve(reference, in: name).digest)
    if !isPicked { hot.insert(entry, for: request.rawPath) }
    return entry.response(request)
  }

  /// The image for linux/amd64 of an index, for clients that know no indexes, as docker's registry hands it out; nil
  /// where there is none that the client takes.
  static func single(_ index: [UInt8], _ request: HTTPRequest) throws -> Digest? {
    let parsed = try ImageDocuments.index(from: index)
    return parsed.manifests.first { descriptor in
      descriptor.platform.map { $0.os == "linux" && $0.architecture == "amd64" } ?? false
        && MediaRange.accepts(descriptor.mediaType.rawValue, request.headers)
    }?.digest
  }

  private func putManifest(
    _ request: HTTPRequest, _ name: RepositoryName, _ reference: ManifestReference, _ caller: any RegistryCaller,
    _ epoch: ProjectEpoch?
  ) async throws -> HTTPResponse {
    let tags = try tags(request, beside: reference)
    let bytes = try await request.body.collect(limit: ImageDocuments.maximumManifestBytes)
    do {
      try JSONLimits.check(bytes, maxBytes: ImageDocuments.maximumManifestBytes)
    } catch let error as HTTPRefusal {
      throw RegistryError(.manifestInvalid, error.message)
    }
    let push = try registry.putManifest(
      bytes, as: reference, tags: tags, mediaType: request.headers["Content-Type"].first, in: name,
      since: epoch, by: caller.name)
    try access.recordDurably(
      RegistryAudit(
        .pushManifest, caller: caller.name, from: caller.address, repository: name.description,
        reference: reference.description,
        digest: push.digest))
    var response = HTTPResponse(
      status: .created,
      headers: [
        "Location": "/v2/\(name)/manifests/\(push.digest)", "Docker-Content-Digest": push.digest.description,
      ])
    if let subject = push.subject { response.headers.add(name: "OCI-Subject", value: subject.description) }
    for tag in tags { response.headers.add(name: "OCI-Tag", value: tag) }
    return response
  }

  /// The tags that a manifest pushed by its digest is to have as well (distribution specification, *Pushing Manifests*).
  private func tags(_ request: HTTPRequest, beside reference: ManifestReference) throws -> [String] {
    guard case .digest = reference else { return [] }
    let texts = request.query.all("tag")
    guard texts.count <= Self.maximumTags else {
      throw Refusal(
        response: RegistryErrorMap.response(
          .uriTooLong, code: "TAG_INVALID", "at most \(Self.maximumTags) tags are set with one request"))
    }
    return try texts.map { text in
      guard case .tag(let tag) = try ManifestReference(parsing: text) else {
        throw RegistryError(.tagInvalid, "the parameter 'tag' is a digest")
      }
      return tag
    }
  }
}
