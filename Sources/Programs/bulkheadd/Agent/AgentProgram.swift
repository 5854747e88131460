import ArgumentParser
import Glibc
import HTTPServing
import Internet
import KubeMachinery
import LinuxSystem
import Logging
import Model
import NodeAgent

/// Puts the node's agent together and runs it until SIGTERM or SIGINT.
struct AgentProgram {
  static let version = "v1.33.0"
  private static let retrySeconds: Int64 = 1
  private static let renewSeconds: Int64 = 60
  private static let gracefulSeconds: Int64 = 1
  private static let connections = 1_024

  let options: DaemonOptions
  let kubeconfig: String?
  let address: String?
  /// Where pods have their addresses; nil: services and names are not served.
  let podRange: IPv4Subnet?

  private var root: String { "\(options.root)/agent" }

  func run() async throws {
    guard geteuid() == 0 else {
      throw ValidationError("the agent has to run as root: it makes the volumes of pods and speaks to the engine")
    }
    let logger = try options.logger(label: "agent")
    let lock = try acquireLock()
    defer { withExtendedLifetime(lock) {} }
    let poller = try Poller()
    let executor = try BlockingExecutor(name: "agent")
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask(executorPreference: executor) { try await work(executor, poller, logger) }
      if let signals = BulkheadDaemon.signals {
        group.addTask {
          try await poller.waitReadable(signals.raw)
          logger.notice("ending; pods live on")
        }
      }
      // Whichever comes first: a signal, or that the work fails.
      let first = await group.nextResult()
      ServiceNotification.send("STOPPING=1")
      group.cancelAll()
      do { try await group.waitForAll() } catch is CancellationError {}
      try first?.get()
    }
  }

  private func work(_ executor: BlockingExecutor, _ poller: Poller, _ logger: Logger) async throws {
    let path = kubeconfig ?? "\(options.root)/server/cluster/agent.kubeconfig"
    let cluster = try await client(path, logger)
    let runtime = CRIPodRuntime(socket: "\(options.run)/cri.sock")
    let node = NodeSettings(
      name: cluster.config.node, address: try address ?? NodeInspector.address(),
      capacity: try NodeInspector.capacity(root: root), root: root, clusterDNS: AgentServices.nameService.description)
    let root = root
    let agent = NodeAgent(
      NodeAgent.Plan(
        runtime: runtime, cluster: cluster, node: node, hostDNS: NodeInspector.resolver(),
        facts: {
          NodeInspector.facts(root: root, version: Self.version, runtime: try? await runtime.version())
        },
        version: "1.33", now: Self.now, executor: executor, logger: logger))
    let server = try await serve(agent, executor, poller, logger)
    ServiceNotification.send("READY=1")
    let services = startServices(node, cluster, poller, logger)
    logger.notice("the agent of node '\(node.name)' (\(node.address)) follows \(cluster.config.server)")
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await agent.run() }
      if let services { group.addTask { await services.run(cluster) } }
      group.addTask {
        while !Task.isCancelled {
          try? await Task.sleep(for: .seconds(Self.renewSeconds))
          cluster.reload()
        }
      }
      await group.waitForAll()
    }
    await server.shutdown(gracefulSeconds: Self.gracefulSeconds)
    cluster.shutdown()
    await runtime.close()
  }

  /// Pods run without them as well: nil, and told, where something is in the way.
  private func startServices(
    _ node: NodeSettings, _ cluster: ClusterClient, _ poller: Poller, _ logger: Logger
  ) -> AgentServices? {
    guard let podRange else { return nil }
    do {
      return try AgentServices(
        node: node.name, address: node.address, podRange: podRange, server: { cluster.config.server }, poller: poller,
        logger: logger)
    } catch {
      logger.error("services and names of the cluster are not served", metadata: ["error": "\(error)"])
      return nil
    }
  }

  /// What the server asks for on behalf of its users.
  private func serve(
    _ agent: NodeAgent, _ executor: BlockingExecutor, _ poller: Poller, _ logger: Logger
  ) async throws -> HTTPServer {
    var configuration = HTTPServerConfiguration()
    configuration.maxConnections = Self.connections
    configuration.maxConnectionsPerAddress = Self.connections
    let server = HTTPServer(
      configuration: configuration, responder: AgentAPI(agent, poller: poller), executor: executor, logger: logger)
    let socket = "\(options.run)/\(AgentAPI.socketName)"
    let group = UserChange.find(ServerProgram.user)?.group
    let folder = FileSystem.parent(of: socket)
    try FileSystem.makeDirectories(folder, mode: 0o750)
    if let group { try Descriptor.open(folder, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW).chown(uid: 0, gid: group) }
    try await server.listen(unixSocketPath: socket, mode: 0o660, group: group)
    return server
  }

  /// Waits for the server's file.
  private func client(_ path: String, _ logger: Logger) async throws -> ClusterClient {
    var isTold = false
    while true {
      do {
        return try ClusterClient(
          kubeconfig: path, userAgent: "bulkhead-agent/\(BulkheadDaemon.version)", logger: logger)
      } catch let error as PlatformError where error.code == .unavailable {
        if !isTold { logger.notice("waiting: \(error.message)") }
        isTold = true
        try await Task.sleep(for: .seconds(Self.retrySeconds))
      }
    }
  }

  @Sendable private static func now() -> Timestamp {
    let nanoseconds = Clock.realTimeNanoseconds()
    return Timestamp(
      seconds: Int64(nanoseconds / 1_000_000_000), nanoseconds: Int32(nanoseconds % 1_000_000_000))
  }

  /// Two agents of one node would undo each other's work.
  private func acquireLock() throws -> FileLock {
    try FileSystem.makeDirectories(options.root, mode: 0o711)
    try FileSystem.makeDirectories(root, mode: 0o700)
    do {
      return try FileLock(path: "\(root)/agent.lock")
    } catch let error as SystemError where error.errno == EWOULDBLOCK {
      throw PlatformError(.conflict, "another agent uses \(options.root): give this one another --root and --run")
    }
  }
}
