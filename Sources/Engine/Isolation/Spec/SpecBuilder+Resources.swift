import LinuxSystem
import Model
import OCITypes

extension SpecBuilder {
  typealias Linux = RuntimeSpec.Linux

  /// As many processes as the kernel numbers (PID_MAX_LIMIT): no limit. crun takes no negative number for it.
  static let mostProcesses: Int64 = 4_194_304

  /// The limits of the container's control group, with the device rules.
  static func resources(_ input: SpecInput, plan: Plan) throws -> RuntimeSpec.Linux.Resources {
    var resources = try limits(
      input.settings.host.resources, host: input.host, policy: input.policy, blockDevices: input.blockDevices)
    resources.devices = try deviceRules(input, plan: plan)
    return resources
  }

  /// The limits alone, as `docker update` changes them; without device rules.
  ///
  /// `blockDevices` has the numbers of every device the settings name; a missing one is `invalidArgument`.
  public static func limits(
    _ settings: ResourceSettings, host: HostProfile, policy: EnginePolicy, blockDevices: [String: DeviceNumber] = [:]
  ) throws -> RuntimeSpec.Linux.Resources {
    var resources = Linux.Resources()
    resources.memory = memory(settings, host: host)
    resources.cpu = processor(settings)
    let pids = settings.pidsLimit ?? policy.defaults.pidsLimit
    if host.controllers.contains("pids") {
      if pids > 0 {
        resources.pids = Linux.PIDs(limit: pids)
      } else if settings.pidsLimit != nil {
        resources.pids = Linux.PIDs(limit: mostProcesses)
      }
    }
    resources.blockIO = try blockIO(settings, host: host, devices: blockDevices)
    return resources
  }

  private static func memory(_ settings: ResourceSettings, host: HostProfile) -> Linux.Memory? {
    guard host.controllers.contains("memory") else { return nil }
    var memory = Linux.Memory()
    if settings.memoryBytes > 0 {
      memory.limit = settings.memoryBytes
      // Docker's rule: as much swap again as memory, unless said otherwise; the number counts both.
      if settings.memorySwapBytes == 0 { memory.swap = doubled(settings.memoryBytes) }
    }
    if settings.memorySwapBytes != 0 { memory.swap = settings.memorySwapBytes }
    if !host.swapLimits { memory.swap = nil }
    if settings.memoryReservationBytes > 0 { memory.reservation = settings.memoryReservationBytes }
    if host.cgroupMode != .v2 {
      if let swappiness = settings.memorySwappiness, (0...100).contains(swappiness) {
        memory.swappiness = UInt64(swappiness)
      }
      if settings.oomKillDisable == true { memory.disableOOMKiller = true }
    }
    return memory == Linux.Memory() ? nil : memory
  }

  private static func doubled(_ value: Int64) -> Int64 {
    let (result, overflow) = value.multipliedReportingOverflow(by: 2)
    return overflow ? -1 : result
  }

  private static func processor(_ settings: ResourceSettings) -> Linux.CPU? {
    var processor = Linux.CPU()
    if settings.nanoCPUs > 0 {
      // 100 ms periods, as the kernel's own default; the quota keeps five digits of the fraction.
      processor.period = 100_000
      processor.quota = settings.nanoCPUs / 10_000
    }
    if settings.cpuPeriodMicroseconds > 0 { processor.period = UInt64(settings.cpuPeriodMicroseconds) }
    if settings.cpuQuotaMicroseconds != 0 { processor.quota = settings.cpuQuotaMicroseconds }
    if settings.cpuShares > 0 { processor.shares = UInt64(settings.cpuShares) }
    if settings.cpuRealtimePeriodMicroseconds > 0 {
      processor.realtimePeriod = UInt64(settings.cpuRealtimePeriodMicroseconds)
    }
    if settings.cpuRealtimeRuntimeMicroseconds > 0 {
      processor.realtimeRuntime = settings.cpuRealtimeRuntimeMicroseconds
    }
    if !settings.cpusetCPUs.isEmpty { processor.cpus = settings.cpusetCPUs }
    if !settings.cpusetMemoryNodes.isEmpty { processor.mems = settings.cpusetMemoryNodes }
    return processor == Linux.CPU() ? nil : processor
  }

  private static func blockIO(
    _ settings: ResourceSettings, host: HostProfile, devices: [String: DeviceNumber]
  ) throws -> Linux.BlockIO? {
    guard !host.controllers.isDisjoint(with: ["blkio", "io"]) else { return nil }
    var block = Linux.BlockIO()
    if settings.blockWeight > 0 { block.weight = settings.blockWeight }
    func number(_ throttle: DeviceThrottle) throws -> DeviceNumber {
      guard let number = devices[throttle.path] else {
        throw PlatformError(.invalidArgument, "no such block device: \(throttle.path.prefix(200))")
          .about(.blockDevices, throttle.path)
      }
      return number
    }
    func rates(_ throttles: [DeviceThrottle]) throws -> [Linux.ThrottleDevice]? {
      guard !throttles.isEmpty else { return nil }
      return try throttles.map { throttle in
        let device = try number(throttle)
        return Linux.ThrottleDevice(major: Int64(device.major), minor: Int64(device.minor), rate: throttle.rate)
      }
    }
    if !settings.blockWeightDevices.isEmpty {
      block.weightDevice = try settings.blockWeightDevices.map { throttle in
        let device = try number(throttle)
        return Linux.WeightDevice(
          major: Int64(device.major), minor: Int64(device.minor), weight: UInt16(clamping: throttle.rate))
      }
    }
    block.throttleReadBpsDevice = try rates(settings.blockReadBytesPerSecond)
    block.throttleWriteBpsDevice = try rates(settings.blockWriteBytesPerSecond)
    block.throttleReadIOPSDevice = try rates(settings.blockReadOperationsPerSecond)
    block.throttleWriteIOPSDevice = try rates(settings.blockWriteOperationsPerSecond)
    return block == Linux.BlockIO() ? nil : block
  }
}
