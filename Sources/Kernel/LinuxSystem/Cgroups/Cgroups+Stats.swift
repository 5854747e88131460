import Glibc

extension Cgroups {
  /// From this on, a limit of version 1 means none (LONG_MAX in whole pages).
  private static let noLimit: UInt64 = 0x7FFF_FFFF_FFFF_0000

  /// Reads all counters of a cgroup.
  /// - Throws: ENOENT when no hierarchy has it.
  public func readStats(_ path: CgroupPath) throws -> CgroupStats {
    if !exists(path) { throw SystemError(errno: ENOENT, operation: "cgroup", subject: path.text) }
    var stats = CgroupStats()
    stats.cpu = layout.controllers["cpuacct"] != nil ? try cpuV1(path) : try cpuV2(path)
    stats.memory = layout.controllers["memory"] != nil ? try memoryV1(path) : try memoryV2(path)
    stats.processes = try processCounts(path)
    if layout.controllers["blkio"] != nil {
      stats.ioServiceBytes =
        try bytes(path, "blkio", "blkio.throttle.io_service_bytes_recursive").map(Self.blockV1) ?? []
      stats.ioServiced = try bytes(path, "blkio", "blkio.throttle.io_serviced_recursive").map(Self.blockV1) ?? []
    } else if let content = try bytes(path, "io", "io.stat") {
      (stats.ioServiceBytes, stats.ioServiced) = Self.blockV2(content)
    }
    return stats
  }

  /// Processes of a cgroup that were killed for lack of memory, nil without the memory controller.
  public func oomKills(_ path: CgroupPath) throws -> UInt64? {
    let name = layout.controllers["memory"] != nil ? "memory.oom_control" : "memory.events"
    return try bytes(path, "memory", name).map { CgroupText.table($0)["oom_kill"] ?? 0 }
  }

  private func cpuV1(_ path: CgroupPath) throws -> CgroupStats.CPU? {
    guard let usage = try number(path, "cpuacct", "cpuacct.usage") else { return nil }
    var cpu = CgroupStats.CPU()
    cpu.usageNanoseconds = usage
    cpu.userNanoseconds = try number(path, "cpuacct", "cpuacct.usage_user") ?? 0
    cpu.systemNanoseconds = try number(path, "cpuacct", "cpuacct.usage_sys") ?? 0
    let each = try bytes(path, "cpuacct", "cpuacct.usage_percpu") ?? []
    cpu.perProcessorNanoseconds = CgroupText.words(each).compactMap { UInt64($0) }
    let table = CgroupText.table(try bytes(path, "cpu", "cpu.stat") ?? [])
    cpu.periods = table["nr_periods"] ?? 0
    cpu.throttledPeriods = table["nr_throttled"] ?? 0
    cpu.throttledNanoseconds = table["throttled_time"] ?? 0
    return cpu
  }

  private func cpuV2(_ path: CgroupPath) throws -> CgroupStats.CPU? {
    guard let content = try bytes(path, "cpu", "cpu.stat") else { return nil }
    let table = CgroupText.table(content)
    let nanoseconds = { (key: String) in (table[key] ?? 0) &* 1000 }
    var cpu = CgroupStats.CPU()
    cpu.usageNanoseconds = nanoseconds("usage_usec")
    cpu.userNanoseconds = nanoseconds("user_usec")
    cpu.systemNanoseconds = nanoseconds("system_usec")
    cpu.periods = table["nr_periods"] ?? 0
    cpu.throttledPeriods = table["nr_throttled"] ?? 0
    cpu.throttledNanoseconds = nanoseconds("throttled_usec")
    return cpu
  }

