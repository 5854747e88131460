import ContainerEngine
import LinuxSystem
import Logging
import Metrics
import Model

/// The engine, its containers, networks and volumes in numbers, as a page for Prometheus.
///
/// Names of container metrics are those of cAdvisor, so that dashboards made for it show this engine as well. A page is made
/// for one caller at a time and serves all who ask within a second; making one reads some ten files of the kernel for each
/// running container.
public actor EngineMetrics {
  private static let pageLifeNanoseconds: UInt64 = 1_000_000_000
  /// Sizes of volumes are walked anew after this time, where somebody asks then.
  private static let sizeLifeNanoseconds: UInt64 = 300_000_000_000

  private let engine: Engine
  private let version: String
  private let logger: Logger
  private let startedAt = Double(Clock.realTimeNanoseconds()) / 1e9
  private let executor: any TaskExecutor
  private var page: (madeAt: UInt64, bytes: [UInt8])?
  private var sizes: [VolumeView] = []
  private var sizesAt: UInt64?
  /// The page that is being made; others wait for it.
  private var making: Task<[UInt8], any Error>?
  /// The walk that is under way.
  private var walk: Task<Void, Never>?

  /// - Parameter executor: where files are read; its threads may block.
  public init(engine: Engine, version: String, executor: any TaskExecutor, logger: Logger) {
    self.engine = engine
    self.version = version
    self.executor = executor
    self.logger = logger
  }

  /// The page. Throws what the engine throws where its records cannot be read.
  public func text() async throws -> [UInt8] {
    if let page, Clock.monotonicNanoseconds() - page.madeAt < Self.pageLifeNanoseconds { return page.bytes }
    if let making { return try await making.value }
    refreshSizes()
    // Owned by this actor until it has its value, which every caller awaits.
    let task = Task(executorPreference: executor) { [engine, version, startedAt, logger, sizes] in
      var text = MetricsText()
      try Self.addEngine(engine, version, &text)
      text.addProcess(startedAt: startedAt)
      for view in engine.containers() { await Self.add(view, engine, logger, &text) }
      try Self.addNetworks(engine, &text)
      Self.addVolumes(engine, walked: sizes, &text)
      Self.addBackups(engine, &text)
      return text.bytes
    }
    making = task
    defer { making = nil }
    let bytes = try await task.value
    page = (Clock.monotonicNanoseconds(), bytes)
    return bytes
  }

  /// Begins a walk where the sizes are old. No page waits for it, as volumes may have millions of files.
  private func refreshSizes() {
    let now = Clock.monotonicNanoseconds()
    guard walk == nil, sizesAt.map({ now - $0 > Self.sizeLifeNanoseconds }) ?? true else { return }
    // Owned by this actor; ends with the walk.
    walk = Task(executorPreference: executor) { [engine] in
      let sizes = engine.volumesWithSizes()
      await self.take(sizes)
    }
  }

  private func take(_ sizes: [VolumeView]) {
    self.sizes = sizes
    sizesAt = Clock.monotonicNanoseconds()
    walk = nil
  }

  private static func addEngine(_ engine: Engine, _ version: String, _ text: inout MetricsText) throws {
    let info = try engine.info()
    text.add(
      .gauge, "bulkhead_engine_info", "The engine; always 1.",
      labels: [
        ("version", version), ("kernel", info.kernelVersion), ("runtime", info.defaultRuntime),
        ("cgroup", "\(info.cgroupMode)"),
      ], 1)
    let statuses = engine.containers().map(\.record.run.status)
    for status in ContainerStatus.allCases {
      text.add(
        .gauge, "bulkhead_containers", "Containers by their state.", labels: [("state", status.rawValue)],
        Double(statuses.count { $0 == status }))
    }
    text.add(.gauge, "bulkhead_images", "Images of the engine.", Double(info.images))
    text.add(.gauge, "bulkhead_volumes", "Volumes of the engine.", Double(engine.volumes().count))
    text.add(.gauge, "bulkhead_networks", "Networks of the engine.", Double(engine.networks().count))
    text.add(
      .gauge, "bulkhead_build_cache_bytes", "Bytes of the steps that builds have cached.",
      Double(engine.buildCache().reduce(Int64(0)) { $0.clampedAdding($1.step.sizeBytes) }))
    text.add(
      .gauge, "bulkhead_event_listeners", "Clients that follow the engine's events.", Double(info.eventListeners))
    text.add(.gauge, "machine_cpu_cores", "Processors of the host.", Double(info.processors))
    text.add(.gauge, "machine_memory_bytes", "Memory of the host.", Double(info.memoryBytes))
  }

  /// Volumes with a bound are counted by the file system; the others have been walked.
  private static func addVolumes(_ engine: Engine, walked: [VolumeView], _ text: inout MetricsText) {
    let bounded = engine.volumes().filter { $0.usage != nil }
    let sizes =
      bounded.map { ($0.record.name, $0.usage?.bytes ?? 0) }
      + walked.filter { $0.usage == nil }.map { ($0.record.name, $0.sizeBytes ?? 0) }
    for (name, bytes) in sizes {
      text.add(
        .gauge, "bulkhead_volume_size_bytes",
        "Bytes of a volume's files, walked every five minutes; with a limit, at this moment.",
        labels: [("volume", name)],
        Double(bytes))
    }
    for volume in bounded {
      text.add(
        .gauge, "bulkhead_volume_limit_bytes", "Bytes that a volume's files may have.",
        labels: [("volume", volume.record.name)], Double(volume.usage?.limitBytes ?? 0))
    }
  }

  /// Scheduled backups: what alarms are made of.
  private static func addBackups(_ engine: Engine, _ text: inout MetricsText) {
    for volume in engine.volumes() {
      guard let schedule = volume.record.schedule else { continue }
      let labels = [("volume", volume.record.name)]
      if let time = schedule.lastSuccessAt {
        text.add(
          .gauge, "bulkhead_volume_backup_last_success_timestamp_seconds",
          "When the volume's schedule has made a backup last.", labels: labels, Double(time) / 1e9)
      }
      text.add(
        .gauge, "bulkhead_volume_backup_last_failed", "1 where the volume's last scheduled backup failed, else 0.",
        labels: labels, schedule.lastError == nil ? 0 : 1)
      text.add(
        .counter, "bulkhead_volume_backup_failures_total", "Scheduled backups of the volume that failed.",
        labels: labels, Double(schedule.failures ?? 0))
      if let next = schedule.nextAt {
        text.add(
          .gauge, "bulkhead_volume_backup_next_timestamp_seconds", "When the volume's next scheduled backup is due.",
          labels: labels, Double(next))
      }
    }
  }

  private static func addNetworks(_ engine: Engine, _ text: inout MetricsText) throws {
    for network in engine.networks() {
      text.add(
        .gauge, "bulkhead_network_endpoints", "Containers on a network.", labels: [("network", network.name)],
        Double(engine.endpoints(on: network.id).count))
    }
    for port in try engine.packetsDroppedByLimits() {
      text.add(
        .counter, "bulkhead_port_dropped_packets_total", "Packets to a published port that its limits have dropped.",
        labels: [("name", port.container), ("port", port.port)], Double(port.packets))
    }
  }
}
