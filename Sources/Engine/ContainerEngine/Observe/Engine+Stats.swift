import Isolation
import LinuxSystem
import Model
import Networking

extension Engine {
  /// One sample of a container's use of the host.
  public func stats(_ reference: String) async throws -> StatsSample {
    let container = try registry.find(reference)
    let record = container.record
    var sample = StatsSample(
      time: Int64(Clock.realTimeNanoseconds()), cgroup: nil, networks: [], systemCPUNanoseconds: try Self.hostCPUTime(),
      onlineCPUs: KernelInfo.onlineProcessors, cgroupVersion2: cgroups.layout.mode == .v2)
    guard container.process != nil else { return sample }
    let statistics = try cgroups.readStats(try cgroupPath(record))
    sample.cgroup = statistics
    for endpoint in try networkOwner(record).endpoints.values.sorted(by: {
      $0.interfaceContainer < $1.interfaceContainer
    }) {
      let counters = try networking.statistics(endpoint)
      sample.networks.append(
        StatsSample.Network(
          name: endpoint.interfaceContainer, receivedBytes: counters.receivedBytes,
          receivedPackets: counters.receivedPackets, receiveErrors: counters.receiveErrors,
          receiveDropped: counters.receiveDropped, sentBytes: counters.sentBytes, sentPackets: counters.sentPackets,
          sendErrors: counters.sendErrors, sendDropped: counters.sendDropped))
    }
    return sample
  }

  /// The container whose network stack a container has: its own, or that of the one it joined.
  private func networkOwner(_ record: ContainerRecord) throws -> ContainerRecord {
    guard case .container(let reference) = record.settings.host.networkMode else { return record }
    return try registry.find(reference).record
  }

  /// CPU time of all processors since boot, from the first line of proc_stat(5), in nanoseconds.
  private static func hostCPUTime() throws -> UInt64 {
    let text = try FileSystem.read("/proc/stat", maxBytes: 1 << 20)
    let line = text.prefix { $0 != 10 }
    // user, nice, system, idle, iowait, irq, softirq; guest time is part of user time already.
    let ticks = line.split(separator: 32).dropFirst().prefix(7).compactMap {
      UInt64(String(decoding: $0, as: UTF8.self))
    }
    return ticks.reduce(0) { $0 &+ $1 } &* (1_000_000_000 / UInt64(KernelInfo.ticksPerSecond))
  }

  /// Changes limits and restart policy of a container, at once if it runs.
  public func updateContainer(_ reference: String, _ update: ContainerUpdate) async throws -> [String] {
    let container = try registry.find(reference)
    return try await container.lock.withLock { _ in
      var record = container.record
      let before = record.settings.host.resources
      update.resources(&record.settings.host.resources)
      let asked = record.settings.host.resources
      if before.memorySwapBytes > 0, asked.memorySwapBytes == before.memorySwapBytes,
        asked.memoryBytes > before.memorySwapBytes
      {
        throw PlatformError(
          .invalidArgument,
          "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time")
      }
      if let restart = update.restart {
        if record.settings.host.autoRemove, restart.kind != .no {
          throw PlatformError(
            .invalidArgument, "Restart policy cannot be updated because AutoRemove is enabled for the container")
        }
        record.settings.host.restart = restart
      }
      let warnings = try SettingsValidator(host: host, defaultLogDriver: policy.defaults.logDriver)
        .validate(record.settings)
      record.settings.host.resources = asked.settled(host: host, policy: policy)
      if container.process != nil {
        let limits = try SpecBuilder.limits(
          record.settings.host.resources, host: host, policy: policy,
          blockDevices: try blockDevices(record.settings.host.resources))
        try monitor.update(record.id, runtime: try runtime(record.runtime), resources: try limits.json())
      }
      try store.save(record)
      let changed = record
      container.change { $0.record.settings = changed.settings }
      emit("update", changed)
      return warnings
    }
  }

  /// Numbers of the block devices that limits name.
  func blockDevices(_ resources: ResourceSettings) throws -> [String: DeviceNumber] {
    var result: [String: DeviceNumber] = [:]
    let named =
      resources.blockWeightDevices + resources.blockReadBytesPerSecond + resources.blockWriteBytesPerSecond
      + resources.blockReadOperationsPerSecond + resources.blockWriteOperationsPerSecond
    for path in Set(named.map(\.path)) {
      let status = try? FileInspection.status(path)
      guard let status, status.type == .blockDevice else {
        throw PlatformError(.invalidArgument, "'\(path.prefix(256))' is not a block device")
          .about(.blockDevices, path)
      }
      result[path] = status.rawDevice
    }
    return result
  }
}
