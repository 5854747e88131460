import ContainerEngine
import HTTPServing
import Logging
import Model

/// The Docker Engine API, versions 1.24 to 1.50, over the container engine. It translates; it decides nothing.
public final class DockerAPI: HTTPResponder {
  typealias Handler = @Sendable (DockerRequest) async throws -> HTTPResponse

  let engine: Engine
  let logger: Logger
  /// The product's version, as `docker version` shows it for the server.
  let version: String
  let summaries = ContainerSummaryCache()
  private let router: Router<Handler>

  /// How this API words errors; for the server that it is mounted on.
  public static var errorMapper: ErrorMapper { ErrorMap.mapper }

  public init(engine: Engine, logger: Logger, version: String) {
    self.engine = engine
    self.logger = logger
    self.version = version
    var routes = Routes()
    SystemRoutes.add(to: &routes)
    EventRoutes.add(to: &routes)
    ContainerRoutes.add(to: &routes)
    ContainerLifeRoutes.add(to: &routes)
    ContainerStreamRoutes.add(to: &routes)
    ArchiveRoutes.add(to: &routes)
    ExecRoutes.add(to: &routes)
    ImageRoutes.add(to: &routes)
    ImageTransferRoutes.add(to: &routes)
    RegistryRoutes.add(to: &routes)
    BootstrapRoutes.add(to: &routes)
    BuildContextRoutes.add(to: &routes)
    BuildRoutes.add(to: &routes)
    NetworkRoutes.add(to: &routes)
    ExposureRoutes.add(to: &routes)
    VolumeRoutes.add(to: &routes)
    VolumeArchiveRoutes.add(to: &routes)
    UnsupportedRoutes.add(to: &routes)
    router = routes.router(
      context: DockerContext(engine: engine, logger: logger, version: version, summaries: summaries))
  }

  /// Answers one request; see ``errorMapper`` for what it throws.
  public func respond(to request: HTTPRequest) async throws -> HTTPResponse {
    let (version, path) = try APIVersion.asked(by: request.path)
    let (handler, parameters) = try router.find(request.method, path)
    var response: HTTPResponse
    do {
      response = try await handler(DockerRequest(http: request, parameters: parameters, version: version))
    } catch let error as PlatformError where error.subject != nil {
      response = ErrorMap.response(error)
    }
    response.headers.add(name: "Api-Version", value: APIVersion.current.description)
    response.headers.add(name: "Docker-Experimental", value: "false")
    response.headers.add(name: "Ostype", value: "linux")
    response.headers.add(name: "Server", value: "Bulkhead/\(self.version) (linux)")
    return response
  }
}

/// What handlers work with.
struct DockerContext: Sendable {
  let engine: Engine
  let logger: Logger
  let version: String
  let summaries: ContainerSummaryCache

  /// The id of a network by its name; empty where it is gone.
  func networkID(_ name: String) -> String { (try? engine.network(name))?.id.hex ?? "" }
}

/// Collects the routes of the groups.
struct Routes {
  typealias ContextHandler = @Sendable (DockerRequest, DockerContext) async throws -> HTTPResponse

  private var list: [(HTTPMethod, String, ContextHandler)] = []

  mutating func on(_ method: HTTPMethod, _ pattern: String, _ handler: @escaping ContextHandler) {
    list.append((method, pattern, handler))
  }

  func router(context: DockerContext) -> Router<DockerAPI.Handler> {
    var router = Router<DockerAPI.Handler>()
    for (method, pattern, handler) in list { router.on(method, pattern) { try await handler($0, context) } }
    return router
  }
}
