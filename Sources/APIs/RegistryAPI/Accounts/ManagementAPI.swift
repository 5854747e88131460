import Accounts
import HTTPServing
import LinuxSystem
import Logging
import Model
import OCITypes
import Registry
import Replication

/// The management of users, projects and the registry as a whole, below `/api/v1/`, in JSON. It translates; it decides
/// nothing but who may.
public final class ManagementAPI: HTTPResponder {
  struct Call: Sendable {
    let request: HTTPRequest
    let principal: Principal
    let parameters: RouteParameters
    /// What it changed, for the audit.
    let changes = Changes()

    /// The project that its path names; empty for none.
    var project: String {
      request.path.count > 3 && request.path[2] == "projects" ? request.path[3] : ""
    }
  }

  final class Changes: Sendable {
    private let entries = Locked<[AuditEntry]>([])

    func add(_ entry: AuditEntry) { entries.withLock { $0.append(entry) } }
    var all: [AuditEntry] { entries.withLock { $0 } }
  }
  typealias Handler = @Sendable (Call, ManagementAPI) async throws -> HTTPResponse

  static let maximumBodyBytes = 64 << 10

  let accounts: AccountStore
  let registry: Registry
  let replicator: Replicator
  let replication: ReplicationStore
  let cache: PullThroughCache
  /// The certificate that clients are to trust (PEM).
  let authority: String
  /// Reads the engine's page of metrics. Blocks.
  let engineMetrics: @Sendable () throws -> [UInt8]
  let facts: any ServerFacts
  let startedAt = Double(Clock.realTimeNanoseconds()) / 1e9
  let logger: Logger
  let access: AccountsAccess
  private let router: Router<Handler>

  public init(
    accounts: AccountStore, registry: Registry, replicator: Replicator, replication: ReplicationStore,
    cache: PullThroughCache, access: AccountsAccess, authority: String, facts: any ServerFacts,
    engineMetrics: @escaping @Sendable () throws -> [UInt8], logger: Logger
  ) {
    self.accounts = accounts
    self.registry = registry
    self.replicator = replicator
    self.replication = replication
    self.cache = cache
    self.access = access
    self.authority = authority
    self.engineMetrics = engineMetrics
    self.facts = facts
    self.logger = logger
    router = Self.routes()
  }

  /// All routes; each is described in `APIDocument`, too.
  static func routes() -> Router<Handler> {
    var router = Router<Handler>()
    IdentityRoutes.add(to: &router)
    UserRoutes.add(to: &router)
    AccessTokenRoutes.add(to: &router)
    TokenService.add(to: &router)
    ProjectRoutes.add(to: &router)
    ProjectSettingsRoutes.add(to: &router)
    ArtifactRoutes.add(to: &router)
    RobotRoutes.add(to: &router)
    ReplicationRoutes.add(to: &router)
    UpkeepRoutes.add(to: &router)
    AuditRoutes.add(to: &router)
    MetricsRoutes.add(to: &router)
    ServerRoutes.add(to: &router)
    StatusRoutes.add(to: &router)
    return router
  }

  public func respond(to request: HTTPRequest) async throws -> HTTPResponse {
    do {
      let (handler, parameters) = try router.find(request.method, request.path)
      let call = Call(request: request, principal: try await access.principal(of: request), parameters: parameters)
      return try await carryOut(call, handler)
    } catch let error as PlatformError {
      if [.unauthenticated, .forbidden, .resourceExhausted].contains(error.code) {
        logger.notice(
          "management refused",
          metadata: [
            "path": "\(request.rawPath.prefix(200))", "from": "\(request.remoteAddress ?? "local")",
            "reason": "\(error.message)",
          ])
      }
      return try Self.answer(error, logger)
    } catch let error as RegistryError {
      return try Self.answer(error.platformError, logger)
    } catch let error as RouteError {
      switch error {
      case .notFound: return try Self.problem(.notFound, "there is no such route")
      case .methodNotAllowed(let allowed):
        var answer = try Self.problem(.methodNotAllowed, "this route takes \(allowed.joined(separator: ", "))")
        answer.headers.add(name: "Allow", value: allowed.joined(separator: ", "))
        return answer
      }
    }
  }

  /// Nothing is changed while the audit cannot be written, and nothing that was changed is acknowledged before the audit has it.
  private func carryOut(_ call: Call, _ handler: Handler) async throws -> HTTPResponse {
    // The token service changes nothing: who only pulls goes on.
    if call.request.method != .GET, call.request.path != ["api", "v1", "token"] { try access.audit.require() }
    do {
      let response = try await handler(call, self)
      try access.audit.commit(call.changes.all)
      return response
    } catch {
      try access.audit.commit(call.changes.all)
      let code = (error as? PlatformError)?.code
      if code == .forbidden || code == .unauthenticated || (error as? RegistryError)?.isRefusal == true {
        // Of strangers nothing that they choose: else they could push out by many rows what others did.
        let isStranger = call.principal == .anonymous
        access.audit.note(
          AuditEntry(
            "refused", caller: call.principal.name, project: isStranger ? "" : call.project,
            reference: isStranger ? "" : "\(call.request.method.rawValue) \(call.request.rawPath)",
            from: call.request.remoteAddress, outcome: .refused))
      }
      throw error
    }
  }

