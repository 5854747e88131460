import CRIProtocol
import ContainerEngine
import LinuxSystem
import Model

extension CRIService {
  func addStatistics(_ handlers: inout GRPCHandlers) {
    handlers.on(CRIRuntime.containerStats) { [self] request in
      var response = CRIContainerStatsResponse()
      let view = try view(request.containerID)
      response.stats = try await stats(view)
      response.stats.writableLayer = writableLayer(view)
      return response
    }
    handlers.on(CRIRuntime.listContainerStats) { [self] request in
      let filter = request.filter
      var response = CRIListContainerStatsResponse()
      let views = engine.containers().filter { view in
        guard let pod = view.record.pod, view.record.id.hex.hasPrefix(filter.id) else { return false }
        return pod.sandbox.hex.hasPrefix(filter.podSandboxID)
          && filter.labelSelector.allSatisfy { pod.labels[$0.key] == $0.value }
      }
      response.stats = try await present(views) { try await stats($0) }
      return response
    }
    handlers.on(CRIRuntime.podSandboxStats) { [self] request in
      var response = CRIPodSandboxStatsResponse()
      response.stats = try await stats(engine.sandbox(request.podSandboxID))
      return response
    }
    handlers.on(CRIRuntime.listPodSandboxStats) { [self] request in
      let filter = request.filter
      var response = CRIListPodSandboxStatsResponse()
      let records = engine.sandboxes().filter { record in
        record.state == .ready && record.id.hex.hasPrefix(filter.id)
          && filter.labelSelector.allSatisfy { record.request.labels[$0.key] == $0.value }
      }
      response.stats = try await present(records) { try await stats($0) }
      return response
    }
    handlers.on(CRIRuntime.getContainerEvents) { [self] _, send in try await sendEvents(send) }
  }

  private func stats(_ view: ContainerView) async throws -> CRIContainerStats {
    let record = view.record
    var stats = CRIContainerStats()
    stats.attributes.id = record.id.hex
    stats.attributes.metadata = ContainerWriter.metadata(record.pod)
    stats.attributes.labels = record.pod?.labels ?? [:]
    stats.attributes.annotations = record.pod?.annotations ?? [:]
    let sample = try await engine.stats(record.id.hex)
    stats.cpu.timestamp = sample.time
    stats.memory.timestamp = sample.time
    guard let cgroup = sample.cgroup else {
      usage.forget(record.id)
      return stats
    }
    if let cpu = cgroup.cpu {
      stats.cpu.usageCoreNanoSeconds.value = cpu.usageNanoseconds
      if let rate = usage.nanoCores(record.id, time: sample.time, used: cpu.usageNanoseconds) {
        stats.cpu.usageNanoCores.value = rate
      }
    }
    if let memory = cgroup.memory {
      let figures = memory.statistics
      let inactive = figures["total_inactive_file"] ?? figures["inactive_file"] ?? 0
      let working = memory.usageBytes > inactive ? memory.usageBytes - inactive : 0
      stats.memory.usageBytes.value = memory.usageBytes
      stats.memory.workingSetBytes.value = working
      stats.memory.rssBytes.value = figures["total_rss"] ?? figures["anon"] ?? 0
      stats.memory.pageFaults.value = figures["total_pgfault"] ?? figures["pgfault"] ?? 0
      stats.memory.majorPageFaults.value = figures["total_pgmajfault"] ?? figures["pgmajfault"] ?? 0
      if let limit = memory.limitBytes { stats.memory.availableBytes.value = limit > working ? limit - working : 0 }
    }
    return stats
  }

  private func writableLayer(_ view: ContainerView) -> CRIFilesystemUsage {
    var layer = CRIFilesystemUsage()
    layer.timestamp = Int64(Clock.realTimeNanoseconds())
    layer.fsID.mountpoint = engine.configuration.root
    layer.usedBytes.value = UInt64(clamping: engine.writableSizeBytes(view))
    return layer
  }

