import HTTPServing
import Logging
import Model
import Registry
import Replication

/// The OCI distribution API, version 1.1, over the registry: everything below `/v2/`. It translates; it decides nothing.
public final class RegistryAPI: HTTPResponder {
  let registry: Registry
  let access: any RegistryAccess
  let logger: Logger
  /// Serves the projects that show other registries.
  let cache: PullThroughCache?
  let hot = HotAnswers()

  /// How this API words errors; for the server that it is mounted on.
  public static var errorMapper: ErrorMapper { RegistryErrorMap.mapper }

  public init(registry: Registry, access: any RegistryAccess, cache: PullThroughCache? = nil, logger: Logger) {
    self.registry = registry
    self.cache = cache
    self.access = access
    self.logger = logger
  }

  /// Answers one request. Throws what only the server can answer; see ``errorMapper``.
  public func respond(to request: HTTPRequest) async throws -> HTTPResponse {
    var response: HTTPResponse
    do {
      response = try await answer(request)
    } catch let error as RegistryError {
      response = RegistryErrorMap.response(error)
    } catch let error as Refusal {
      response = error.response
    }
    // A body that nobody reads is thrown away by the server as far as it is short, else the connection ends.
    response.headers.add(name: "Docker-Distribution-Api-Version", value: "registry/2.0")
    return response
  }

  /// What is in memory and asked for by somebody who is known, answered on the event loop; nil for all else.
  public func respondAtOnce(to request: HTTPRequest) -> HTTPResponse? {
    guard request.method == .GET || request.method == .HEAD, let entry = hot.find(request.rawPath),
      // A blob that a client asks for before it pushes has to be kept for it, which takes the disk.
      request.method == .GET || entry.action == .pullManifest,
      registry.version(of: entry.repository) == entry.version, !request.headers.contains(name: "Range"),
      entry.isFor(request), let caller = access.authenticateAtOnce(request), caller.may(.pull, entry.repository)
    else { return nil }
    if request.method == .GET { access.record(entry.audit(caller)) }
    return entry.response(request)
  }

  private func answer(_ request: HTTPRequest) async throws -> HTTPResponse {
    let route = try DistributionRoute(request.path)
    // Before it is looked at who may: what comes in later is for the project as it is now.
    let epoch = route.repository.map { registry.epoch(of: $0.project) }
    let caller = try await authenticate(request, route)
    if request.method == .PUT || request.method == .DELETE { try access.requireRecording() }
    do {
      return try await answer(request, route, caller, epoch)
    } catch let error as RegistryError where error.isRefusal {
      noteRefusal(error, route, caller)
      throw error
    }
  }

  private func answer(
    _ request: HTTPRequest, _ route: DistributionRoute, _ caller: any RegistryCaller, _ epoch: ProjectEpoch?
  ) async throws -> HTTPResponse {
    switch route {
    case .base:
      if caller.isAnonymous { throw refusal(caller, [], request) }
      return HTTPResponse(contentType: "application/json", bytes: Array("{}".utf8))
    case .catalog: return try catalog(request, caller)
    case .tags(let name):
      try require(caller, [RegistryNeed(.pull, name)], request)
      return try await tags(request, name)
    case .referrers(let name, let digest):
      try require(caller, [RegistryNeed(.pull, name)], request)
      return try referrers(request, name, digest)
    case .manifest(let name, let reference):
      try require(caller, manifestNeeds(request.method, name), request)
      if request.method == .PUT { try refusePush(to: name) }
      return try await manifest(request, name, reference, caller, epoch)
    case .blob(let name, let digest):
      try require(caller, [RegistryNeed(request.method == .DELETE ? .delete : .pull, name)], request)
      return try blob(request, name, digest, caller)
    case .startUpload(let name):
      try require(caller, [RegistryNeed(.pull, name), RegistryNeed(.push, name)], request)
      try refusePush(to: name)
      return try await startUpload(request, name, caller, epoch)
    case .upload(let name, let id):
      try require(caller, [RegistryNeed(.pull, name), RegistryNeed(.push, name)], request)
      return try await upload(request, name, id, caller)
    }
  }

  private func manifestNeeds(_ method: HTTPMethod, _ name: RepositoryName) -> [RegistryNeed] {
    switch method {
    case .PUT: [RegistryNeed(.pull, name), RegistryNeed(.push, name)]
    case .DELETE: [RegistryNeed(.delete, name)]
    default: [RegistryNeed(.pull, name)]
    }
  }

  // MARK: - Who may

  /// An answer that ends the request.
  struct Refusal: Error {
    let response: HTTPResponse
  }

  private func authenticate(_ request: HTTPRequest, _ route: DistributionRoute) async throws -> any RegistryCaller {
    do {
      return try await access.authenticate(request)
    } catch let error as PlatformError where error.code == .unauthenticated {
      access.record(
        RegistryAudit(
          .refused, caller: "", from: request.remoteAddress, repository: "", reference: error.message))
      throw Refusal(response: challenge(error.message, [], request, error: "invalid_token"))
    } catch let error as PlatformError where error.code == .resourceExhausted {
      access.record(
        RegistryAudit(
          .refused, caller: "", from: request.remoteAddress, repository: "", reference: error.message))
      throw Refusal(response: RegistryErrorMap.response(.tooManyRequests, code: "TOOMANYREQUESTS", error.message))
    }
  }

  private func require(_ caller: any RegistryCaller, _ needs: [RegistryNeed], _ request: HTTPRequest) throws {
    guard needs.allSatisfy({ caller.may($0.permission, $0.repository) }) else { throw refusal(caller, needs, request) }
  }

  /// What the rules of a project refuse to somebody who may push or delete there.
  private func noteRefusal(_ error: RegistryError, _ route: DistributionRoute, _ caller: any RegistryCaller) {
    let subject = if case .manifest(_, let reference) = route { " \(reference)" } else { "" }
    access.record(
      RegistryAudit(
        .refused, caller: caller.name, from: caller.address, repository: route.repository?.description ?? "",
        reference: error.code.rawValue + subject))
  }

  private func refusal(_ caller: any RegistryCaller, _ needs: [RegistryNeed], _ request: HTTPRequest) -> Refusal {
    if let need = needs.first {
      access.record(
        RegistryAudit(
          .refused, caller: caller.name, from: caller.address,
          repository: caller.isAnonymous ? "" : need.repository.description,
          reference: needs.map(\.permission.rawValue).joined(separator: ",")))
    }
    let message = "the requested access to the resource is denied"
    if caller.isAnonymous {
      return Refusal(response: challenge("authentication is required", needs, request, error: nil))
    }
    if caller.canStepUp { return Refusal(response: challenge(message, needs, request, error: "insufficient_scope")) }
    return Refusal(response: RegistryErrorMap.response(.forbidden, code: "DENIED", message))
  }

  private func challenge(
    _ message: String, _ needs: [RegistryNeed], _ request: HTTPRequest, error: String?
  ) -> HTTPResponse {
    var response = RegistryErrorMap.response(.unauthorized, code: "UNAUTHORIZED", message)
    response.headers.add(
      name: "WWW-Authenticate", value: access.challenge(needs, request: request, error: error))
    return response
  }

  func methodNotAllowed(_ methods: String) -> Refusal {
    var response = RegistryErrorMap.response(
      .methodNotAllowed, code: "UNSUPPORTED", "method not allowed; this path takes \(methods)")
    response.headers.add(name: "Allow", value: methods)
    return Refusal(response: response)
  }
}
