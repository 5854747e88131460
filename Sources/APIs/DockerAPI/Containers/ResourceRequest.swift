import Model

/// The limits in a create or update request.
enum ResourceRequest {
  static func resources(_ fields: JSONFields, version: APIVersion) throws -> ResourceSettings {
    var resources = ResourceSettings()
    try apply(fields, version: version, to: &resources)
    return resources
  }

  /// Changes what the request names with a value that is not zero; the rest stays.
  static func apply(_ fields: JSONFields, version: APIVersion, to resources: inout ResourceSettings) throws {
    try applyMemory(fields, to: &resources)
    try applyProcessors(fields, to: &resources)
    try applyBlockDevices(fields, to: &resources)
    let pids = try fields.integer("PidsLimit")
    if version >= .v1(40), let pids { resources.pidsLimit = pids == 0 ? nil : max(-1, pids) }
    let kernel = try fields.integer("KernelMemory") ?? 0
    if version < .v1(42), kernel != 0 { resources.kernelMemoryBytes = kernel }
    fields.ignore("KernelMemoryTCP")
  }

  private static func change(_ fields: JSONFields, _ name: String, _ target: inout Int64) throws {
    if let value = try fields.integer(name), value != 0 { target = value }
  }

  private static func applyMemory(_ fields: JSONFields, to resources: inout ResourceSettings) throws {
    try change(fields, "Memory", &resources.memoryBytes)
    try change(fields, "MemoryReservation", &resources.memoryReservationBytes)
    try change(fields, "MemorySwap", &resources.memorySwapBytes)
    if let value = try fields.integer("MemorySwappiness", in: Int64(-1)...100), value >= 0 {
      resources.memorySwappiness = value
    }
    if let value = try fields.bool("OomKillDisable") { resources.oomKillDisable = value }
  }

  private static func applyProcessors(_ fields: JSONFields, to resources: inout ResourceSettings) throws {
    try change(fields, "NanoCpus", &resources.nanoCPUs)
    try change(fields, "CpuShares", &resources.cpuShares)
    try change(fields, "CpuPeriod", &resources.cpuPeriodMicroseconds)
    try change(fields, "CpuQuota", &resources.cpuQuotaMicroseconds)
    try change(fields, "CpuRealtimePeriod", &resources.cpuRealtimePeriodMicroseconds)
    try change(fields, "CpuRealtimeRuntime", &resources.cpuRealtimeRuntimeMicroseconds)
    if let set = try fields.text("CpusetCpus") { resources.cpusetCPUs = set }
    if let set = try fields.text("CpusetMems") { resources.cpusetMemoryNodes = set }
  }

  private static func applyBlockDevices(_ fields: JSONFields, to resources: inout ResourceSettings) throws {
    if let weight = try fields.integer("BlkioWeight", in: UInt16(0)...1_000), weight != 0 {
      guard weight >= 10 else { throw fields.failure("BlkioWeight", "range of blkio weight is from 10 to 1000") }
      resources.blockWeight = weight
    }
    func throttles(_ name: String, _ value: String, _ target: inout [DeviceThrottle]) throws {
      guard let devices = try fields.objects(name), !devices.isEmpty else { return }
      target = try devices.map { device in
        guard let path = try device.text("Path") else { throw device.failure("Path", "must name a device") }
        let rate = try device.integer(value, in: UInt64(0)...UInt64(Int64.max)) ?? 0
        try device.finish()
        return DeviceThrottle(path: path, rate: rate)
      }
    }
    try throttles("BlkioWeightDevice", "Weight", &resources.blockWeightDevices)
    try throttles("BlkioDeviceReadBps", "Rate", &resources.blockReadBytesPerSecond)
    try throttles("BlkioDeviceWriteBps", "Rate", &resources.blockWriteBytesPerSecond)
    try throttles("BlkioDeviceReadIOps", "Rate", &resources.blockReadOperationsPerSecond)
    try throttles("BlkioDeviceWriteIOps", "Rate", &resources.blockWriteOperationsPerSecond)
  }

  static func resourceLimits(_ fields: JSONFields) throws -> [ResourceLimit] {
    try (fields.objects("Ulimits") ?? []).map { limit in
      guard let name = try limit.text("Name") else { throw limit.failure("Name", "must name a limit") }
      let soft = try limit.integer("Soft") ?? 0
      let hard = try limit.integer("Hard") ?? 0
      guard hard == -1 || (soft != -1 && soft <= hard) else {
        throw limit.failure("Soft", "ulimit soft limit must be less than or equal to hard limit: \(soft) > \(hard)")
      }
      try limit.finish()
      return ResourceLimit(name: name, soft: soft, hard: hard)
    }
  }

  /// The body of `POST /containers/{id}/update`.
  static func update(
    _ fields: JSONFields, version: APIVersion
  ) throws -> (apply: @Sendable (inout ResourceSettings) -> Void, restart: RestartPolicy?) {
    let restart =
      try fields.object("RestartPolicy").flatMap { try $0.text("Name") } == nil
      ? nil : HostConfigRequest.restartPolicy(fields)
    var changed = ResourceSettings()
    try apply(fields, version: version, to: &changed)
    if version >= .v1(40), try fields.integer("PidsLimit") == 0 { changed.pidsLimit = -1 }
    fields.ignore("RestartPolicy")
    // What cannot be changed while a container lives.
    try fields.refuse(
      "CgroupParent", "Devices", "DeviceCgroupRules", "DeviceRequests", "Ulimits", "CpuCount", "CpuPercent",
      "IOMaximumIOps", "IOMaximumBandwidth")
    try fields.finish()
    let change = changed
    return ({ present in merge(change, into: &present) }, restart)
  }

  private static func merge(_ change: ResourceSettings, into present: inout ResourceSettings) {
    func take<Value: Equatable>(_ path: WritableKeyPath<ResourceSettings, Value>) {
      let value = change[keyPath: path]
      if value != ResourceSettings()[keyPath: path] { present[keyPath: path] = value }
    }
    take(\.memoryBytes)
    take(\.memoryReservationBytes)
    take(\.memorySwapBytes)
    take(\.memorySwappiness)
    take(\.oomKillDisable)
    take(\.kernelMemoryBytes)
    take(\.nanoCPUs)
    take(\.cpuShares)
    take(\.cpuPeriodMicroseconds)
    take(\.cpuQuotaMicroseconds)
    take(\.cpuRealtimePeriodMicroseconds)
    take(\.cpuRealtimeRuntimeMicroseconds)
    take(\.cpusetCPUs)
    take(\.cpusetMemoryNodes)
    take(\.blockWeight)
    take(\.blockWeightDevices)
    take(\.blockReadBytesPerSecond)
    take(\.blockWriteBytesPerSecond)
    take(\.blockReadOperationsPerSecond)
    take(\.blockWriteOperationsPerSecond)
    take(\.pidsLimit)
  }
}
