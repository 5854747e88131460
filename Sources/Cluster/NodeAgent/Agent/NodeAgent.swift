import HTTPServing
import KubeMachinery
import LinuxSystem
import Logging

/// The agent of one node: pods that the server has bound to it are run by the runtime, and what becomes of them is told.
public final class NodeAgent: Sendable {
  /// What it is made of.
  public struct Plan: Sendable {
    public var runtime: any PodRuntime
    public var cluster: any ClusterAccess
    public var node: NodeSettings
    /// The node's own resolv.conf, for pods with `dnsPolicy: Default`.
    public var hostDNS: SandboxRequest.DNS
    /// Looks at the machine, every ten seconds; may take a while.
    public var facts: @Sendable () async -> NodeFacts
    /// Of the agent, as probes tell it.
    public var version: String
    /// The wall clock, for times in documents.
    public var now: @Sendable () -> Timestamp
    /// For pauses, back-off and deadlines.
    public var clock: any Swift.Clock<Duration>
    /// For work that blocks.
    public var executor: BlockingExecutor
    public var logger: Logger

    public init(
      runtime: any PodRuntime, cluster: any ClusterAccess, node: NodeSettings, hostDNS: SandboxRequest.DNS,
      facts: @escaping @Sendable () async -> NodeFacts,
      version: String, now: @escaping @Sendable () -> Timestamp, clock: any Swift.Clock<Duration> = ContinuousClock(),
      executor: BlockingExecutor, logger: Logger
    ) {
      self.runtime = runtime
      self.cluster = cluster
      self.node = node
      self.hostDNS = hostDNS
      self.facts = facts
      self.version = version
      self.now = now
      self.clock = clock
      self.executor = executor
      self.logger = logger
    }
  }

  private static let compareSeconds: Int64 = 10
  private static let logSeconds: Int64 = 2
  private static let retrySeconds: Int64 = 1

  private let plan: Plan
  private let probes: NodeProbes
  private let events: AgentEvents
  private let services = ServiceList()
  let meter: ResourceMeter
  let registry: PodRegistry

  var settings: NodeSettings { plan.node }
  var runtime: any PodRuntime { plan.runtime }
  var now: @Sendable () -> Timestamp { plan.now }
  var clock: any Swift.Clock<Duration> { plan.clock }

  /// Does nothing yet; `run` does.
  public init(_ plan: Plan) {
    self.plan = plan
    probes = NodeProbes(
      runtime: plan.runtime, version: plan.version, clock: plan.clock, logger: plan.logger)
    let events = AgentEvents(
      plan.cluster, serial: UInt64(bitPattern: plan.now().seconds) << 20, now: plan.now, logger: plan.logger)
    self.events = events
    let now = plan.now
    meter = ResourceMeter(
      node: plan.node.name, runtime: plan.runtime, machine: { try NodeInspector.usage(at: now()) }, clock: plan.clock,
      executor: plan.executor)
    registry = PodRegistry(
      AgentContext(
        runtime: plan.runtime, cluster: plan.cluster, node: plan.node, probes: probes, hostDNS: plan.hostDNS,
        services: { [services] in await services.told($0) }, tokens: TokenCache(),
        announce: { pod, announcement in
          events.announce(
            pod.reference(announcement.container.flatMap(pod.container)), isWarning: announcement.isWarning,
            reason: announcement.reason, message: announcement.message)
        }, now: plan.now, clock: plan.clock, executor: plan.executor, logger: plan.logger))
  }

  /// The agent on one line, for who looks after the platform.
  var status: JSONValue {
    get async {
      [
        "node": .string(plan.node.name), "address": .string(plan.node.address), "version": .string(plan.version),
        "pods": .integer(Int64(await registry.count)),
      ]
    }
  }

  /// Registers the node, follows its pods and services, and does what is to be done, until cancelled; once. Fails never: what does not
  /// answer is asked again. Pods go on without the agent.
  public func run() async {
    let registration = NodeRegistration(
      cluster: plan.cluster, settings: plan.node, facts: plan.facts, now: plan.now, clock: plan.clock,
      logger: plan.logger)
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await registration.keepUp() }
      group.addTask { await self.events.run() }
      group.addTask {
        await self.follow(["api", "v1", "services"], [], "services") { await self.services.take($0) }
      }
      group.addTask {
        let own = [EnvironmentVariable("fieldSelector", "spec.nodeName=\(self.plan.node.name)")]
        await self.follow(["api", "v1", "pods"], own, "pods") { await self.registry.take($0) }
      }
      group.addTask { await self.watchRuntime() }
      group.addTask { await self.compare() }
      group.addTask { await self.keepLogs() }
      await group.waitForAll()
    }
    await stop()
  }

  /// Ends what it began for pods, which live on; once, at the end.
  func stop() async {
    await services.stop()
    await registry.stop()
    probes.shutdown()
  }

  private func follow(
    _ path: [String], _ query: [EnvironmentVariable], _ what: String,
    _ take: @escaping @Sendable (ObjectFeed.News) async -> Void
  ) async {
    let logger = plan.logger
    await ObjectFeed(plan.cluster, path: path, query: query, clock: plan.clock).run(take) { error in
      logger.warning("the server's \(what) cannot be followed: \(error)")
    }
  }

  private func watchRuntime() async {
    while !Task.isCancelled {
      do {
        try await plan.runtime.watch { await self.registry.look(pod: $0) }
      } catch is CancellationError {
        return
      } catch {
        plan.logger.warning("the runtime's events cannot be followed: \(error)")
      }
      try? await plan.clock.sleep(for: .seconds(Self.retrySeconds))
      // What happened meanwhile.
      try? await registry.compare()
    }
  }

  /// A container may write fast: its log is looked at more often than all else.
  private func keepLogs() async {
    while !Task.isCancelled {
      try? await plan.clock.sleep(for: .seconds(Self.logSeconds))
      await registry.keepLogs()
    }
  }

  private func compare() async {
    while !Task.isCancelled {
      do { try await registry.compare() } catch {
        plan.logger.warning("the runtime cannot be looked at: \(PodOperations.message(of: error))")
      }
      try? await plan.clock.sleep(for: .seconds(Self.compareSeconds))
    }
  }
}
