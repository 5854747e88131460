import Accounts
import ArgumentParser
import Certificates
import FoundationEssentials
import Glibc
import HTTPServing
import LinuxSystem
import Logging
import MetricsAPI
import Model
import NodeAgent
import Persistence
import Registry
import RegistryAPI
import RegistryClient
import Replication

/// The role that faces the network: the registry, its management and the Kubernetes API over HTTPS. It is not root and reaches the engine by
/// nothing but the engine's sockets.
struct ServerProgram {
  static let user = "bulkhead"
  private static let certificateLifeSeconds = 90.0 * 86_400
  private static let upkeepSeconds: Int64 = 3_600
  private static let gracefulSeconds: Int64 = 5
  private static let mappedBytes: Int32 = 1 << 20
  private static let trimmingSeconds = 10
  private static let trimmedBytes = 32 << 20

  let options: DaemonOptions
  let settings: ServerSettings
  /// Loopback only.
  let listenPlain: [ListenAddress]

  private var platformRoot: String { options.givenRoot ?? settings.root ?? DaemonOptions.standardRoot }
  private var platformRun: String { options.givenRun ?? settings.run ?? DaemonOptions.standardRun }
  private var root: String { "\(platformRoot)/server" }
  private var runFolder: String { "\(platformRun)/server" }

  func run() async throws {
    if geteuid() == 0 { try giveUpRoot() }
    // A password takes 16 MiB for a moment.
    Allocator.mapAllocations(fromBytes: Self.mappedBytes)
    Allocator.bound(arenas: Int32(clamping: ProcessInfo.processInfo.activeProcessorCount))
    let logger = try options.logger(label: "server")
    umask(0o077)
    let lock = try acquireLock()
    defer { withExtendedLifetime(lock) {} }
    let poller = try Poller()
    let executor = try BlockingExecutor(name: "server")
    let registry = try Registry(
      root: "\(root)/registry", configuration: settings.limits.registry, logger: logger)
    let database = try Database(path: "\(root)/server.sqlite")
    let accounts = try AccountStore(database: database) { Int64(Clock.realTimeNanoseconds() / 1_000_000_000) }
    let authority = try CertificateAuthority.open(directory: "\(root)/ca")
    let tls = try RenewedTLS(
      authority: authority, names: certificateNames(listening: settings.listen),
      lifeSeconds: Self.certificateLifeSeconds)
    let client = RegistryClient(executor: executor, logger: logger)
    let replication = try ReplicationStore(
      path: "\(root)/replication.sqlite", now: Int64(Clock.realTimeNanoseconds() / 1_000_000_000))
    let replicator = Replicator(
      registry: registry, client: client, store: replication, executor: executor, logger: logger,
      isProject: { name in (try? accounts.project(name)) != nil })
    let (gone, kept) = try accounts.finishRemovals { name in
      try registry.removeProject(name)
      try replication.removeCacheProject(name)
    }
    for name in gone { logger.notice("the removal of project '\(name)' was ended") }
    for name in kept { logger.notice("project '\(name)' is not empty and stays") }
    let cache = try PullThroughCache(
      client: client, registry: registry, store: replication, executor: executor, logger: logger)
    let audit = try AuditLog(path: "\(root)/audit.sqlite") { Int64(Clock.realTimeNanoseconds() / 1_000_000_000) }
    let access = AccountsAccess(accounts: accounts, audit: audit, logger: logger)
    let running = RunningServer(root: root, tls: tls)
    let server = makeServer(
      RegistryAPI(registry: registry, access: access, cache: cache, logger: logger),
      ManagementAPI(
        accounts: accounts, registry: registry, replicator: replicator, replication: replication, cache: cache,
        access: access, authority: authority.certificatePEM, facts: running,
        engineMetrics: EngineMetricsClient(path: "\(platformRun)/\(EngineMetricsAPI.socketName)").page, logger: logger),
      executor, logger)
    try await listen(server, tls, running, logger)
    // Who finds the local socket finds the cluster.
    let cluster = try await startCluster(authority, accounts, poller, running, logger)
    try await administer(server, logger)
    // These end with this function: renewal and upkeep; what is written down about once a second; what a load leaves behind; what
    // keeps the cluster up; replication by time and after pushes.
    let work = [
      Task(executorPreference: executor) { await keepUp(registry, tls, logger) },
      Task(executorPreference: executor) { await writeDown(audit, accounts, logger) },
      Task(executorPreference: executor) { await staySmall() },
      Task(executorPreference: executor) { if let cluster { await cluster.work() } },
    ]
    let copying = Task { try await replicator.serve() }
    ServiceNotification.send("READY=1")
    if let signals = BulkheadDaemon.signals { try await poller.waitReadable(signals.raw) }
    ServiceNotification.send("STOPPING=1")
    for task in work { task.cancel() }
    copying.cancel()
    await cluster?.stop()
    await server.shutdown(gracefulSeconds: Self.gracefulSeconds)
    client.close()
    try accounts.writeUses()
    try audit.close()
    try replication.close()
    try registry.close()
    try database.close()
  }

