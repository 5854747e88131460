import ArgumentParser
import CRIProtocol
import CRIService
import ContainerEngine
import DockerAPI
import Glibc
import HTTPServing
import Isolation
import LinuxSystem
import Logging
import MetricsAPI
import Model
import Observability

/// Puts the engine together, serves its socket, and ends it on SIGTERM or SIGINT.
struct EngineProgram {
  /// Programs that may serve as the init of `--init` containers, in order of preference.
  private static let initPrograms = ["/usr/bin/catatonit", "/usr/bin/tini-static", "/usr/libexec/podman/catatonit"]
  private static let socketGroup = "bulkhead"
  private static let gracefulSeconds: Int64 = 2
  private static let metricsConnections = 16
  /// Where kubelets have the logs of pods.
  private static let podLogs = "/var/log/pods"

  let options: DaemonOptions
  /// Nil: the standard place, where the file may be missing.
  let policyPath: String?
  let stopContainers: Bool

  func run() async throws {
    guard geteuid() == 0 else {
      throw ValidationError("the engine has to run as root: it makes namespaces, mounts and control groups")
    }
    let logger = try options.logger(label: "engine")
    let policy = try EnginePolicy.load(path: policyPath)
    let isBuiltIn = policyPath == nil && !FileSystem.exists(EnginePolicy.standardPath)
    logger.notice("the policy is \(isBuiltIn ? "the built-in one" : policyPath ?? EnginePolicy.standardPath)")
    let lock = try acquireLock()
    defer { withExtendedLifetime(lock) {} }
    let poller = try Poller()
    let executor = try BlockingExecutor(name: "engine")
    var settings = EngineConfiguration(
      root: "\(options.root)/engine", run: options.run, policy: policy, version: BulkheadDaemon.version,
      conmonPath: "/usr/bin/conmon", initPath: Self.initPrograms.first(where: FileSystem.exists))
    settings.podFolders = PodFolders(agent: "\(options.root)/agent", logs: [Self.podLogs])
    let engine = try Engine(configuration: settings, poller: poller, executor: executor, logger: logger)
    let sockets = try ContainerSocketServer(engine: engine, version: BulkheadDaemon.version, logger: logger)
    engine.serveContainerSockets(by: sockets)
    try await withTaskExecutorPreference(executor) { try await engine.reconcile() }
    let api = DockerAPI(engine: engine, logger: logger, version: BulkheadDaemon.version)
    var configuration = HTTPServerConfiguration()
    // Its first group is the one that may use the socket; what faces the network must not reach the engine's rights.
    if let server = UserChange.find(ServerProgram.user) { configuration.refusedUsers = [server.user] }
    let server = HTTPServer(
      configuration: configuration, responder: api, errors: DockerAPI.errorMapper, executor: executor,
      logger: logger)
    let socket = "\(options.run)/docker.sock"
    try await server.listen(unixSocketPath: socket, mode: 0o660, group: Self.groupID(Self.socketGroup))
    let metrics = try await serveMetrics(of: engine, executor, logger)
    let cri = try await serveCRI(of: engine, logger)
    do {
      try ProgramText.unmapUnused()
    } catch {
      logger.debug("the code of the start stays mapped: \(error)")
    }
    logger.notice("the engine serves \(socket)")
    ServiceNotification.send("READY=1")
    if let signals = BulkheadDaemon.signals { try await poller.waitReadable(signals.raw) }
    ServiceNotification.send("STOPPING=1")
    logger.notice(stopContainers ? "ending; containers are stopped" : "ending; containers live on")
    await server.shutdown(gracefulSeconds: Self.gracefulSeconds)
    await metrics.shutdown(gracefulSeconds: Self.gracefulSeconds)
    await cri.calls.shutdown(gracefulSeconds: Self.gracefulSeconds)
    await cri.streams.shutdown(gracefulSeconds: Self.gracefulSeconds)
    await withTaskExecutorPreference(executor) { await engine.shutDown(stopContainers: stopContainers) }
    await sockets.shutdown()
    try? FileSystem.removeFile(socket)
  }

  /// At a socket that gives nothing else, so that the server may read it.
  private func serveMetrics(
    of engine: Engine, _ executor: BlockingExecutor, _ logger: Logger
  ) async throws -> HTTPServer {
    var configuration = HTTPServerConfiguration()
    configuration.maxConnections = Self.metricsConnections
    let metrics = EngineMetrics(engine: engine, version: BulkheadDaemon.version, executor: executor, logger: logger)
    let server = HTTPServer(
      configuration: configuration, responder: EngineMetricsAPI(metrics: metrics), executor: executor, logger: logger)
    try await server.listen(
      unixSocketPath: "\(options.run)/\(EngineMetricsAPI.socketName)", mode: 0o660,
      group: Self.groupID(Self.socketGroup))
    return server
  }

  /// For root alone: whoever makes pods names paths of the host. Calls may block for as long as a pull or a command takes, so they
  /// have threads of their own.
  private func serveCRI(
    of engine: Engine, _ logger: Logger
  ) async throws -> (calls: GRPCServer, streams: HTTPServer) {
    let executor = try BlockingExecutor(name: "cri")
    let socket = "\(options.run)/\(StreamingServer.socketName)"
    let streaming = StreamingServer(engine: engine, socketPath: socket)
    let service = CRIService(engine: engine, version: BulkheadDaemon.version, streaming: streaming, logger: logger)
    let calls = GRPCServer(handlers: service.handlers, executor: executor, logger: logger)
    let streams = HTTPServer(responder: streaming, errors: StreamingServer.errors, executor: executor, logger: logger)
    try await streams.listen(unixSocketPath: socket, mode: 0o600)
    try await calls.listen(unixSocketPath: "\(options.run)/\(CRIService.socketName)", mode: 0o600)
    return (calls, streams)
  }

  /// Two engines on one root would tear each other's containers down.
  private func acquireLock() throws -> FileLock {
    try FileSystem.makeDirectories(options.root, mode: 0o711)
    try FileSystem.makeDirectories(options.run, mode: 0o711)
    do {
      return try FileLock(path: "\(options.root)/engine.lock")
    } catch let error as SystemError where error.errno == EWOULDBLOCK {
      throw PlatformError(.conflict, "another engine uses \(options.root): give this one another --root and --run")
    }
  }

  private static func groupID(_ name: String) -> UInt32? { getgrnam(name).map { UInt32($0.pointee.gr_gid) } }
}
