import Compose
import Glibc
import Model

extension ServiceBody {
  func host(ports: [ComposePort]) throws(ClientError) -> JSONValue {
    var host: JSONValue = ["NetworkMode": .string(try networkMode())]
    if let restart = service.restart, !isOneOff {
      host["RestartPolicy"] = [
        "Name": .string(restart.kind.rawValue), "MaximumRetryCount": .int(restart.maximumRetryCount),
      ]
    }
    if let logging = service.logging {
      host["LogConfig"] = ["Type": .string(logging.driver ?? ""), "Config": Self.map(logging.options)]
    }
    if !ports.isEmpty { host["PortBindings"] = Self.bindings(ports) }
    if let useInit = service.useInit { host["Init"] = .bool(useInit) }
    // On networks of the project they are the endpoints'.
    if service.networkMode != nil { host.set("Links", try links()) }
    host.set("ExtraHosts", service.extraHosts)
    host.set("Dns", service.dnsServers)
    host.set("DnsSearch", service.dnsSearch)
    host.set("DnsOptions", service.dnsOptions)
    try addFiles(to: &host)
    try addIsolation(to: &host)
    addLimits(to: &host)
    return host
  }

  private static func bindings(_ ports: [ComposePort]) -> JSONValue {
    var bindings = JSONValue.object([])
    for port in ports {
      let key = "\(port.target)/\(port.transport.rawValue)"
      let published = port.published.map { range in
        range.count == 1 ? "\(range.lowerBound)" : "\(range.lowerBound)-\(range.upperBound)"
      }
      bindings[key] = .array(
        bindings[key].items + [["HostIp": .string(port.hostAddress), "HostPort": .string(published ?? "")]])
    }
    return bindings
  }

  // MARK: Files

  private func addFiles(to host: inout JSONValue) throws(ClientError) {
    var mounts = service.mounts.map(mount)
    let taken = Set(service.mounts.filter { $0.source != nil || $0.kind != .volume }.map(\.target))
    mounts.removeAll { $0["Source"].isNull && inherited[$0.text("Target")] != nil }
    for (target, volume) in inherited.sorted(by: { $0.key < $1.key }) where !taken.contains(target) {
      mounts.append(["Type": "volume", "Source": .string(volume), "Target": .string(target)])
    }
    for (use, file) in try fileUses() where use.isBound {
      guard case .file(let path) = file.origin else { continue }
      mounts.append([
        "Type": "bind", "Source": .string(path), "Target": .string(use.target), "ReadOnly": true,
      ])
    }
    if !mounts.isEmpty { host["Mounts"] = .array(mounts) }
    if !service.tmpfs.isEmpty { host["Tmpfs"] = Self.map(service.tmpfs) }
    var others: [String] = []
    for other in service.volumesFrom {
      let mode = other.readOnly ? "ro" : "rw"
      switch other.source {
      case .service(let name):
        guard let id = try containersOf(name).first else {
          throw ClientError("service '\(service.name)' takes volumes of service '\(name)', which has no container")
        }
        others.append("\(id):\(mode)")
      case .container(let name), .named(let name): others.append("\(name):\(mode)")
      case .none, .host: continue
      }
    }
    host.set("VolumesFrom", others)
    if service.readOnlyRoot { host["ReadonlyRootfs"] = true }
    if !service.devices.isEmpty {
      host["Devices"] = .array(
        service.devices.map { device in
          [
            "PathOnHost": .string(device.pathOnHost), "PathInContainer": .string(device.pathInContainer),
            "CgroupPermissions": .string(device.permissions),
          ]
        })
    }
    if !service.storageOptions.isEmpty { host["StorageOpt"] = Self.map(service.storageOptions) }
  }

  private func mount(_ mount: ComposeMount) -> JSONValue {
    var body: JSONValue = ["Type": .string(mount.kind.rawValue), "Target": .string(mount.target)]
    if mount.readOnly { body["ReadOnly"] = true }
    switch mount.kind {
    case .bind:
      body.set("Source", mount.source)
      var options = JSONValue.object([])
      options.set("Propagation", mount.propagation)
      if mount.createHostPath { options["CreateMountpoint"] = true }
      if !mount.recursive { options["NonRecursive"] = true }
      if !options.members.isEmpty { body["BindOptions"] = options }
    case .volume:
      body.set("Source", mount.source.map { project.volume($0)?.name ?? $0 })
      var options = JSONValue.object([])
      if mount.noCopy { options["NoCopy"] = true }
      options.set("Subpath", mount.subpath)
      if !mount.volumeLabels.isEmpty { options["Labels"] = Self.map(mount.volumeLabels) }
      if !options.members.isEmpty { body["VolumeOptions"] = options }
    case .tmpfs:
      var options = JSONValue.object([])
      if let size = mount.tmpfsSizeBytes { options["SizeBytes"] = .int(size) }
      if let mode = mount.tmpfsMode { options["Mode"] = .int(mode) }
      if !options.members.isEmpty { body["TmpfsOptions"] = options }
    }
    return body
  }