  /// Seals the cluster's records with a new key, while no server runs. Throws `conflict` while one does.
  func rotateStorageKey() throws {
    if geteuid() == 0 { try giveUpRoot() }
    umask(0o077)
    let lock = try acquireLock(advice: "stop it, then rotate, then start it again")
    defer { withExtendedLifetime(lock) {} }
    let storage = ClusterStorage(folder: "\(root)/cluster")
    let count = try storage.rotate(logger: try options.logger(label: "server"))
    print(
      "sealed \(count) records with a new key; back up \(storage.keysPath): older keys open older backups of the database only"
    )
  }

  private func listen(
    _ server: HTTPServer, _ tls: RenewedTLS, _ running: RunningServer, _ logger: Logger
  ) async throws {
    for address in settings.listen {
      let port = try await address.explained { try await server.listen(host: $0.host, port: $0.port, tls: tls.serving) }
      running.serves(at: "https://\(address.shown(port: port))")
      logger.notice("the server serves https://\(address.shown(port: port))")
    }
    for address in listenPlain {
      let port = try await address.explained { try await server.listen(host: $0.host, port: $0.port, tls: nil) }
      running.serves(at: "http://\(address.shown(port: port))")
      logger.warning("the server serves http://\(address.shown(port: port)) unencrypted, to this machine only")
    }
  }

  private func administer(_ server: HTTPServer, _ logger: Logger) async throws {
    let socket = "\(runFolder)/admin.sock"
    try await server.listen(unixSocketPath: socket, mode: 0o660, group: getegid())
    logger.notice("the server is administered at \(socket)")
  }

  /// Nil where the settings say that it is served nowhere.
  private func startCluster(
    _ authority: CertificateAuthority, _ accounts: AccountStore, _ poller: Poller, _ running: RunningServer,
    _ logger: Logger
  ) async throws -> ClusterServer? {
    guard !settings.kubernetes.isEmpty else { return nil }
    var http = settings.limits.http
    http.eventLoopThreads = 2
    let plan = ClusterServer.Plan(
      folder: "\(root)/cluster", kubeconfig: "\(runFolder)/admin.kubeconfig",
      agentSocket: "\(platformRun)/\(AgentAPI.socketName)", listen: settings.kubernetes,
      names: certificateNames(listening: settings.kubernetes), certificateLifeSeconds: Self.certificateLifeSeconds,
      http: http, poller: poller, balancerPool: settings.balancerPool, externalAddresses: settings.externalAddresses)
    let cluster = try await ClusterServer.start(plan, authority: authority, accounts: accounts, logger: logger)
    running.serves(cluster)
    return cluster
  }

  private func makeServer(
    _ registry: RegistryAPI, _ management: ManagementAPI, _ executor: BlockingExecutor, _ logger: Logger
  ) -> HTTPServer {
    var configuration = settings.limits.http
    configuration.maxReadAheadBytes = 1 << 20
    configuration.eventLoopThreads = 2
    return HTTPServer(
      configuration: configuration, responder: ServerResponder(registry: registry, management: management),
      errors: RegistryAPI.errorMapper, executor: executor, logger: logger)
  }

