import Model

extension ServiceDecoder {
  /// Names, replicas and how they are replaced.
  mutating func readNumber() throws(ComposeFault) {
    service.containerName = fields.text("container_name")
    service.hostname = fields.text("hostname")
    service.domainName = fields.text("domainname")
    service.profiles = fields.texts("profiles")
    let scale = fields.integer("scale")
    let deploy = fields.below("deploy")
    let replicas = deploy?.integer("replicas")
    if let scale, let replicas, scale != replicas {
      try faults.add(fields.fault("scale", "is \(scale), and 'deploy.replicas' is \(replicas): write one of them"))
    }
    service.replicas = Int(scale ?? replicas ?? 1)
    if let deploy { try readDeploy(deploy, scale: scale ?? replicas) }
    if service.containerName != nil, service.replicas > 1 {
      try faults.add(
        fields.fault("container_name", "a service of \(service.replicas) containers cannot have one name for them"))
    }
    if let exposed = fields.below("x-bulkhead")?.below("expose") {
      service.balancer = try faults.attempt { () throws(ComposeFault) in try balanced(exposed) }
    }
  }

  private mutating func readDeploy(_ deploy: Fields, scale: Int64?) throws(ComposeFault) {
    switch deploy.text("mode") {
    case "replicated-job", "global-job":
      try faults.add(
        deploy.fault(
          "mode", "jobs are not supported: write 'restart: \"no\"' and wait with 'service_completed_successfully'",
          .unsupported))
    case "global":
      if scale != nil { try faults.add(deploy.fault("mode", "global services have no number of replicas")) }
      warnings.append(
        ComposeWarning(
          at: deploy["mode"]?.at, key: deploy.place("mode"), "is as one replica: there is one machine"))
    default: break
    }
    service.deploy.update = update(deploy.below("update_config"))
    if let config = deploy.below("update_config"), let action = config.text("failure_action"), action != "pause" {
      warnings.append(
        ComposeWarning(
          at: config["failure_action"]?.at, key: config.place("failure_action"),
          "is not heeded: an update ends with the first failure, and what is not replaced yet goes on"))
    }
  }

  private func update(_ fields: Fields?) -> ComposeDeploy.Update {
    var update = ComposeDeploy.Update()
    guard let fields else { return update }
    update.parallelism = Int(fields.integer("parallelism") ?? 1)
    update.delayNanoseconds = fields.nanoseconds("delay") ?? 0
    update.monitorNanoseconds = fields.nanoseconds("monitor") ?? 0
    update.order = fields.text("order").flatMap(ComposeDeploy.Order.init)
    return update
  }