  private func memoryV1(_ path: CgroupPath) throws -> CgroupStats.Memory? {
    guard let usage = try number(path, "memory", "memory.usage_in_bytes") else { return nil }
    var memory = CgroupStats.Memory()
    memory.usageBytes = usage
    memory.limitBytes = try number(path, "memory", "memory.limit_in_bytes").flatMap { $0 >= Self.noLimit ? nil : $0 }
    memory.maxUsageBytes = try number(path, "memory", "memory.max_usage_in_bytes")
    memory.failCount = try number(path, "memory", "memory.failcnt") ?? 0
    memory.oomKills = try oomKills(path) ?? 0
    memory.statistics = CgroupText.table(try bytes(path, "memory", "memory.stat") ?? [])
    return memory
  }

  private func memoryV2(_ path: CgroupPath) throws -> CgroupStats.Memory? {
    guard let usage = try number(path, "memory", "memory.current") else { return nil }
    var memory = CgroupStats.Memory()
    memory.usageBytes = usage
    memory.limitBytes = try number(path, "memory", "memory.max")
    memory.maxUsageBytes = try number(path, "memory", "memory.peak")
    let events = CgroupText.table(try bytes(path, "memory", "memory.events") ?? [])
    memory.failCount = events["max"] ?? 0
    memory.oomKills = events["oom_kill"] ?? 0
    memory.statistics = CgroupText.table(try bytes(path, "memory", "memory.stat") ?? [])
    return memory
  }

  private func processCounts(_ path: CgroupPath) throws -> CgroupStats.Processes? {
    guard let current = try number(path, "pids", "pids.current") else { return nil }
    var processes = CgroupStats.Processes()
    processes.current = current
    processes.limit = try number(path, "pids", "pids.max")
    return processes
  }

  /// Lines "8:0 Read 4096".
  static func blockV1(_ content: [UInt8]) -> [CgroupStats.BlockIO] {
    CgroupText.lines(content).compactMap { line in
      let words = line.split(separator: " ")
      guard words.count == 3, let device = device(words[0]), let value = UInt64(words[2]) else { return nil }
      return CgroupStats.BlockIO(device: device, operation: String(words[1]), value: value)
    }
  }

  /// Lines "8:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6".
  static func blockV2(_ content: [UInt8]) -> (bytes: [CgroupStats.BlockIO], operations: [CgroupStats.BlockIO]) {
    let names = ["r": "Read", "w": "Write", "d": "Discard"]
    var result: (bytes: [CgroupStats.BlockIO], operations: [CgroupStats.BlockIO]) = ([], [])
    for line in CgroupText.lines(content) {
      let words = line.split(separator: " ")
      guard let first = words.first, let device = device(first) else { continue }
      for word in words.dropFirst() {
        let pair = word.split(separator: "=")
        guard pair.count == 2, let value = UInt64(pair[1]), let operation = names[String(pair[0].prefix(1))] else {
          continue
        }
        let entry = CgroupStats.BlockIO(device: device, operation: operation, value: value)
        switch pair[0].dropFirst() {
        case "bytes": result.bytes.append(entry)
        case "ios": result.operations.append(entry)
        default: break
        }
      }
    }
    return result
  }

  private static func device(_ text: Substring) -> DeviceNumber? {
    let parts = text.split(separator: ":")
    guard parts.count == 2, let major = UInt32(parts[0]), let minor = UInt32(parts[1]) else { return nil }
    return DeviceNumber(major: major, minor: minor)
  }

  /// nil for what is missing, and for "max".
  private func number(_ path: CgroupPath, _ controller: String, _ name: String) throws -> UInt64? {
    try bytes(path, controller, name).flatMap { CgroupText.words($0).first }.flatMap { UInt64($0) }
  }

  private func bytes(_ path: CgroupPath, _ controller: String, _ name: String) throws -> [UInt8]? {
    guard let directory = layout.directory(controller, path) else { return nil }
    do {
      return try FileSystem.read("\(directory)/\(name)", maxBytes: Limits.kernelFileBytes)
    } catch let error as SystemError where [ENOENT, ENODEV, EOPNOTSUPP].contains(error.errno) {
      // No such controller here, the cgroup is being removed, or the device does not count.
      return nil
    }
  }
}
