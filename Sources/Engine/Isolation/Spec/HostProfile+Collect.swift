import LinuxSystem
import Model

extension HostProfile {
  /// Reads what this machine has from /proc and /sys. Blocks briefly.
  ///
  /// Throws `unavailable` where control groups or the kernel's version cannot be read; what else is missing counts as
  /// not there.
  public static func collect() throws -> HostProfile {
    do {
      let layout = try CgroupLayout.detect()
      let controllers: Set<String>
      if layout.mode == .v2, let unified = layout.unified {
        controllers = Set(words(text(unified + "/cgroup.controllers")))
      } else {
        controllers = Set(layout.controllers.keys)
      }
      let status = text("/proc/self/status")
      return HostProfile(
        cgroupMode: layout.mode, controllers: controllers, swapLimits: swapLimits(layout),
        blockWeights: blockWeights(layout), messageQueues: FileSystem.exists("/dev/mqueue"),
        memoryBytes: memoryBytes(text("/proc/meminfo")),
        processors: IndexList.parse(trimmed(text("/sys/devices/system/cpu/online"))) ?? [],
        memoryNodes: IndexList.parse(trimmed(text("/sys/devices/system/node/online"))).flatMap { $0.isEmpty ? nil : $0 }
          ?? [0],
        seccomp: FileSystem.exists("/proc/sys/kernel/seccomp/actions_avail"),
        appArmor: trimmed(text("/sys/module/apparmor/parameters/enabled")) == "Y",
        kernel: try KernelInfo.version(), architecture: KernelInfo.machine(),
        boundingCapabilities: capabilities(status: status),
        oomScoreAdjustment: Int(trimmed(text("/proc/self/oom_score_adj"))) ?? 0)
    } catch let error as SystemError {
      throw PlatformError(.unavailable, "failed to look at the host: \(error)", cause: error)
    }
  }

  /// The set that `CapBnd` of proc_pid_status(5) shows.
  static func capabilities(status: String) -> Set<Capability> {
    for line in status.split(separator: "\n") where line.hasPrefix("CapBnd:") {
      guard let mask = UInt64(trimmed(String(line.dropFirst(7))), radix: 16) else { return [] }
      return Set(Capability.allCases.filter { mask & (1 << UInt64($0.number)) != 0 })
    }
    return []
  }

  /// `MemTotal` of proc_meminfo(5).
  static func memoryBytes(_ text: String) -> UInt64 {
    for line in text.split(separator: "\n") where line.hasPrefix("MemTotal:") {
      let kibibytes = words(String(line)).dropFirst().first.flatMap { UInt64($0) } ?? 0
      return kibibytes.multipliedReportingOverflow(by: 1024).partialValue
    }
    return 0
  }

  /// The root group has no swap file of its own on v2, so that any group's is looked for.
  private static func swapLimits(_ layout: CgroupLayout) -> Bool {
    if layout.mode == .v2 {
      guard let unified = layout.unified, words(text(unified + "/cgroup.controllers")).contains("memory") else {
        return false
      }
      let groups = (try? FileSystem.list(unified)) ?? []
      let answers = groups.filter { FileSystem.exists("\(unified)/\($0)/memory.max") }
      return answers.isEmpty || answers.contains { FileSystem.exists("\(unified)/\($0)/memory.swap.max") }
    }
    return layout.controllers["memory"].map { FileSystem.exists($0 + "/memory.memsw.limit_in_bytes") } ?? false
  }

  /// The root group may have no weight of its own, so that any group's is looked for. crun writes `blkio.weight` on v1,
  /// never `blkio.bfq.weight`.
  private static func blockWeights(_ layout: CgroupLayout) -> Bool {
    let isV2 = layout.mode == .v2
    guard let root = isV2 ? layout.unified : layout.controllers["blkio"] else { return false }
    let files = isV2 ? ["io.weight", "io.bfq.weight"] : ["blkio.weight"]
    let groups = [root] + ((try? FileSystem.list(root)) ?? []).map { "\(root)/\($0)" }
    return groups.contains { group in files.contains { FileSystem.exists("\(group)/\($0)") } }
  }

  private static func text(_ path: String) -> String {
    String(decoding: (try? FileSystem.read(path, maxBytes: 1 << 20)) ?? [], as: UTF8.self)
  }

  private static func words(_ text: String) -> [String] {
    text.split(whereSeparator: { $0 == " " || $0 == "\n" || $0 == "\t" }).map(String.init)
  }

  private static func trimmed(_ text: String) -> String { words(text).first ?? "" }
}