  /// The configs and secrets that the service uses, with what they are.
  func fileUses() throws(ClientError) -> [(use: ComposeFileUse, file: ComposeFile)] {
    var uses: [(use: ComposeFileUse, file: ComposeFile)] = []
    for (kind, list, find) in [
      ("config", service.configs, project.config), ("secret", service.secrets, project.secret),
    ] {
      for use in list {
        guard let file = find(use.source) else { throw ClientError("there is no \(kind) '\(use.source)'") }
        uses.append((Self.readable(use, file), file))
      }
    }
    return uses
  }

  /// A file that only its owner can read is copied in: root inside is not root outside, and could not read it.
  private static func readable(_ use: ComposeFileUse, _ file: ComposeFile) -> ComposeFileUse {
    var status = stat()
    guard use.isBound, case .file(let path) = file.origin, stat(path, &status) == 0, status.st_mode & S_IROTH == 0,
      status.st_mode & S_IFMT == S_IFREG
    else { return use }
    var copied = use
    copied.mode = UInt32(status.st_mode & 0o777)
    return copied
  }

  // MARK: Isolation and limits

  private func addIsolation(to host: inout JSONValue) throws(ClientError) {
    if service.privileged { host["Privileged"] = true }
    host.set("CapAdd", service.capabilitiesAdded)
    host.set("CapDrop", service.capabilitiesDropped)
    var options: [String] = []
    for option in service.securityOptions { options.append(try IsolationOptions.withProfile(option)) }
    host.set("SecurityOpt", options)
    host.set("DeviceCgroupRules", service.deviceCgroupRules)
    host.set("CgroupParent", service.cgroupParent)
    host.set("GroupAdd", service.additionalGroups)
    if let mode = service.pidMode { host["PidMode"] = .string(try namespace(mode)) }
    if let mode = service.ipcMode { host["IpcMode"] = .string(try namespace(mode)) }
    host.set("UTSMode", service.utsMode)
    host.set("UsernsMode", service.userMode)
    host.set("CgroupnsMode", service.cgroupMode)
    host.set("Runtime", service.runtime)
    if !service.sysctls.isEmpty { host["Sysctls"] = Self.map(service.sysctls) }
    if !service.annotations.isEmpty { host["Annotations"] = Self.map(service.annotations) }
  }

  private func addLimits(to host: inout JSONValue) {
    if !service.resourceLimits.isEmpty {
      host["Ulimits"] = .array(
        service.resourceLimits.map { ["Name": .string($0.name), "Soft": .int($0.soft), "Hard": .int($0.hard)] })
    }
    if let size = service.sharedMemorySizeBytes { host["ShmSize"] = .int(size) }
    if let adjustment = service.oomScoreAdjustment { host["OomScoreAdj"] = .int(adjustment) }
    let limits = service.resources
    for (name, value) in [
      ("Memory", limits.memoryBytes), ("MemoryReservation", limits.memoryReservationBytes),
      ("MemorySwap", limits.memorySwapBytes), ("NanoCpus", limits.nanoCPUs), ("CpuShares", limits.cpuShares),
      ("CpuPeriod", limits.cpuPeriodMicroseconds), ("CpuQuota", limits.cpuQuotaMicroseconds),
      ("CpuRealtimePeriod", limits.cpuRealtimePeriodMicroseconds),
      ("CpuRealtimeRuntime", limits.cpuRealtimeRuntimeMicroseconds), ("BlkioWeight", Int64(limits.blockWeight)),
    ] where value != 0 {
      host[name] = .int(value)
    }
    if let value = limits.memorySwappiness { host["MemorySwappiness"] = .int(value) }
    if let value = limits.pidsLimit { host["PidsLimit"] = .int(value) }
    if let value = limits.oomKillDisable { host["OomKillDisable"] = .bool(value) }
    if !limits.cpusetCPUs.isEmpty { host["CpusetCpus"] = .string(limits.cpusetCPUs) }
    if !limits.cpusetMemoryNodes.isEmpty { host["CpusetMems"] = .string(limits.cpusetMemoryNodes) }
    for (name, field, items) in [
      ("BlkioWeightDevice", "Weight", limits.blockWeightDevices),
      ("BlkioDeviceReadBps", "Rate", limits.blockReadBytesPerSecond),
      ("BlkioDeviceWriteBps", "Rate", limits.blockWriteBytesPerSecond),
      ("BlkioDeviceReadIOps", "Rate", limits.blockReadOperationsPerSecond),
      ("BlkioDeviceWriteIOps", "Rate", limits.blockWriteOperationsPerSecond),
    ] where !items.isEmpty {
      host[name] = .array(items.map { ["Path": .string($0.path), field: .int($0.rate)] })
    }
  }
}

extension ComposeFileUse {
  /// Mounted as it is: nothing is said about whose it is inside.
  var isBound: Bool { uid == nil && gid == nil && mode == nil }
}
