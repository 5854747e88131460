import FoundationEssentials
import HTTPServing
import KubeMachinery
import LinuxSystem
import Logging
import Synchronization

/// The Kubernetes API over HTTP: finds out what is asked for and in which form, asks the machinery, and writes what it says.
/// Decides nothing itself.
public final class KubernetesAPI: HTTPResponder {
  public struct Bounds: Sendable {
    /// Watches at once.
    public var watches = 4_096
    /// The longest watch, in seconds.
    public var watchSeconds: Int64 = 3_600
    /// How long a watching client may take for what was sent, in milliseconds.
    public var watchWriteMilliseconds: Int64 = 30_000

    /// Logs, commands and forwarded connections of pods at once, of all users and of each.
    public var streams = 1_000
    public var streamsOfUser = 256

    /// Documents that are read at once for a list or for what a watch tells first. An agent takes a page of it.
    public var pageBytes = 3 << 20
    /// What lists and first events under way may hold in all, and those of one user.
    public var listBytes = 256 << 20
    public var listBytesOfUser = 128 << 20
    /// How long a client may take for a page of a list, in milliseconds.
    public var listWriteMilliseconds: Int64 = 60_000

    public init() {}
  }

  let service: ObjectService
  let discovery: Discovery
  let gate: RequestGate
  let tokens: ServiceAccountTokens?
  let nodes: (any NodeConnections)?
  let subresourceSchemas: [KindName: ObjectSchema]
  let bounds: Bounds
  /// Where watches are served.
  let watchExecutor: (any TaskExecutor)?
  let now: @Sendable () -> Timestamp
  let logger: Logger
  let streams: FairBound
  let lists: FairBound
  let openWatches: Slots
  private let isEnding = Atomic(false)

  /// - Parameters:
  ///   - authentication: finds out who asks.
  ///   - access: what each may do; whoever makes this API keeps it up to date (`LiveAccess.follow`).
  ///   - nodePods: what agents of nodes are allowed by, kept up to date in the same way; nil where there are no agents.
  ///   - tokens: makes tokens of service accounts; nil where there are none.
  ///   - nodes: reaches what runs in pods; nil where nothing does.
  ///   - subresourceSchemas: of what subresources take that is no kind of its own.
  ///   - watchExecutor: where watches are served; few threads do that best, since one change wakes all of them. Nil: where
  ///     requests are.
  ///   - now: the clock.
  public init(
    service: ObjectService, discovery: Discovery, authentication: Authentication, access: LiveAccess,
    nodePods: LiveNodePods? = nil, tokens: ServiceAccountTokens? = nil, nodes: (any NodeConnections)? = nil,
    subresourceSchemas: [KindName: ObjectSchema] = [:], bounds: Bounds = Bounds(),
    watchExecutor: (any TaskExecutor)? = nil, now: @escaping @Sendable () -> Timestamp, logger: Logger
  ) {
    self.service = service
    self.discovery = discovery
    self.tokens = tokens
    self.nodes = nodes
    self.subresourceSchemas = subresourceSchemas
    gate = RequestGate(authentication: authentication, access: access, nodePods: nodePods)
    self.bounds = bounds
    self.watchExecutor = watchExecutor
    streams = FairBound(each: bounds.streamsOfUser, all: bounds.streams)
    lists = FairBound(each: bounds.listBytesOfUser, all: bounds.listBytes)
    openWatches = Slots(count: bounds.watches)
    self.now = now
    self.logger = logger
  }

  public func respond(to request: HTTPRequest) async throws -> HTTPResponse {
    var response: HTTPResponse
    do {
      response = try await answer(request)
    } catch let error as StatusError {
      response = Answers.failure(error)
    }
    response.headers.add(name: "Audit-Id", value: UUID().uuidString.lowercased())
    response.headers.add(name: "Cache-Control", value: "no-cache, private")
    return response
  }

  private func answer(_ request: HTTPRequest) async throws -> HTTPResponse {
    let address = ResourceAddress(request.path)
    let requester = try await gate.admit(request, address)
    if let known = try discovery.answer(request) { return known }
    guard let address else { return Answers.pageNotFound }
    guard let kind = service.catalog.kind(group: address.group, version: address.version, plural: address.resource)
    else { return customResources(request, address) ?? Answers.pageNotFound }
    // What has no namespace is nowhere below one, and a name needs the namespace it is in.
    if address.namespace != nil, !kind.isNamespaced { return Answers.pageNotFound }
    if address.namespace == nil, address.name != nil, kind.isNamespaced { return Answers.pageNotFound }
    let header = request.headers["Accept"].joined(separator: ",")
    guard let negotiation = Negotiation(header) else { return Answers.notAcceptable }
    let call = ResourceCall(
      api: self, request: request, requester: requester, kind: kind, address: address,
      answer: ObjectAnswer(
        kind: kind, negotiation: negotiation, includeObject: request.query["includeObject"], now: now()))
    return try await call.answer()
  }

  /// The list of custom resources, of which there are none. It is not in discovery; kubectl asks for it where it does not know a kind,
  /// and tells its user of the kind only when it gets an answer.
  private func customResources(_ request: HTTPRequest, _ address: ResourceAddress) -> HTTPResponse? {
    guard request.method == .GET, address.group == "apiextensions.k8s.io", address.version == "v1",
      address.resource == "customresourcedefinitions", address.namespace == nil, address.name == nil,
      request.query["watch"] == nil
    else { return nil }
    return Answers.json([
      "kind": "CustomResourceDefinitionList", "apiVersion": "apiextensions.k8s.io/v1",
      "metadata": ["resourceVersion": .string("\(service.store.revision)")], "items": .array([]),
    ])
  }

  /// Ends waits of watches so that clients are told how far they are. To be called about once in a minute.
  public func nudgeWatches() { service.store.nudge() }

  /// Ends all watches at their next pause, and those that are yet to come at once.
  public func endWatches() {
    isEnding.store(true, ordering: .relaxed)
    service.store.nudge()
  }

  var areWatchesEnding: Bool { isEnding.load(ordering: .relaxed) }

  /// How the server tells what it refuses before this API is asked, and what this API does not know.
  public static let errors = ErrorMapper(
    contentType: "application/json",
    classify: { error in (error as? StatusError).map { (HTTPStatus(statusCode: $0.code), $0.message) } },
    body: { status, message in
      let reason = status == .internalServerError ? "InternalError" : status == .badRequest ? "BadRequest" : ""
      return StatusError(Int(status.code), reason, message).document.encoded()
    })
}
