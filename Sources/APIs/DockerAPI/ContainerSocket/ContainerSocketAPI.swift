import ContainerEngine
import HTTPServing
import LinuxSystem
import Logging
import Model
import Networking

/// What a container hears at an engine socket of its own: of its compose project's containers, their networks and images what
/// `ContainerView.outline` tells, and of nobody else anything. It reads; nothing that it is asked changes anything.
///
/// What is not listed here is refused, whatever `DockerAPI` learns besides.
final class ContainerSocketAPI: HTTPResponder {
  typealias Handler = @Sendable (DockerRequest, ProjectScope) async throws -> HTTPResponse

  private let engine: Engine
  private let version: String
  private let project: String?
  private let router: Router<Handler>

  /// - Parameter project: nil: the container belongs to none, and is told the versions only.
  init(engine: Engine, version: String, project: String?) {
    self.engine = engine
    self.version = version
    self.project = project
    router = Self.routes(engine: engine, version: version)
  }

  private static func routes(engine: Engine, version: String) -> Router<Handler> {
    var router = Router<Handler>()
    let list: [(String, Handler)] = [
      ("/containers/json", { request, scope in try scope.containers(request) }),
      ("/containers/{id}/json", { request, scope in try scope.container(request) }),
      ("/events", { request, scope in try scope.events(request) }),
      ("/networks", { request, scope in try scope.networks(request) }),
      ("/networks/{id}", { request, scope in try scope.network(request) }),
      ("/images/json", { _, scope in try scope.images() }),
      ("/info", { _, scope in scope.info(version: version) }),
    ]
    for (pattern, handler) in list {
      for method in [HTTPMethod.GET, .HEAD] { router.on(method, pattern, handler) }
    }
    return router
  }

  /// Throws `forbidden` for everything that is not on the list.
  func respond(to request: HTTPRequest) async throws -> HTTPResponse {
    let (asked, path) = try APIVersion.asked(by: request.path)
    var response = try await answer(request, path, asked)
    response.headers.add(name: "Api-Version", value: APIVersion.current.description)
    response.headers.add(name: "Ostype", value: "linux")
    response.headers.add(name: "Server", value: "Bulkhead/\(version) (linux)")
    return response
  }

  private func answer(_ request: HTTPRequest, _ path: [String], _ asked: APIVersion) async throws -> HTTPResponse {
    guard request.method == .GET || request.method == .HEAD, !request.isUpgrade else { throw Self.refusal }
    switch path {
    case ["_ping"]: return SystemRoutes.pong()
    case ["version"]: return .json(SystemResponse.version(try engine.info(), product: version))
    default: break
    }
    guard let (handler, parameters) = try? router.find(request.method, path) else { throw Self.refusal }
    guard let project else {
      throw PlatformError(
        .forbidden,
        "this container belongs to no compose project (label \(ContainerRecord.projectLabel)): its engine "
          + "socket tells the version only")
    }
    let wanted = DockerRequest(http: request, parameters: parameters, version: asked)
    return try await handler(wanted, ProjectScope(engine: engine, project: project))
  }

  private static let refusal = PlatformError(
    .forbidden,
    "an engine socket of a container reads what its compose project is: GET of /containers/json, /containers/ID/json, "
      + "/events, /networks, /networks/ID, /images/json, /info, /version and /_ping")
}
