import ImageCatalog
import LinuxSystem
import Model
import Networking
import OCIRuntime

extension Engine {
  /// Compares the records with what the kernel has, adopts what runs, and finishes or removes what a crash left.
  ///
  /// Called once, before the engine serves anyone.
  public func reconcile() async throws {
    let loaded = try store.load(EngineStore.containers, as: ContainerRecord.self)
    for (id, error) in loaded.unreadable {
      logger.error("container \(id) cannot be read; its files stay and it is left out: \(error)")
    }
    let sandboxes = try reconcileSandboxes()
    for record in loaded.records {
      idRanges.adopt(record.ids)
      registry.insert(Container(record: record, revisions: revisions))
    }
    let images = try catalog.reconcile(chainsInUse: Set(loaded.records.flatMap(\.layers)))
    logger.debug("images: \(images)")
    try ImageBootstrap.removeLeftovers(in: paths.root)
    try networking.restore(networkStore.all)
    try createDefaultNetworks()
    var adopted: [Container] = []
    var ended: [Container] = []
    var abandoned: [Container] = []
    for container in registry.all {
      switch try adoption(of: container) {
      case .running: adopted.append(container)
      case .ended: ended.append(container)
      case .abandoned: abandoned.append(container)
      case .idle: break
      }
    }
    // A conmon that was started in the moment before the engine was killed is in no record, and works on.
    for stray in try monitor.endStrays(keeping: Set(adopted.map(\.id))) {
      logger.notice("ended process \(stray.pid), left by a run of container \(stray.container.short) that nobody knows")
    }
    adoptMemoryVolumes(of: adopted.map(\.record))
    for container in abandoned { undoStart(of: container) }
    try reconcileNetworks(adopted)
    removeLeftovers(keeping: sandboxes.union(loaded.unreadable.map(\.id)))
    removeStaleSockets()
    lifetime.run(on: executor) { [self] in await exitFiles.run(logger: logger) }
    for container in adopted {
      guard let process = container.process else { continue }
      // An engine that ended in the middle of a copy has left its containers standing.
      if container.status == .running { try? cgroups.thaw(try cgroupPath(container.record)) }
      await reopenSocket(of: container, process: process)
      watch(container, process: process, isChild: false)
      startHealthChecks(container, isAdopted: true)
      forwardLog(container)
    }
    for container in ended { await finishRun(container) }
    for container in registry.all where container.record.isBuildStep == true {
      // Its build is gone.
      try? await removeContainer(container.id.hex, force: true, volumes: true)
    }
    try FileSystem.removeTree("\(paths.run)/builds")
    startByPolicy()
    keepLogs()
    keepBackups()
  }

  private enum Adoption {
    case running
    case ended
    /// A first start that did not come to its end.
    case abandoned
    case idle
  }

  private func adoption(of container: Container) throws -> Adoption {
    let record = container.record
    let run = record.run
    guard run.monitorPid > 0, run.isRunning || run.status == .restarting else {
      // A start or a restart that did not come to its end.
      if !record.endpoints.isEmpty || run.status == .restarting || run.status == .running
        || FileSystem.exists(paths.bundle(record.id))
      {
        return run.status == .created ? .abandoned : .ended
      }
      return .idle
    }
    let process = try MonitoredProcess.adopt(
      initial: ProcessIdentity(pid: run.pid, startTime: run.pidStartTicks),
      monitor: ProcessIdentity(pid: run.monitorPid, startTime: run.monitorStartTicks))
    guard let process else { return .ended }
    container.change {
      $0.process = process
      if $0.record.run.status == .restarting { $0.record.run.status = .running }
    }
    return .running
  }

  private func undoStart(of container: Container) {
    cleanUpRun(container.record)
    container.change { $0.record.endpoints = [:] }
    save(container)
  }

