/// Places in /proc and /sys that tell or change something of the whole host, although they are seen in every container.
public enum KernelPaths {
  /// Hidden: a file looks empty, a folder has nothing in it. Paths a kernel does not have are passed over.
  public static let masked = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
  ]

  /// Those that a client's own list must have, unless the policy allows privileged containers.
  static let essentialMasks: Set<String> = [
    "/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug", "/proc/scsi",
    "/proc/timer_list", "/sys/firmware",
  ]

  /// Seen, but never written, whatever the mode bits say.
  public static let readOnly = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
  ]

  /// Files of /proc that may be replaced by a mount; everything else there is the kernel's word on security.
  public static let replaceable: Set<String> = [
    "/proc/cpuinfo", "/proc/diskstats", "/proc/loadavg", "/proc/meminfo", "/proc/net/dev", "/proc/slabinfo",
    "/proc/stat", "/proc/swaps", "/proc/sys/kernel/ns_last_pid", "/proc/uptime",
  ]
}
