import Accounts
import Certificates
import FoundationEssentials
import HTTPServing
import Internet
import KubeControllers
import KubeMachinery
import KubeResources
import KubernetesAPI
import LinuxSystem
import Logging
import Model
import NodeAgent
import Persistence
import PodStreams

/// The Kubernetes API of this machine: its storage, who may do what, its listeners and its work in the background.
final class ClusterServer: Sendable {
  private static let signingKeyFile = "service-accounts.key"
  /// Of service accounts' tokens, and for whom they are good unless they say otherwise.
  private static let issuer = "https://kubernetes.default.svc.cluster.local"
  private static let maxKeyBytes = 64 << 10
  private static let gracefulSeconds: Int64 = 5
  /// How often watching clients are told how far they are.
  private static let nudgeSeconds: Int64 = 60
  /// For how long history is kept at least, and at most twice as long, where it is not shortened by its size before.
  private static let historySeconds: Int64 = 300
  private static let retrySeconds: Int64 = 1
  private static let requestThreads = 8
  private static let watchThreads = 2
  private static let controllerThreads = 1

  private let database: Database
  private let store: SQLiteObjectStore
  private let service: ObjectService
  private let access: LiveAccess
  private let api: KubernetesAPI
  private let server: HTTPServer
  /// As `https://127.0.0.1:6443`.
  private let addresses: [String]
  private let tls: RenewedTLS
  private let administrator: AdministratorAccess
  private let credentials: NodeCredentials
  private let nodePods: LiveNodePods
  private let agent: AgentClient
  private let controllers: ControllerLoop
  /// Where controllers work: each change wakes many of them for little, and more threads spend their time on waking each other and
  /// on the locks that they share.
  private let controllerExecutor: BlockingExecutor
  private let executor: BlockingExecutor
  private let logger: Logger

  /// What it is made of.
  struct Plan {
    /// Its own, closed to others.
    let folder: String
    /// Of the administrator's kubeconfig.
    let kubeconfig: String
    /// Of the node's agent.
    let agentSocket: String
    let listen: [ListenAddress]
    /// That its certificate is to hold for, beside those of clusters.
    let names: [String]
    let certificateLifeSeconds: Double
    let http: HTTPServerConfiguration
    let poller: Poller
    let balancerPool: AddressRanges
    /// What services may have in `externalIPs`.
    let externalAddresses: AddressRanges
  }