  /// The sum of a pod's containers, and what its address has sent and received.
  private func stats(_ record: SandboxRecord) async throws -> CRIPodSandboxStats {
    var stats = CRIPodSandboxStats()
    stats.attributes.id = record.id.hex
    stats.attributes.metadata = SandboxWriter.metadata(record)
    stats.attributes.labels = record.request.labels
    stats.attributes.annotations = record.request.annotations
    let now = Int64(Clock.realTimeNanoseconds())
    var linux = CRILinuxPodSandboxStats()
    linux.cpu.timestamp = now
    linux.memory.timestamp = now
    linux.process.timestamp = now
    var processes: UInt64 = 0
    for view in engine.containers(inSandbox: record.id) where view.record.run.isRunning {
      let container: CRIContainerStats
      do {
        container = try await self.stats(view)
      } catch {
        continue  // It ended a moment ago, or was removed.
      }
      linux.cpu.usageCoreNanoSeconds.value += container.cpu.usageCoreNanoSeconds.value
      linux.cpu.usageNanoCores.value += container.cpu.usageNanoCores.value
      linux.memory.usageBytes.value += container.memory.usageBytes.value
      linux.memory.workingSetBytes.value += container.memory.workingSetBytes.value
      linux.memory.rssBytes.value += container.memory.rssBytes.value
      processes += (try? await engine.stats(view.record.id.hex).cgroup?.processes?.current) ?? 0
      linux.containers.append(container)
    }
    linux.process.processCount.value = processes
    if let counters = try engine.networkStatistics(ofSandbox: record.id) {
      var interface = CRINetworkInterfaceUsage()
      interface.name = record.endpoint?.interfaceContainer ?? ""
      interface.rxBytes.value = counters.receivedBytes
      interface.rxErrors.value = counters.receiveErrors
      interface.txBytes.value = counters.sentBytes
      interface.txErrors.value = counters.sendErrors
      linux.network.timestamp = now
      linux.network.defaultInterface = interface
      linux.network.interfaces = [interface]
    }
    stats.linux = linux
    return stats
  }

  /// Tells what happens to containers and sandboxes from now on. A client that falls too far behind is told `outOfRange`: it has
  /// to list.
  private func sendEvents(_ send: (CRIContainerEventResponse) async throws -> Void) async throws {
    let subscription = engine.events.subscribe()
    defer { subscription.cancel() }
    while let event = await subscription.next() {
      if let response = response(to: event) { try await send(response) }
    }
    try Task.checkCancellation()
    throw GRPCStatus(.outOfRange, "events were missed: list what there is, and ask for events again")
  }

  private func response(to event: EngineEvent) -> CRIContainerEventResponse? {
    let types: [String: CRIContainerEventType] = [
      "create": .containerCreatedEvent, "start": .containerStartedEvent, "die": .containerStoppedEvent,
      "destroy": .containerDeletedEvent,
    ]
    guard let type = types[event.action] else { return nil }
    let sandbox: String
    switch event.kind {
    case .sandbox: sandbox = event.actorID
    case .container:
      guard let id = event.attributes[ContainerReader.sandboxLabel] else { return nil }
      sandbox = id
    default: return nil
    }
    var response = CRIContainerEventResponse()
    response.containerID = event.actorID
    response.containerEventType = type
    response.createdAt = event.time
    if let record = try? engine.sandbox(sandbox) {
      response.podSandboxStatus = SandboxWriter.status(record)
      response.containersStatuses = engine.containers(inSandbox: record.id).map { ContainerWriter.status($0, engine) }
    }
    return response
  }
}

/// What a list says of each of these, without those that are gone meanwhile.
func present<Item, Figures>(_ items: [Item], _ figures: (Item) async throws -> Figures) async throws -> [Figures] {
  var found: [Figures] = []
  for item in items {
    do {
      found.append(try await figures(item))
    } catch let error as PlatformError where error.code == .notFound {}
  }
  return found
}

/// The last sample of each container's processor time, from which a rate comes.
final class UsageHistory: Sendable {
  /// Containers that are remembered; all are forgotten beyond this.
  private static let limit = 4096

  private let samples = Locked<[ContainerID: (time: Int64, used: UInt64)]>([:])

  /// Billionths of a processor since the last sample; nil for the first.
  func nanoCores(_ id: ContainerID, time: Int64, used: UInt64) -> UInt64? {
    samples.withLock { samples in
      let before = samples[id]
      if samples.count >= Self.limit, before == nil { samples.removeAll() }
      samples[id] = (time, used)
      guard let before, time > before.time, used >= before.used else { return nil }
      return UInt64(Double(used - before.used) * 1e9 / Double(time - before.time))
    }
  }

  func forget(_ id: ContainerID) { samples.withLock { _ = $0.removeValue(forKey: id) } }
}
