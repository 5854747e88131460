import Glibc
import LinuxSystem

extension MetricsText {
  /// What Prometheus's own libraries tell of the process that they run in, under the same names.
  /// - Parameter startedAt: seconds since 1970.
  public mutating func addProcess(startedAt: Double) {
    var usage = rusage()
    if getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 {
      add(
        .counter, "process_cpu_seconds_total", "Processor time of this process, user and system.",
        Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime))
    }
    if let memory = ProcessMemory.current() {
      add(.gauge, "process_virtual_memory_bytes", "Virtual memory of this process.", Double(memory.virtualBytes))
      add(.gauge, "process_resident_memory_bytes", "Resident memory of this process.", Double(memory.residentBytes))
    }
    if let open = try? FileSystem.list("/proc/self/fd").count {
      add(.gauge, "process_open_fds", "Open file descriptors of this process.", Double(open))
    }
    var limit = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      add(.gauge, "process_max_fds", "File descriptors that this process may have.", Double(limit.rlim_cur))
    }
    add(.gauge, "process_start_time_seconds", "When this process started, in seconds since 1970.", startedAt)
  }

  private static func seconds(_ time: timeval) -> Double { Double(time.tv_sec) + Double(time.tv_usec) / 1e6 }
}