  /// Opens the storage, puts in what is missing, and serves. Throws `internal` for a damaged database, `unavailable` for an address that
  /// is not to be had.
  static func start(
    _ plan: Plan, authority: CertificateAuthority, accounts: AccountStore, logger: Logger
  ) async throws -> ClusterServer {
    try FileSystem.makeDirectories(plan.folder, mode: 0o700)
    let catalog = KindCatalog.platform(externalAddresses: plan.externalAddresses).served
    let storage = ClusterStorage(folder: plan.folder)
    let (database, store) = try storage.open(keys: try storage.keysOrFresh(), logger: logger)
    // Those that come together to write wait for one of them without a thread: more threads than these only stand in each other's way.
    let executor = try BlockingExecutor(maxThreads: requestThreads, name: "cluster")
    let watchExecutor = try BlockingExecutor(maxThreads: watchThreads, name: "watches")
    let controllerExecutor = try BlockingExecutor(maxThreads: controllerThreads, name: "controllers")
    let service = ObjectService(
      store: store, catalog: catalog, admission: ServiceAccountAdmission(), PriorityAdmission())
    let (access, nodePods) = try await withTaskExecutorPreference(executor) {
      try await service.establish(ClusterContents.objects, manager: ClusterContents.manager, at: now())
      return (try await LiveAccess(service), try await LiveNodePods(service))
    }
    let tls = try RenewedTLS(
      authority: authority, names: plan.names + clusterNames, lifeSeconds: plan.certificateLifeSeconds,
      clientAuthorities: authority.certificatePEM)
    let holders = CertificateHolders { now().seconds }
    let bearers = BearerHolders(
      serviceAccounts: try ServiceAccountTokens(
        keyPEM: try signingKey("\(plan.folder)/\(signingKeyFile)"), issuer: issuer, audience: issuer, service: service,
        now: now), accounts: accounts)
    let agent = AgentClient(socket: plan.agentSocket, poller: plan.poller, logger: logger)
    let api = KubernetesAPI(
      service: service,
      discovery: Discovery(catalog, address: plan.listen.first.map { $0.shown(port: $0.port) } ?? ""),
      authentication: Authentication(
        certificate: { holders.requester($0) },
        token: { try await bearers.identity($0, audiences: $1, from: $2) }),
      access: access, nodePods: nodePods, tokens: bearers.serviceAccounts,
      nodes: AgentConnections(client: agent),
      subresourceSchemas: KindCatalog.subresourceSchemas, watchExecutor: watchExecutor, now: now, logger: logger)
    let server = HTTPServer(
      configuration: plan.http, responder: api, errors: KubernetesAPI.errors, executor: executor, logger: logger)
    var ports: [Int] = []
    for address in plan.listen {
      let port = try await address.explained { try await server.listen(host: $0.host, port: $0.port, tls: tls.serving) }
      logger.notice("the cluster is served at https://\(address.shown(port: port))")
      ports.append(port)
    }
    let entrance = apiService(plan.listen, ports)
    // Before there are pods, which are told its address; a server without it is better than none.
    do {
      try await withTaskExecutorPreference(executor) {
        try await service.establish([entrance.service], manager: ClusterContents.manager, at: now())
      }
    } catch {
      logger.error("the service '\(ServiceAllocation.apiService.name)' was not made and is tried again: \(error)")
    }
    let addresses = zip(plan.listen, ports).map { "https://\($0.shown(port: $1))" }
    let administrator = try AdministratorAccess(
      path: plan.kubeconfig, authority: authority, address: reachable(plan.listen, ports))
    logger.notice("the administrator's kubeconfig is \(plan.kubeconfig)")
    let credentials = NodeCredentials(
      path: "\(plan.folder)/agent.kubeconfig", node: NodeCredentials.machineName, authority: authority,
      address: reachable(plan.listen, ports))
    // A full disk is no reason not to serve.
    do { try credentials.renewIfDue(Date()) } catch {
      logger.error("the kubeconfig of the node's agent was not written and is tried again: \(error)")
    }
    return ClusterServer(
      database: database, store: store, service: service, access: access, api: api, server: server,
      addresses: addresses, tls: tls,
      administrator: administrator, credentials: credentials, nodePods: nodePods, agent: agent,
      controllers: controllers(service, authority, plan.balancerPool, entrance, logger),
      controllerExecutor: controllerExecutor, executor: executor, logger: logger)
  }

  private static func controllers(
    _ service: ObjectService, _ authority: CertificateAuthority, _ pool: AddressRanges, _ api: APIService,
    _ logger: Logger
  ) -> ControllerLoop {
    let machine = ControllerMachine(
      controllers: ClusterControllers.all(
        catalog: service.catalog, rootCertificate: authority.certificatePEM, balancerPool: pool, api: api),
      service: service, eventSerial: UInt64(Clock.realTimeNanoseconds()), now: preciseNow, logger: logger)
    return ControllerLoop(
      machine: machine, service: service, clock: ContinuousClock(), now: preciseNow, logger: logger)
  }

  private init(
    database: Database, store: SQLiteObjectStore, service: ObjectService, access: LiveAccess, api: KubernetesAPI,
    server: HTTPServer, addresses: [String], tls: RenewedTLS, administrator: AdministratorAccess,
    credentials: NodeCredentials,
    nodePods: LiveNodePods, agent: AgentClient, controllers: ControllerLoop, controllerExecutor: BlockingExecutor,
    executor: BlockingExecutor, logger: Logger
  ) {
    self.database = database
    self.store = store
    self.service = service
    self.access = access
    self.api = api
    self.server = server
    self.addresses = addresses
    self.tls = tls
    self.administrator = administrator
    self.credentials = credentials
    self.nodePods = nodePods
    self.agent = agent
    self.controllers = controllers
    self.controllerExecutor = controllerExecutor
    self.executor = executor
    self.logger = logger
  }

  /// As pods name the API.
  private static let clusterNames = [
    "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
    "\(ServiceAllocation.apiAddress)",
  ]

  private static func apiService(_ addresses: [ListenAddress], _ ports: [Int]) -> APIService {
    APIService(
      serverAt: zip(addresses, ports).compactMap { address, port -> (address: IPv4Address, port: UInt16)? in
        // Without a way to others the node has no address that pods could reach.
        let host = address.host == "0.0.0.0" ? try? NodeInspector.address() : address.host
        guard let own = host.flatMap({ IPv4Address($0) }), let number = UInt16(exactly: port) else { return nil }
        return (own, number)
      })
  }

