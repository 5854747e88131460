import ContainerEngine
import Glibc
import LinuxSystem
import Model

/// The answer to `GET /containers/{id}/stats`. The client computes percentages from two samples in one answer.
enum StatsResponse {
  /// The host's memory, which stands for the limit of containers without one.
  static let hostMemoryBytes = UInt64(max(0, sysconf(Int32(_SC_PHYS_PAGES)))) * UInt64(KernelInfo.pageBytes)

  static func encode(_ sample: StatsSample, before: StatsSample?, record: ContainerRecord) -> [UInt8] {
    JSONWriter.object(capacity: 4_096) { writer in
      writer.field("name", "/" + record.name)
      writer.field("id", record.id.hex)
      writer.field("read", sample.cgroup == nil ? Timestamps.never : Timestamps.rfc3339(sample.time))
      writer.field("preread", Timestamps.rfc3339(before?.time ?? 0))
      writer.object("pids_stats") { writer in
        guard let processes = sample.cgroup?.processes else { return }
        if processes.current != 0 { writer.field("current", processes.current) }
        writer.field("limit", processes.limit ?? UInt64.max)
      }
      blockIO(sample, into: &writer)
      writer.field("num_procs", 0)
      writer.object("storage_stats") { _ in }
      processor("cpu_stats", sample, into: &writer)
      processor("precpu_stats", before, into: &writer)
      memory(sample, record: record, into: &writer)
      if !sample.networks.isEmpty { networks(sample, into: &writer) }
    }
  }

  private static func processor(_ name: String, _ sample: StatsSample?, into writer: inout JSONWriter) {
    let cpu = sample?.cgroup?.cpu
    writer.object(name) { writer in
      writer.object("cpu_usage") { writer in
        writer.field("total_usage", cpu?.usageNanoseconds ?? 0)
        if let each = cpu?.perProcessorNanoseconds, !each.isEmpty { writer.list("percpu_usage", each) { $0.value($1) } }
        writer.field("usage_in_kernelmode", cpu?.systemNanoseconds ?? 0)
        writer.field("usage_in_usermode", cpu?.userNanoseconds ?? 0)
      }
      if let sample, sample.cgroup != nil {
        writer.field("system_cpu_usage", sample.systemCPUNanoseconds)
        writer.field("online_cpus", sample.onlineCPUs)
      }
      writer.object("throttling_data") { writer in
        writer.field("periods", cpu?.periods ?? 0)
        writer.field("throttled_periods", cpu?.throttledPeriods ?? 0)
        writer.field("throttled_time", cpu?.throttledNanoseconds ?? 0)
      }
    }
  }

  private static func memory(_ sample: StatsSample, record: ContainerRecord, into writer: inout JSONWriter) {
    writer.object("memory_stats") { writer in
      guard let memory = sample.cgroup?.memory else { return }
      writer.field("usage", memory.usageBytes)
      if let most = memory.maxUsageBytes, !sample.cgroupVersion2 { writer.field("max_usage", most) }
      writer.object("stats") { writer in
        for (name, value) in memory.statistics.sorted(by: { $0.key < $1.key }) { writer.field(name, value) }
      }
      if memory.failCount != 0 { writer.field("failcnt", memory.failCount) }
      // Without a limit docker tells the host's memory, so that the client's percentage means something.
      writer.field("limit", memory.limitBytes.map { min($0, hostMemoryBytes) } ?? hostMemoryBytes)
    }
  }

  private static func blockIO(_ sample: StatsSample, into writer: inout JSONWriter) {
    func entries(_ name: String, _ list: [CgroupStats.BlockIO]?, into writer: inout JSONWriter) {
      guard let list, !list.isEmpty else { return writer.null(name) }
      writer.list(name, list) { writer, entry in
        writer.object { writer in
          writer.field("major", entry.device.major)
          writer.field("minor", entry.device.minor)
          // Version 1 of the kernel's interface capitalises; docker shows what the kernel's own version writes.
          writer.field("op", sample.cgroupVersion2 ? entry.operation.lowercased() : entry.operation)
          writer.field("value", entry.value)
        }
      }
    }
    writer.object("blkio_stats") { writer in
      entries("io_service_bytes_recursive", sample.cgroup?.ioServiceBytes, into: &writer)
      entries("io_serviced_recursive", sample.cgroup?.ioServiced, into: &writer)
      for name in [
        "io_queue_recursive", "io_service_time_recursive", "io_wait_time_recursive", "io_merged_recursive",
        "io_time_recursive", "sectors_recursive",
      ] { writer.null(name) }
    }
  }

  private static func networks(_ sample: StatsSample, into writer: inout JSONWriter) {
    writer.object("networks") { writer in
      for network in sample.networks {
        writer.object(network.name) { writer in
          writer.field("rx_bytes", network.receivedBytes)
          writer.field("rx_packets", network.receivedPackets)
          writer.field("rx_errors", network.receiveErrors)
          writer.field("rx_dropped", network.receiveDropped)
          writer.field("tx_bytes", network.sentBytes)
          writer.field("tx_packets", network.sentPackets)
          writer.field("tx_errors", network.sendErrors)
          writer.field("tx_dropped", network.sendDropped)
        }
      }
    }
  }
}