  private func balanced(_ fields: Fields) throws(ComposeFault) -> ComposeBalancedPort {
    let mode = fields.text("mode").flatMap(ComposeBalancedPort.Mode.init) ?? .http
    for name in ["host", "check"] where mode == .tcp && fields[name] != nil {
      try faults.add(fields.fault(name, "is for 'mode: http'"))
    }
    let host = fields.text("host")
    if let host, !Self.isHostName(host) {
      try faults.add(fields.fault("host", "'\(host.prefix(100))' is no host's name"))
    }
    let check = fields.text("check")
    if let check,
      !check.hasPrefix("/")
        || !check.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && ![0x22, 0x23, 0x27, 0x5C].contains($0) })
    {
      try faults.add(fields.fault("check", "'\(check.prefix(100))' is no path such as /healthz"))
    }
    guard let port = fields.integer("port").flatMap({ UInt16(exactly: $0) }) else {
      throw fields.fault("'port' is missing: the port of the host")
    }
    guard let target = fields.integer("target").flatMap({ UInt16(exactly: $0) }) ?? firstPort() else {
      throw fields.fault("'target' is missing: the port inside, as the service has no 'expose' and no 'ports'")
    }
    return ComposeBalancedPort(
      port: port, address: fields.text("address") ?? "", target: target, mode: mode, host: host, checkPath: check)
  }

  private func firstPort() -> UInt16? {
    if let text = fields.texts("expose").first { return UInt16(text.prefix { $0.isNumber }) }
    return fields.list("ports").first?.integer("target").flatMap { UInt16(exactly: $0) }
  }

  private static func isHostName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 253
      && text.utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2D
          || $0 == 0x2E
      }
  }

  // MARK: Limits

  mutating func readLimits() throws(ComposeFault) {
    let resources = fields.below("deploy")?.below("resources")
    let (limits, reservations) = (resources?.below("limits"), resources?.below("reservations"))
    var result = ResourceSettings()
    func one<Value: Equatable>(
      _ name: String, _ here: Value?, _ there: Value?, _ other: String
    ) throws(ComposeFault) -> Value? {
      if let here, let there, here != there {
        try faults.add(fields.fault(name, "differs from '\(other)': write one of them"))
      }
      return here ?? there
    }
    result.memoryBytes =
      try one("mem_limit", fields.size("mem_limit"), limits?.size("memory"), "deploy.resources.limits.memory") ?? 0
    result.memoryReservationBytes =
      try one(
        "mem_reservation", fields.size("mem_reservation"), reservations?.size("memory"),
        "deploy.resources.reservations.memory") ?? 0
    result.nanoCPUs =
      try one("cpus", fields.billionths("cpus"), limits?.billionths("cpus"), "deploy.resources.limits.cpus") ?? 0
    result.pidsLimit = try one(
      "pids_limit", fields.integer("pids_limit"), limits?.integer("pids"), "deploy.resources.limits.pids")
    result.memorySwapBytes = fields.size("memswap_limit") ?? 0
    result.memorySwappiness = fields.integer("mem_swappiness")
    result.oomKillDisable = fields.flag("oom_kill_disable")
    result.cpuShares = fields.integer("cpu_shares") ?? 0
    result.cpuPeriodMicroseconds = fields.integer("cpu_period") ?? 0
    result.cpuQuotaMicroseconds = fields.integer("cpu_quota") ?? 0
    result.cpuRealtimePeriodMicroseconds = fields.integer("cpu_rt_period") ?? 0
    result.cpuRealtimeRuntimeMicroseconds = fields.integer("cpu_rt_runtime") ?? 0
    result.cpusetCPUs = fields.text("cpuset") ?? ""
    if result.nanoCPUs > 0, result.cpuQuotaMicroseconds > 0 || result.cpuPeriodMicroseconds > 0 {
      try faults.add(fields.fault("cpus", "stands beside 'cpu_quota' or 'cpu_period': write one of them"))
    }
    if let block = fields.below("blkio_config") { try readBlockDevices(block, &result) }
    service.resources = result
    service.oomScoreAdjustment = fields.integer("oom_score_adj").map { Int($0) }
    service.sharedMemorySizeBytes = fields.size("shm_size")
    for (name, limit) in fields.named("ulimits") {
      let (soft, hard) = (limit.integer("soft") ?? 0, limit.integer("hard") ?? 0)
      guard hard == -1 || (soft != -1 && soft <= hard) else {
        try faults.add(limit.fault("soft", "\(soft) is more than 'hard', which is \(hard)"))
        continue
      }
      service.resourceLimits.append(ResourceLimit(name: name, soft: soft, hard: hard))
    }
    service.resourceLimits.sort { $0.name < $1.name }
  }

  private func readBlockDevices(_ block: Fields, _ result: inout ResourceSettings) throws(ComposeFault) {
    result.blockWeight = block.integer("weight").flatMap { UInt16(exactly: $0) } ?? 0
    func throttles(_ name: String, _ value: String) throws(ComposeFault) -> [DeviceThrottle] {
      var result: [DeviceThrottle] = []
      for device in block.list(name) {
        guard let path = device.text("path"), let rate = device.integer(value) else {
          try faults.add(device.fault("'path' and '\(value)' are needed"))
          continue
        }
        result.append(DeviceThrottle(path: path, rate: UInt64(clamping: rate)))
      }
      return result
    }
    result.blockWeightDevices = try throttles("weight_device", "weight")
    result.blockReadBytesPerSecond = try throttles("device_read_bps", "rate")
    result.blockWriteBytesPerSecond = try throttles("device_write_bps", "rate")
    result.blockReadOperationsPerSecond = try throttles("device_read_iops", "rate")
    result.blockWriteOperationsPerSecond = try throttles("device_write_iops", "rate")
  }
}
