import HTTPServing
import Model
import OCITypes
import Registry
import Replication

/// Projects that show other registries.
extension RegistryAPI {
  /// The cache where it serves the repository.
  func cache(for name: RepositoryName) -> PullThroughCache? {
    cache.flatMap { $0.isCache(name) ? $0 : nil }
  }

  /// Throws the answer to a push into a cache project, which takes nothing but what its upstream has.
  func refusePush(to name: RepositoryName) throws {
    guard cache(for: name) != nil else { return }
    throw Refusal(
      response: RegistryErrorMap.response(
        .methodNotAllowed, code: "UNSUPPORTED",
        "project '\(name.project)' is a cache of another registry and cannot be pushed to"))
  }

  /// `GET` and `HEAD` of a manifest that comes from elsewhere where it is not here.
  func cachedManifest(
    _ request: HTTPRequest, _ name: RepositoryName, _ reference: ManifestReference, _ caller: any RegistryCaller,
    _ cache: PullThroughCache, _ epoch: ProjectEpoch?
  ) async throws -> HTTPResponse {
    let version = registry.version(of: name)
    var found = try await asking(for: "manifest '\(reference)' of '\(name)'") {
      try await request.whileClientListens { try await cache.manifest(reference, in: name, since: epoch) }
    }
    if case .tag = reference, MediaType(rawValue: found.mediaType).isIndex,
      !MediaRange.accepts(found.mediaType, request.headers),
      let one = try Self.single(found.bytes, request)
    {
      found = try await asking(for: "manifest '\(one)' of '\(name)'") {
        try await request.whileClientListens { try await cache.manifest(.digest(one), in: name, since: epoch) }
      }
    }
    let entry = HotAnswers.Entry(
      repository: name, version: version, reference: reference.description, digest: found.digest,
      headers: Self.manifestHeaders(found.mediaType, found.digest), bytes: found.bytes, mediaType: nil,
      action: .pullManifest)
    if request.method == .GET { access.record(entry.audit(caller)) }
    // What a tag names changes elsewhere, and only what the registry itself has changes its version.
    if case .digest = reference, MediaType(rawValue: found.mediaType).isManifest {
      hot.insert(entry, for: request.rawPath)
    }
    return entry.response(request)
  }

  /// Runs `body` and words its errors for a client that knows nothing of an upstream.
  func asking<R: Sendable>(for subject: String, _ body: () async throws -> R) async throws -> R {
    do {
      return try await body()
    } catch let error as UpstreamFailure {
      let status: HTTPStatus = error.kind == .silent ? .gatewayTimeout : .badGateway
      throw Refusal(response: RegistryErrorMap.response(status, code: "UNAVAILABLE", error.message))
    } catch let error as PlatformError {
      switch error.code {
      case .notFound: throw RegistryError(.manifestUnknown, "\(subject) is not known upstream")
      case .resourceExhausted:
        throw Refusal(
          response: RegistryErrorMap.response(.tooManyRequests, code: "TOOMANYREQUESTS", error.message))
      case .unavailable:
        throw Refusal(response: RegistryErrorMap.response(.serviceUnavailable, code: "UNAVAILABLE", error.message))
      // Whose credentials the upstream refuses, are the cache's: the client is not asked for others.
      case .unauthenticated, .forbidden:
        throw Refusal(response: RegistryErrorMap.response(.forbidden, code: "DENIED", error.message))
      case .invalidArgument:
        throw Refusal(response: RegistryErrorMap.response(.badGateway, code: "UNAVAILABLE", error.message))
      default: throw error
      }
    }
  }

  /// Tags and indexes of a cache project are known to the cache alone; true where it knew the reference.
  func forgetCached(_ reference: ManifestReference, in name: RepositoryName) throws -> Bool {
    try cache(for: name)?.forget(reference, in: name) ?? false
  }
}