  @Sendable private static func now() -> Timestamp {
    Timestamp(seconds: Int64(Clock.realTimeNanoseconds() / 1_000_000_000))
  }

  @Sendable private static func preciseNow() -> Timestamp {
    let nanoseconds = Clock.realTimeNanoseconds()
    return Timestamp(
      seconds: Int64(nanoseconds / 1_000_000_000), nanoseconds: Int32(nanoseconds % 1_000_000_000))
  }

  /// The key that tokens of service accounts are signed with; made where there is none: tokens of another one are good no more.
  private static func signingKey(_ path: String) throws -> String {
    if !FileSystem.exists(path) {
      try FileSystem.atomicWrite(path, Array(ServiceAccountTokens.freshKeyPEM().utf8), mode: 0o600, durable: true)
    }
    return String(decoding: try FileSystem.read(path, maxBytes: maxKeyBytes), as: UTF8.self)
  }

  /// The first address as this machine's clients reach it.
  private static func reachable(_ addresses: [ListenAddress], _ ports: [Int]) -> String {
    guard let first = addresses.first, let port = ports.first else { return "127.0.0.1" }
    let host = first.host == "0.0.0.0" ? "127.0.0.1" : first.host == "::" ? "::1" : first.host
    return ListenAddress(host: host, port: port).shown(port: port)
  }

  /// The cluster on a page. Throws `StatusError`. Blocks as its storage does.
  func summary() async throws -> ClusterSummary {
    var summary = try await api.summary()
    summary.addresses = addresses
    summary.certificateEndsAt = Int64(tls.endsAt.timeIntervalSince1970)
    return summary
  }

  // MARK: - Work in the background

  /// Keeps roles, watches, history and certificates up until cancelled.
  func work() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.repeated("following roles") { try await self.access.follow() } }
      group.addTask { await self.repeated("following pods of nodes") { try await self.nodePods.follow() } }
      if let aggregator = RoleAggregator(service) {
        group.addTask { await self.repeated("putting roles together") { try await aggregator.follow(now: Self.now) } }
      }
      group.addTask { await self.keepUp() }
      group.addTask(executorPreference: self.controllerExecutor) { await self.controllers.run() }
    }
  }

  /// Runs work again that has failed, until cancelled.
  private func repeated(_ name: String, _ work: @Sendable () async throws -> Void) async {
    while !Task.isCancelled {
      do { try await work() } catch is CancellationError { return } catch {
        logger.error("\(name) failed and is tried again: \(error)")
      }
      try? await Task.sleep(for: .seconds(Self.retrySeconds))
    }
  }

  private func keepUp() async {
    var mark = (revision: store.revision, seconds: Self.now().seconds)
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(Self.nudgeSeconds))
      api.nudgeWatches()
      do {
        let now = Self.now().seconds
        if now - mark.seconds >= Self.historySeconds {
          try store.compact(to: mark.revision)
          mark = (store.revision, now)
        }
        if try tls.renewIfDue(Date()) { logger.notice("the certificate of the cluster was renewed") }
        if try administrator.renewIfDue(Date()) { logger.notice("the administrator's kubeconfig was renewed") }
        if try credentials.renewIfDue(Date()) { logger.notice("the node agent's kubeconfig was renewed") }
      } catch {
        logger.error("the cluster's upkeep failed and is tried again: \(error)")
      }
    }
  }

  /// Lets requests end, and watches at once; the storage is closed afterwards.
  func stop() async {
    // Those that are just about to wait are told again.
    let ending = Task(executorPreference: executor) {
      while !Task.isCancelled {
        self.api.endWatches()
        try? await Task.sleep(for: .milliseconds(100))
      }
    }
    await server.shutdown(gracefulSeconds: Self.gracefulSeconds)
    ending.cancel()
    agent.shutdown()
    do { try database.close() } catch { logger.error("the cluster's database was not closed: \(error)") }
  }
}

/// The one node's agent.
private struct AgentConnections: NodeConnections {
  let client: AgentClient

  func logs(of pod: PodIdentity, query: QueryParameters) async throws -> HTTPResponse {
    try await client.logs(of: pod, query: query)
  }

  func open(_ action: String, of pod: PodIdentity, query: QueryParameters) async throws -> UpgradedConnection {
    try await client.open(action, of: pod, query: query)
  }

  func measures(of what: String) async throws -> [JSONValue] { try await client.measures(of: what) }
}
