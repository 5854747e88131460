import Builder
import ContentStore
import Distribution
import HostChecks
import ImageCatalog
import Isolation
import LinuxSystem
import Logging
import Model
import Networking
import OCIRuntime
import Persistence
import Snapshots

/// The container engine: containers, images, networks and volumes of one `--root`, and everything that keeps them alive.
///
/// APIs translate to its methods; it knows no wire format. Its methods block their thread for system calls and disk, so
/// callers run on the `BlockingExecutor` it was given. Each container has a lock of its own; nothing locks the whole engine.
public final class Engine: Sendable {
  public let configuration: EngineConfiguration
  public let events = EventBus()
  let paths: EnginePaths
  let store: EngineStore
  let content: ContentStore
  let snapshots: SnapshotStore
  let catalog: ImageCatalog
  let distribution: ImageDistribution
  public let buildContexts: ContextStore
  let builder: ImageBuilder
  let agentSessions = AgentSessions()
  let socketHost = Locked<(any ContainerSocketHost)?>(nil)
  let volumeStore: VolumeStore
  let memoryVolumes: MemoryVolumes
  let backupTurns = BackupTurns()
  let backups: BackupStore
  let networkStore: NetworkStore
  let networking: NetworkStack
  let monitor: ContainerMonitor
  let registry = ContainerRegistry()
  let sandboxRegistry = SandboxRegistry()
  /// Held while a network is made or removed, so that no two get one subnet.
  let networkCreation = OperationLock()
  let revisions = RevisionCounter()
  let idRanges: IDRangeAllocator
  let host: HostProfile
  let cgroups: Cgroups
  let moves: MoveAnticipation
  let exitFiles: ExitFileWatch
  let poller: Poller
  let executor: BlockingExecutor
  /// Archives on their way in and out.
  public let transfers: TransferGate
  /// Looks up the names of log receivers, which may take long.
  let lookups: BlockingExecutor
  let runtimes: [String: RuntimeProgram]
  let execs = ExecTable()
  let engineID: String
  let logger: Logger
  let lifetime: EngineLifetime

  var policy: EnginePolicy { configuration.policy }
  var policyCheck: PolicyCheck {
    PolicyCheck(
      policy: policy,
      enginePaths: [paths.root, paths.run]
        + [policy.backups.folder, configuration.podFolders?.agent].compactMap { $0 },
      cgroupParent: defaultCgroupParent)
  }

  /// Opens the engine's state, or makes it at the first start; containers are taken over by `reconcile`.
  public init(configuration: EngineConfiguration, poller: Poller, executor: BlockingExecutor, logger: Logger) throws {
    self.configuration = configuration
    self.poller = poller
    self.executor = executor
    self.logger = logger
    transfers = try TransferGate()
    lookups = try BlockingExecutor(maxThreads: 2, name: "lookup")
    paths = EnginePaths(root: configuration.root, run: configuration.run)
    for directory in [
      paths.root, paths.containers, paths.trash, paths.run, paths.bundles, paths.exits, paths.runtimeState,
    ] {
      try FileSystem.makeDirectories(directory, mode: 0o711)
    }
    let database = try Database(path: paths.database, migrations: EngineStore.migrations)
    store = EngineStore(database: database)
    engineID = try Self.stableID(store)
    idRanges = IDRangeAllocator(first: try IDSlice.claim(root: paths.root, store: store))
    content = try ContentStore(root: paths.content)
    snapshots = try SnapshotStore(root: paths.snapshots)
    catalog = try ImageCatalog(database: database, content: content, snapshots: snapshots)
    distribution = try ImageDistribution(
      catalog: catalog, content: content, database: database,
      settings: Self.registrySettings(configuration.policy.registries, version: configuration.version),
      limits: Self.distributionLimits(configuration.policy.registries), logger: logger)
    buildContexts = try ContextStore(root: paths.buildContexts, logger: logger)
    builder = try ImageBuilder(
      root: paths.builds, contexts: buildContexts, catalog: catalog, database: database, logger: logger,
      sizeOf: { [snapshots] in try snapshots.sizeBytes(upper: $0) })
    let volumes = try store.load(EngineStore.volumes, as: VolumeRecord.self)
    volumeStore = try VolumeStore(
      paths: paths, store: store, ids: idRanges.volumeRange, records: volumes.records,
      limit: configuration.policy.limits.volumes)
    memoryVolumes = MemoryVolumes(paths: paths, ids: idRanges.volumeRange)
    backups = try BackupStore(folder: configuration.policy.backups.folder ?? paths.backups)
    cgroups = try Cgroups.detect()
    exitFiles = ExitFileWatch(directory: paths.exits, poller: poller)
    moves = MoveAnticipation(cgroups: cgroups, logger: logger)
    host = try HostProfile.collect()
    monitor = ContainerMonitor(
      conmonPath: configuration.conmonPath, stateDirectory: paths.runtimeState, cgroupMode: cgroups.layout.mode,
      logger: logger)
    try SubnetPool.check(nil, permitted: configuration.policy.networks.subnets)
    networking = try NetworkStack(
      instance: configuration.instance, stateDirectory: paths.networking, poller: poller,
      rebinding: Self.rebindingGuard(configuration.policy), logger: logger)
    let networks = try store.load(EngineStore.networks, as: NetworkRecord.self)
    networkStore = NetworkStore(records: networks.records)
    runtimes = Self.runtimes(configuration.policy)
    lifetime = EngineLifetime()
    for trouble in volumeStore.troubles { logger.error("\(trouble)") }
    for (table, unreadable) in [("volume", volumes.unreadable), ("network", networks.unreadable)] {
      for (id, error) in unreadable { logger.error("\(table) \(id) cannot be read and is left out: \(error)") }
    }
  }

  /// The names of the OCI runtimes that are there.
  public var runtimeNames: [String] { runtimes.keys.sorted() }

  /// The runtime that a container asked for.
  func runtime(_ name: String?) throws -> RuntimeProgram {
    let name = name.flatMap { $0.isEmpty ? nil : $0 } ?? policy.defaultRuntime
    guard let runtime = runtimes[name] else {
      throw PlatformError(
        .invalidArgument,
        "unknown or invalid runtime name: \(name.prefix(64)): this engine has \(runtimes.keys.sorted().joined(separator: ", "))"
      ).about(.runtime)
    }
    return runtime
  }

  private static func runtimes(_ policy: EnginePolicy) -> [String: RuntimeProgram] {
    var result: [String: RuntimeProgram] = [:]
    for (name, path) in policy.runtimes where FileSystem.exists(path) {
      result[name] = RuntimeProgram(name: name, path: path)
    }
    return result
  }

  private static func rebindingGuard(_ policy: EnginePolicy) -> RebindingGuard {
    let refused: RebindingGuard.Refused =
      switch policy.names.rebinding {
      case .containers: .containers
      case .private: .private
      case .off: .off
      }
    return RebindingGuard(refused: refused, privateDomains: policy.names.privateDomains)
  }

  private static func stableID(_ store: EngineStore) throws -> String {
    if let id = try store.setting("engine-id") { return id }
    let id = ContainerID.random().hex
    try store.setSetting("engine-id", id)
    return id
  }
}