  /// Takes expired uploads away and renews the certificate, until cancelled.
  private func keepUp(_ registry: Registry, _ tls: RenewedTLS, _ logger: Logger) async {
    while !Task.isCancelled {
      do {
        try registry.maintain()
        if try tls.renewIfDue(Date()) { logger.notice("the certificate of the server was renewed") }
      } catch {
        logger.error("the hourly upkeep failed and is tried again: \(error)")
      }
      try? await Task.sleep(for: .seconds(Self.upkeepSeconds))
    }
  }

  /// Writes the audit, and when tokens and robots were used, until cancelled.
  private func writeDown(_ audit: AuditLog, _ accounts: AccountStore, _ logger: Logger) async {
    var seconds = 0
    while !Task.isCancelled {
      do {
        try audit.flush()
        if seconds % 60 == 0 {
          try audit.trim()
          try accounts.writeUses()
        }
      } catch {
        logger.error("the audit could not be written and is tried again: \(error)")
      }
      seconds += 1
      try? await Task.sleep(for: .seconds(1))
    }
  }

  /// Gives free memory back, until cancelled.
  private func staySmall() async {
    var trimming = HeapTrimming(growthBytes: Self.trimmedBytes)
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(Self.trimmingSeconds))
      trimming.run()
    }
  }

  // MARK: - Rights

  /// Makes the folders, gives them to the server's user and goes on as that one.
  private func giveUpRoot() throws {
    guard let account = UserChange.find(Self.user) else {
      throw ValidationError(
        "there is no user '\(Self.user)', as which the server runs: make one with "
          + "'useradd --system --user-group --no-create-home --shell /usr/sbin/nologin \(Self.user)'")
    }
    try FileSystem.makeDirectories(platformRoot, mode: 0o711)
    try FileSystem.makeDirectories(platformRun, mode: 0o755)
    for (path, mode) in [(root, 0o700), (runFolder, 0o750)] as [(String, UInt32)] {
      try FileSystem.makeDirectories(path, mode: mode)
      let folder = try Descriptor.open(path, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
      try systemCall("fchown", path) { fchown(folder.raw, account.user, account.group) }
    }
    try UserChange.executeAgain(user: account.user, group: account.group, arguments: CommandLine.arguments)
  }

  /// - Parameter advice: what to do where a server runs.
  private func acquireLock(advice: String = "give this one another --root and --run") throws -> FileLock {
    do {
      return try FileLock(path: "\(root)/server.lock")
    } catch let error as SystemError where error.errno == EWOULDBLOCK {
      throw PlatformError(.conflict, "another server uses \(root): \(advice)")
    }
  }

  /// Names of this machine, those it listens on and those it was told.
  private func certificateNames(listening addresses: [ListenAddress]) -> [String] {
    var buffer = [CChar](repeating: 0, count: 256)
    gethostname(&buffer, buffer.count - 1)
    let host = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    let all =
      settings.names + ["localhost", host, "127.0.0.1", "::1"]
      + addresses.map(\.host).filter { $0 != "0.0.0.0" && $0 != "::" }
    var seen: Set<String> = []
    return all.filter { !$0.isEmpty && seen.insert($0).inserted }
  }
}

/// Sends each request to the API whose path it has.
struct ServerResponder: HTTPResponder {
  let registry: RegistryAPI
  let management: ManagementAPI

  func respond(to request: HTTPRequest) async throws -> HTTPResponse {
    switch request.path.first {
    case "v2": try await registry.respond(to: request)
    case "healthz": HTTPResponse(contentType: "text/plain", bytes: Array("ok\n".utf8))
    default: try await management.respond(to: request)
    }
  }

  func respondAtOnce(to request: HTTPRequest) -> HTTPResponse? {
    request.path.first == "v2" ? registry.respondAtOnce(to: request) : nil
  }
}
