import ContainerEngine
import HTTPServing
import LinuxSystem
import Logging
import Model

/// Serves each container's engine socket by a small server of its own, all on a few threads that nobody else waits for.
public final class ContainerSocketServer: ContainerSocketHost {
  /// Containers that may have one at once.
  static let maximumSockets = 64
  private static let threads = 2

  private let engine: Engine
  private let version: String
  private let logger: Logger
  private let executor: BlockingExecutor
  private let servers = Locked<[ContainerID: HTTPServer?]>([:])

  public init(engine: Engine, version: String, logger: Logger) throws {
    self.engine = engine
    self.version = version
    self.logger = logger
    executor = try BlockingExecutor(maxThreads: Self.threads, name: "sockets")
  }

  static var configuration: HTTPServerConfiguration {
    var configuration = HTTPServerConfiguration()
    configuration.maxRequestLineBytes = 8 << 10
    configuration.maxHeadBytes = 16 << 10
    configuration.maxHeaders = 64
    configuration.maxQueryItems = 32
    configuration.maxReadAheadBytes = 16 << 10
    configuration.maxDiscardedBodyBytes = 16 << 10
    configuration.headTimeoutMilliseconds = 10_000
    configuration.idleTimeoutMilliseconds = 60_000
    configuration.maxConnections = 32
    configuration.backlog = 32
    return configuration
  }

  public func open(for container: ContainerID, project: String?, path: String, owner: UInt32) async throws {
    await close(container)
    let isFree = servers.withLock { servers -> Bool in
      guard servers.count < Self.maximumSockets else { return false }
      servers[container] = .some(nil)
      return true
    }
    guard isFree else {
      throw PlatformError(
        .resourceExhausted, "\(Self.maximumSockets) containers have an engine socket, which is the limit: stop one")
    }
    let server = HTTPServer(
      configuration: Self.configuration,
      responder: ContainerSocketAPI(engine: engine, version: version, project: project), errors: DockerAPI.errorMapper,
      executor: executor, logger: logger)
    do {
      try await server.listen(unixSocketPath: path, mode: 0o660, owner: owner, group: owner)
    } catch {
      _ = servers.withLock { $0.removeValue(forKey: container) }
      await server.shutdown(gracefulSeconds: 0)
      throw error
    }
    servers.withLock { $0[container] = server }
  }

  public func close(_ container: ContainerID) async {
    guard let server = servers.withLock({ $0.removeValue(forKey: container) }) else { return }
    await server?.shutdown(gracefulSeconds: 0)
  }

  /// Ends all; what runs gets its socket again from the next engine.
  public func shutdown() async {
    let all = servers.withLock { servers in
      defer { servers = [:] }
      return servers.values.compactMap { $0 }
    }
    for server in all { await server.shutdown(gracefulSeconds: 0) }
  }
}