  private func reconcileNetworks(_ running: [Container]) throws {
    let members = running.compactMap { container -> RunningContainer? in
      let record = container.record
      guard !record.endpoints.isEmpty, let process = container.process else { return nil }
      return RunningContainer(
        id: record.id, name: record.name, netns: try? process.namespace(.net),
        endpoints: record.networks.compactMap { record.endpoints[$0.network] }, bindings: record.publishedPorts,
        publishing: publishingEndpoint(record),
        limits: portLimits(record.settings), servers: record.settings.host.dnsServers)
    }
    for note in try networking.reconcile(networks: networkStore.all, running: members + networkedSandboxes()) {
      logger.notice("network: \(note)")
    }
    try networking.guardFirewall()
  }

  /// Removes what has no record: folders, runtime states, control groups, conmons.
  private func removeLeftovers(keeping others: Set<String>) {
    let known = Set(registry.all.map(\.id.hex)).union(others)
    for folder in [paths.containers, paths.bundles, paths.exits] {
      for name in (try? FileSystem.list(folder)) ?? [] where !known.contains(name) {
        if folder == paths.bundles { endLeftoverRun(name) }
        logger.notice("removing what is left of \(name.prefix(12)) in \(folder)")
        try? FileSystem.removeTree("\(folder)/\(name)")
      }
    }
    for id in (try? snapshots.writables()) ?? [] where !known.contains(id.hex) { try? snapshots.removeWritable(id) }
    for name in (try? FileSystem.list(paths.trash)) ?? [] { try? FileSystem.removeTree("\(paths.trash)/\(name)") }
  }

  private func endLeftoverRun(_ name: String) {
    guard let id = try? ContainerID(name) else { return }
    for runtime in runtimes.values where FileSystem.exists("\(paths.runtimeState)/\(runtime.name)/\(name)") {
      try? monitor.delete(id, runtime: runtime, force: true)
    }
    try? cgroups.remove(CgroupPath("\(defaultCgroupParent)/\(name)"))
  }

  /// Starts what its restart policy says should run: after a reboot, a crash of the host, or a stop of the engine.
  private func startByPolicy() {
    for container in registry.all {
      let record = container.record
      guard container.process == nil, record.run.status == .exited, record.run.startedAt > 0 else { continue }
      switch record.settings.host.restart.kind {
      case .always: break
      case .unlessStopped where !record.run.stoppedByUser: break
      default: continue
      }
      lifetime.run(on: executor) { [self] in
        await container.lock.withLock { token in
          guard container.process == nil else { return }
          do {
            container.change { $0.record.run.stoppedByUser = false }
            try await start(container, token)
          } catch {
            logger.error("container \(record.id.short) could not be started by its restart policy: \(error)")
          }
        }
      }
    }
  }

  /// Leaves the newest health of what runs to the next engine.
  private func keepHealth() {
    for container in registry.all where container.process != nil {
      let isNewer = container.change { state -> Bool in
        guard let health = state.health, health != state.record.health else { return false }
        state.record.health = health
        return true
      }
      if isNewer { save(container) }
    }
  }

  /// Ends the engine's own work. Containers go on, unless they are to be stopped.
  public func shutDown(stopContainers: Bool) async {
    if stopContainers {
      await withTaskGroup(of: Void.self) { group in
        for container in registry.all where container.process != nil {
          group.addTask {
            await container.lock.withLock { token in
              let wasStopped = container.record.run.stoppedByUser
              try? await self.stop(container, signal: nil, timeoutSeconds: nil, token)
              // Its policy starts it again with the engine.
              container.change { $0.record.run.stoppedByUser = wasStopped }
              self.save(container)
            }
          }
        }
      }
    }
    await lifetime.finish()
    keepHealth()
    lifetime.end()
    distribution.shutDown()
    builder.shutDown()
    catalog.settle()
    // Without running containers nobody needs the rules and routes any more.
    let isUsed = registry.all.contains { $0.process != nil } || !networkedSandboxes().isEmpty
    networking.shutDown(removeKernelState: !isUsed)
  }
}
