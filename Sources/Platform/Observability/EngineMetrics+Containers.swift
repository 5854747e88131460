import ContainerEngine
import LinuxSystem
import Logging
import Metrics
import Model

extension EngineMetrics {
  /// Labels of containers that become labels of their metrics, under cAdvisor's names.
  static let copiedLabels = ["com.docker.compose.project", "com.docker.compose.service"]

  /// Adds a container. One that ends while it is looked at is left out, as one that ended before.
  static func add(_ view: ContainerView, _ engine: Engine, _ logger: Logger, _ text: inout MetricsText) async {
    let labels = labels(view)
    state(view, labels, &text)
    guard view.record.run.isRunning else { return }
    let sample: StatsSample
    do {
      sample = try await engine.stats(view.record.id.hex)
    } catch {
      logger.debug("no metrics of container '\(view.record.name)': \(error)")
      return
    }
    guard let group = sample.cgroup else { return }
    if let cpu = group.cpu { add(cpu, labels, &text) }
    if let memory = group.memory { add(memory, labels, sample.cgroupVersion2, &text) }
    if let processes = group.processes {
      text.add(
        .gauge, "container_threads", "Processes and threads of a container.", labels: labels,
        Double(processes.current))
      if let limit = processes.limit {
        text.add(
          .gauge, "container_threads_max", "Processes and threads that a container may have.", labels: labels,
          Double(limit))
      }
    }
    for network in sample.networks { add(network, view, labels, &text) }
    addBlocks(group, labels, &text)
  }

  private static func labels(_ view: ContainerView) -> [(String, String)] {
    let record = view.record
    var labels = [("id", record.id.hex), ("name", record.name), ("image", record.settings.image)]
    for name in copiedLabels {
      guard let value = record.labels[name] else { continue }
      labels.append(("container_label_" + String(name.map { $0.isLetter ? $0 : "_" }), value))
    }
    return labels
  }

  private static func state(_ view: ContainerView, _ labels: [(String, String)], _ text: inout MetricsText) {
    let run = view.record.run
    text.add(
      .gauge, "bulkhead_container_running", "1 while a container runs, paused ones too.", labels: labels,
      run.isRunning ? 1 : 0)
    text.add(
      .counter, "bulkhead_container_restarts_total", "Restarts by the restart policy.", labels: labels,
      Double(run.restartCount))
    if run.startedAt > 0 {
      text.add(
        .gauge, "container_start_time_seconds", "When a container started last, in seconds since 1970.",
        labels: labels, Double(run.startedAt) / 1e9)
    }
    if run.finishedAt > 0, !run.isRunning {
      text.add(
        .gauge, "bulkhead_container_exit_code", "The exit code of a container's last run.", labels: labels,
        Double(run.exitCode))
    }
    if let health = view.health, health.status != .none {
      text.add(
        .gauge, "bulkhead_container_healthy", "1 for a container whose health check says so.", labels: labels,
        health.status == .healthy ? 1 : 0)
    }
  }

  private static func add(_ cpu: CgroupStats.CPU, _ labels: [(String, String)], _ text: inout MetricsText) {
    func seconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) / 1e9 }
    text.add(
      .counter, "container_cpu_usage_seconds_total", "Processor time of a container.", labels: labels,
      seconds(cpu.usageNanoseconds))
    text.add(
      .counter, "container_cpu_user_seconds_total", "Processor time of a container's programs.", labels: labels,
      seconds(cpu.userNanoseconds))
    text.add(
      .counter, "container_cpu_system_seconds_total", "Processor time of the kernel for a container.",
      labels: labels, seconds(cpu.systemNanoseconds))
    text.add(
      .counter, "container_cpu_cfs_periods_total", "Periods in which a container had a limit of processor time.",
      labels: labels, Double(cpu.periods))
    text.add(
      .counter, "container_cpu_cfs_throttled_periods_total", "Of these, periods in which it was held back.",
      labels: labels, Double(cpu.throttledPeriods))
    text.add(
      .counter, "container_cpu_cfs_throttled_seconds_total", "How long a container was held back.", labels: labels,
      seconds(cpu.throttledNanoseconds))
  }

  private static func add(
    _ memory: CgroupStats.Memory, _ labels: [(String, String)], _ isVersion2: Bool, _ text: inout MetricsText
  ) {
    // The page cache that the kernel can take back at once does not count as in use.
    let inactive = memory.statistics[isVersion2 ? "inactive_file" : "total_inactive_file"] ?? 0
    text.add(
      .gauge, "container_memory_usage_bytes", "Memory of a container with its page cache.", labels: labels,
      Double(memory.usageBytes))
    text.add(
      .gauge, "container_memory_working_set_bytes", "Memory of a container that cannot be taken back at once.",
      labels: labels, Double(memory.usageBytes - min(inactive, memory.usageBytes)))
    if let limit = memory.limitBytes {
      text.add(
        .gauge, "container_spec_memory_limit_bytes", "Memory that a container may use.", labels: labels,
        Double(limit))
    }
    text.add(
      .counter, "container_oom_events_total", "Processes of a container that were killed for memory.",
      labels: labels, Double(memory.oomKills))
  }

  private static func add(
    _ network: StatsSample.Network, _ view: ContainerView, _ labels: [(String, String)], _ text: inout MetricsText
  ) {
    let name = view.record.endpoints.first { $0.value.interfaceContainer == network.name }?.key ?? ""
    let labels = labels + [("interface", network.name), ("network", name)]
    let values: [(String, StaticString, UInt64)] = [
      ("container_network_receive_bytes_total", "Bytes that a container received.", network.receivedBytes),
      ("container_network_receive_packets_total", "Packets that a container received.", network.receivedPackets),
      ("container_network_receive_errors_total", "Packets that it received with errors.", network.receiveErrors),
      (
        "container_network_receive_packets_dropped_total", "Packets to it that were dropped.",
        network.receiveDropped
      ),
      ("container_network_transmit_bytes_total", "Bytes that a container sent.", network.sentBytes),
      ("container_network_transmit_packets_total", "Packets that a container sent.", network.sentPackets),
      ("container_network_transmit_errors_total", "Packets that it could not send.", network.sendErrors),
      (
        "container_network_transmit_packets_dropped_total", "Packets of it that were dropped.", network.sendDropped
      ),
    ]
    for (name, help, value) in values { text.add(.counter, name, help, labels: labels, Double(value)) }
  }

  private static func addBlocks(_ group: CgroupStats, _ labels: [(String, String)], _ text: inout MetricsText) {
    func add(_ entries: [CgroupStats.BlockIO], _ operation: String, _ name: String, _ help: StaticString) {
      for entry in entries where entry.operation.lowercased() == operation {
        text.add(
          .counter, name, help, labels: labels + [("device", "\(entry.device.major):\(entry.device.minor)")],
          Double(entry.value))
      }
    }
    add(group.ioServiceBytes, "read", "container_fs_reads_bytes_total", "Bytes that a container read from disks.")
    add(group.ioServiceBytes, "write", "container_fs_writes_bytes_total", "Bytes that a container wrote to disks.")
    add(group.ioServiced, "read", "container_fs_reads_total", "Reads of a container from disks.")
    add(group.ioServiced, "write", "container_fs_writes_total", "Writes of a container to disks.")
  }
}