  // MARK: - For the routes

  /// Throws `forbidden` for tokens: what they would make could outlive them, so that a stolen one were never over.
  func requireNoToken(_ call: Call) throws {
    if case .token = call.principal {
      throw PlatformError(.forbidden, "a token makes and changes no credentials: sign in with the password")
    }
  }

  /// Throws `unauthenticated` for nobody in particular, `forbidden` for the rest who are no administrators.
  func requireAdministrator(_ call: Call) throws {
    if call.principal == .anonymous { throw PlatformError(.unauthenticated, "sign in first") }
    guard accounts.isAdministrator(call.principal) else {
      throw PlatformError(.forbidden, "only administrators may do this")
    }
  }

  /// Throws the same for a project that is not there and for one that is closed to the caller.
  /// - Parameter repository: the whole name of the one that it is about; nil for the project as a whole.
  func require(_ call: Call, _ action: Role.Action, in project: String, repository: String? = nil) throws {
    if accounts.allows(call.principal, action, in: project, repository: repository) { return }
    if call.principal == .anonymous { throw PlatformError(.unauthenticated, "sign in first") }
    if accounts.isAdministrator(call.principal) { _ = try accounts.project(project) }
    throw PlatformError(.forbidden, "you may not do this in project '\(project.prefix(80))', or it is not there")
  }

  /// The request's body, which holds what its schema describes and nothing else. Throws `invalidArgument` with the member or the
  /// byte that is wrong and what was expected.
  func body<T: DescribedBody>(_ type: T.Type, of call: Call) async throws -> T {
    let bytes = try await call.request.body.collect(limit: Self.maximumBodyBytes)
    try DocumentCheck.check(try Self.parse(bytes), against: .reference(T.schema))
    return try ImageDocuments.decode(type, from: bytes, limit: Self.maximumBodyBytes, named: "the request's body")
  }

  /// Throws `invalidArgument` where a request that takes no body has one: what it says would be ignored.
  func requireNoBody(_ call: Call) async throws {
    let bytes = try await call.request.body.collect(limit: Self.maximumBodyBytes)
    if bytes.isEmpty { return }
    try DocumentCheck.check(try Self.parse(bytes), against: .object("Nothing.", [:]))
  }

  private static func parse(_ bytes: [UInt8]) throws -> JSONValue {
    do {
      return try JSONParser.parse(bytes)
    } catch let error as HTTPRefusal {
      throw PlatformError(.invalidArgument, "the request's body: \(error.message)")
    }
  }

  /// A security-relevant change: it goes to the log and the audit with its author.
  func note(_ call: Call, _ change: String, _ subject: String) {
    call.changes.add(
      AuditEntry(
        "change", caller: call.principal.name, project: call.project,
        reference: subject.isEmpty ? change : "\(change): \(subject)", from: call.request.remoteAddress))
    logger.notice(
      "account change",
      metadata: [
        "caller": "\(call.principal.name)", "change": "\(change)", "subject": "\(subject)",
        "from": "\(call.request.remoteAddress ?? "local")",
      ])
  }

  static func json(_ value: some Encodable, status: HTTPStatus = .ok) throws -> HTTPResponse {
    HTTPResponse(status: status, contentType: "application/json", bytes: try ImageDocuments.encode(value))
  }

  // MARK: - Errors

  /// Source: RFC 9457.
  private struct Problem: Encodable {
    var title: String
    var status: UInt
    var detail: String
  }

  private static func problem(_ status: HTTPStatus, _ detail: String) throws -> HTTPResponse {
    let problem = Problem(title: status.reasonPhrase, status: status.code, detail: detail)
    return HTTPResponse(
      status: status, contentType: "application/problem+json", bytes: try ImageDocuments.encode(problem))
  }

  static func answer(_ error: PlatformError, _ logger: Logger) throws -> HTTPResponse {
    let status: HTTPStatus
    switch error.code {
    case .invalidArgument: status = .badRequest
    case .notFound: status = .notFound
    case .conflict: status = .conflict
    case .notModified: status = .notModified
    case .forbidden: status = .forbidden
    case .unauthenticated: status = .unauthorized
    case .resourceExhausted: status = error.isDiskFull ? .insufficientStorage : .tooManyRequests
    case .notImplemented: status = .notImplemented
    case .unavailable: status = .serviceUnavailable
    case .cancelled, .internal: throw error
    }
    var answer = try problem(status, error.message)
    if status == .unauthorized {
      answer.headers.add(name: "WWW-Authenticate", value: AccountsAccess.basicChallenge)
    }
    return answer
  }
}
