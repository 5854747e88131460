import Model

extension SettingsValidator {
  /// Docker's least memory: 6 MiB, below which no process starts.
  private static let minimumMemoryBytes: Int64 = 6 << 20

  /// The limits alone, as `docker update` changes them. Returns warnings; throws as `validate(_:)`.
  public func validate(_ resources: ResourceSettings) throws -> [String] {
    var warnings: [String] = []
    try checkMemory(resources, &warnings)
    try checkProcessor(resources, &warnings)
    try checkSets(resources, &warnings)
    try checkBlock(resources, &warnings)
    if let limit = resources.pidsLimit, limit > 0, !host.controllers.contains("pids") {
      warnings.append(discarded("PIDs limit"))
    }
    return warnings
  }

  private func fail(_ setting: ContainerSetting, _ message: String) -> PlatformError {
    PlatformError(.invalidArgument, message).about(setting)
  }

  private func discarded(_ what: String) -> String {
    "The host's kernel does not support \(what), or the cgroup is not mounted. The limit is discarded."
  }

  private func checkMemory(_ resources: ResourceSettings, _ warnings: inout [String]) throws {
    let memory = resources.memoryBytes
    let swap = resources.memorySwapBytes
    let reservation = resources.memoryReservationBytes
    guard memory == 0 || memory >= Self.minimumMemoryBytes else {
      throw fail(.memory, "Minimum memory limit allowed is 6MB")
    }
    if memory > 0, swap > 0, swap < memory {
      throw fail(.memorySwap, "Minimum memoryswap limit should be larger than memory limit, see usage")
    }
    if memory == 0, swap > 0 {
      throw fail(.memorySwap, "You should always set the Memory limit when using Memoryswap limit, see usage")
    }
    guard swap >= -1 else { throw fail(.memorySwap, "Invalid value: \(swap), valid memory swap is -1 or more") }
    if let swappiness = resources.memorySwappiness, !(-1...100).contains(swappiness) {
      throw fail(.memorySwappiness, "Invalid value: \(swappiness), valid memory swappiness range is 0-100")
    }
    guard reservation == 0 || reservation >= Self.minimumMemoryBytes else {
      throw fail(.memoryReservation, "Minimum memory reservation allowed is 6MB")
    }
    if memory > 0, reservation > 0, memory < reservation {
      throw fail(.memoryReservation, "Minimum memory limit can not be less than memory reservation limit, see usage")
    }
    let hasMemory = host.controllers.contains("memory")
    if !hasMemory, memory > 0 || reservation > 0 { warnings.append(discarded("memory limits")) }
    if hasMemory, !host.swapLimits, swap > 0 { warnings.append(discarded("swap limits")) }
    if host.cgroupMode == .v2 {
      if let swappiness = resources.memorySwappiness, swappiness >= 0 {
        warnings.append(discarded("memory swappiness"))
      }
      if resources.oomKillDisable == true { warnings.append(discarded("OomKillDisable")) }
    } else if resources.oomKillDisable == true, memory == 0 {
      warnings.append(
        "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out "
          + "of resources.")
    }
  }

  private func checkProcessor(_ resources: ResourceSettings, _ warnings: inout [String]) throws {
    if resources.nanoCPUs > 0, resources.cpuPeriodMicroseconds > 0 {
      throw fail(.cpus, "Conflicting options: Nano CPUs and CPU Period cannot both be set.")
    }
    if resources.nanoCPUs > 0, resources.cpuQuotaMicroseconds != 0 {
      throw fail(.cpus, "Conflicting options: Nano CPUs and CPU Quota cannot both be set.")
    }
    // A hundredth of a processor is the kernel's least quota, 1 ms in 100 ms.
    let count = max(host.processors.count, 1)
    guard resources.nanoCPUs == 0 || (10_000_000...Int64(count) * 1_000_000_000).contains(resources.nanoCPUs) else {
      throw fail(
        .cpus,
        "Range of CPUs is from 0.01 to \(count).00, as there are only \(count) CPUs available")
    }
    guard resources.cpuShares >= 0, resources.cpuShares <= 262_144 else {
      throw fail(.cpuShares, "Invalid value \(resources.cpuShares), range for cpu shares is [0, 262144]")
    }
    let period = resources.cpuPeriodMicroseconds
    guard period == 0 || (1000...1_000_000).contains(period) else {
      throw fail(.cpuPeriod, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")
    }
    let quota = resources.cpuQuotaMicroseconds
    guard quota <= 0 || quota >= 1000 else {
      throw fail(.cpuQuota, "CPU cfs quota can not be less than 1ms (i.e. 1000)")
    }
    let wantsProcessor = resources.nanoCPUs > 0 || period > 0 || quota > 0 || resources.cpuShares > 0
    if wantsProcessor, !host.controllers.contains("cpu") { warnings.append(discarded("CPU limits")) }
    let runtime = resources.cpuRealtimeRuntimeMicroseconds
    let realtimePeriod = resources.cpuRealtimePeriodMicroseconds
    if runtime > 0, realtimePeriod > 0, runtime > realtimePeriod {
      throw fail(.cpuRealtime, "cpu real-time runtime cannot be higher than cpu real-time period")
    }
  }

  private func checkSets(_ resources: ResourceSettings, _ warnings: inout [String]) throws {
    let sets: [(ContainerSetting, String, String, String, Set<Int>)] = [
      (.cpusetCPUs, "cpuset cpus", "CPUs", resources.cpusetCPUs, host.processors),
      (.cpusetMemoryNodes, "cpuset mems", "memory nodes", resources.cpusetMemoryNodes, host.memoryNodes),
    ]
    for (setting, name, things, text, available) in sets where !text.isEmpty {
      guard let wanted = IndexList.parse(text) else {
        throw fail(setting, "Invalid value \(text.prefix(100)) for \(name)")
      }
      guard wanted.isSubset(of: available) else {
        throw fail(
          setting,
          "Requested \(things) are not available - requested \(text.prefix(100)), available: \(IndexList.text(available))"
        )
      }
      if !host.controllers.contains("cpuset") { warnings.append(discarded("cpusets")) }
    }
  }

  private func checkBlock(_ resources: ResourceSettings, _ warnings: inout [String]) throws {
    guard resources.blockWeight == 0 || (10...1000).contains(resources.blockWeight) else {
      throw fail(.blockWeight, "Range of blkio weight is from 10 to 1000")
    }
    for device in resources.blockWeightDevices where !(10...1000).contains(device.rate) {
      throw fail(.blockDevices, "Range of blkio weight is from 10 to 1000")
    }
    let throttles =
      resources.blockReadBytesPerSecond + resources.blockWriteBytesPerSecond + resources.blockReadOperationsPerSecond
      + resources.blockWriteOperationsPerSecond
    for device in throttles + resources.blockWeightDevices where !device.path.hasPrefix("/dev/") {
      throw fail(.blockDevices, "bad format for device path: \(device.path.prefix(200))")
    }
    let wantsBlock = resources.blockWeight > 0 || !throttles.isEmpty || !resources.blockWeightDevices.isEmpty
    if wantsBlock, host.controllers.isDisjoint(with: ["blkio", "io"]) {
      warnings.append(discarded("block I/O limits"))
      return
    }
    guard !host.blockWeights else { return }
    if resources.blockWeight > 0 {
      warnings.append(
        "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.")
    }
    if !resources.blockWeightDevices.isEmpty {
      warnings.append(
        "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.")
    }
  }
}
