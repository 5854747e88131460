import ContainerEngine
import Isolation
import Model

/// `HostConfig` of inspect: what was asked for, in docker's form.
enum HostConfigResponse {
  private static let defaultSharedMemoryBytes: Int64 = 64 * 1024 * 1024

  static func write(_ record: ContainerRecord, into writer: inout JSONWriter) {
    let host = record.settings.host
    writer.object("HostConfig") { writer in
      writeBasics(record, host, into: &writer)
      writeIsolation(record, host, into: &writer)
      writeResources(host, into: &writer)
      writeMounts(host, into: &writer)
      writer.field("MaskedPaths", host.privileged ? nil : host.maskedPaths ?? KernelPaths.masked)
      writer.field("ReadonlyPaths", host.privileged ? nil : host.readOnlyPaths ?? KernelPaths.readOnly)
      if let useInit = host.useInit { writer.field("Init", useInit) }
    }
  }

  private static func orNil(_ items: [String]) -> [String]? { items.isEmpty ? nil : items }

  private static func writeBasics(_ record: ContainerRecord, _ host: HostSettings, into writer: inout JSONWriter) {
    writer.field("Binds", orNil(host.mounts.filter(\.shortSyntax).map(bindText)))
    writer.field("ContainerIDFile", host.cidFile ?? "")
    writer.object("LogConfig") { writer in
      writer.field("Type", record.logDriver)
      writer.field("Config", host.log.options)
    }
    writer.field("NetworkMode", ContainerWords.networkMode(host.networkMode))
    writer.object("PortBindings") { writer in
      let ports = Dictionary(grouping: host.publishedPorts) { PortText.text($0.port) }
      for (port, requests) in ports.sorted(by: { $0.key < $1.key }) {
        writer.list(port, requests) { writer, request in
          writer.object { writer in
            writer.field("HostIp", request.hostAddress)
            writer.field("HostPort", hostPort(request))
          }
        }
      }
    }
    writer.object("RestartPolicy") { writer in
      writer.field("Name", host.restart.kind.rawValue)
      writer.field("MaximumRetryCount", host.restart.maximumRetryCount)
    }
    writer.field("AutoRemove", host.autoRemove)
    writer.field("VolumeDriver", host.volumeDriver ?? "")
    writer.field("VolumesFrom", orNil(host.volumesFrom))
    writer.list("ConsoleSize", [host.consoleHeight, host.consoleWidth]) { $0.value($1) }
    if !host.annotations.isEmpty { writer.field("Annotations", host.annotations) }
  }

  private static func hostPort(_ request: PublishedPortRequest) -> String {
    if request.hostPortFirst == 0 { return "" }
    if request.hostPortFirst == request.hostPortLast { return String(request.hostPortFirst) }
    return "\(request.hostPortFirst)-\(request.hostPortLast)"
  }

  private static func bindText(_ mount: MountRequest) -> String {
    var parts = [mount.destination]
    if let source = mount.source { parts.insert(source, at: 0) }
    if !mount.modeText.isEmpty { parts.append(mount.modeText) }
    return parts.joined(separator: ":")
  }

  private static func writeIsolation(_ record: ContainerRecord, _ host: HostSettings, into writer: inout JSONWriter) {
    writer.field("CapAdd", orNil(host.capabilitiesAdded))
    writer.field("CapDrop", orNil(host.capabilitiesDropped))
    writer.field("CgroupnsMode", ContainerWords.namespace(host.cgroupNamespaceMode, own: "private"))
    writer.field("Dns", host.dnsServers)
    writer.field("DnsOptions", host.dnsOptions)
    writer.field("DnsSearch", host.dnsSearch)
    writer.field("ExtraHosts", orNil(host.extraHosts))
    writer.field("GroupAdd", orNil(host.additionalGroups))
    writer.field("IpcMode", ContainerWords.namespace(host.ipcMode, own: "private"))
    writer.field("Cgroup", "")
    writer.field("Links", orNil(host.links))
    writer.field("OomScoreAdj", host.oomScoreAdjustment ?? 0)
    writer.field("PidMode", ContainerWords.namespace(host.pidMode, own: ""))
    writer.field("Privileged", host.privileged)
    writer.field("PublishAllPorts", host.publishAllPorts)
    writer.field("ReadonlyRootfs", host.readOnlyRoot)
    writer.field("SecurityOpt", orNil(host.securityOptions))
    if !host.storageOptions.isEmpty { writer.field("StorageOpt", host.storageOptions) }
    if !host.tmpfs.isEmpty { writer.field("Tmpfs", host.tmpfs) }
    writer.field("UTSMode", ContainerWords.namespace(host.utsMode, own: ""))
    writer.field("UsernsMode", ContainerWords.namespace(host.userMode, own: ""))
    writer.field("ShmSize", host.sharedMemorySizeBytes ?? defaultSharedMemoryBytes)
    if !host.sysctls.isEmpty { writer.field("Sysctls", host.sysctls) }
    writer.field("Runtime", record.runtime)
    writer.field("Isolation", "")
  }

  private static func writeResources(_ host: HostSettings, into writer: inout JSONWriter) {
    let resources = host.resources
    writer.field("CpuShares", resources.cpuShares)
    writer.field("Memory", resources.memoryBytes)
    writer.field("NanoCpus", resources.nanoCPUs)
    writer.field("CgroupParent", host.cgroupParent ?? "")
    writer.field("BlkioWeight", resources.blockWeight)
    throttles("BlkioWeightDevice", "Weight", resources.blockWeightDevices, into: &writer)
    throttles("BlkioDeviceReadBps", "Rate", resources.blockReadBytesPerSecond, into: &writer)
    throttles("BlkioDeviceWriteBps", "Rate", resources.blockWriteBytesPerSecond, into: &writer)
    throttles("BlkioDeviceReadIOps", "Rate", resources.blockReadOperationsPerSecond, into: &writer)
    throttles("BlkioDeviceWriteIOps", "Rate", resources.blockWriteOperationsPerSecond, into: &writer)
    writer.field("CpuPeriod", resources.cpuPeriodMicroseconds)
    writer.field("CpuQuota", resources.cpuQuotaMicroseconds)
    writer.field("CpuRealtimePeriod", resources.cpuRealtimePeriodMicroseconds)
    writer.field("CpuRealtimeRuntime", resources.cpuRealtimeRuntimeMicroseconds)
    writer.field("CpusetCpus", resources.cpusetCPUs)
    writer.field("CpusetMems", resources.cpusetMemoryNodes)
    writer.list("Devices", host.devices) { writer, device in
      writer.object { writer in
        writer.field("PathOnHost", device.pathOnHost)
        writer.field("PathInContainer", device.pathInContainer)
        writer.field("CgroupPermissions", device.permissions)
      }
    }
    writer.field("DeviceCgroupRules", orNil(host.deviceCgroupRules))
    writer.null("DeviceRequests")
    writer.field("MemoryReservation", resources.memoryReservationBytes)
    writer.field("MemorySwap", resources.memorySwapBytes)
    number("MemorySwappiness", resources.memorySwappiness, into: &writer)
    writer.name("OomKillDisable")
    if let flag = resources.oomKillDisable { writer.value(flag) } else { writer.null() }
    number("PidsLimit", resources.pidsLimit, into: &writer)
    writer.list("Ulimits", host.resourceLimits) { writer, limit in
      writer.object { writer in
        writer.field("Name", limit.name)
        writer.field("Hard", limit.hard)
        writer.field("Soft", limit.soft)
      }
    }
    for name in ["CpuCount", "CpuPercent", "IOMaximumIOps", "IOMaximumBandwidth"] { writer.field(name, 0) }
  }

  private static func number(_ name: String, _ value: Int64?, into writer: inout JSONWriter) {
    writer.name(name)
    if let value { writer.value(value) } else { writer.null() }
  }

  private static func throttles(
    _ name: String, _ value: String, _ devices: [DeviceThrottle], into writer: inout JSONWriter
  ) {
    writer.list(name, devices) { writer, device in
      writer.object { writer in
        writer.field("Path", device.path)
        writer.field(value, device.rate)
      }
    }
  }

  private static func writeMounts(_ host: HostSettings, into writer: inout JSONWriter) {
    let mounts = host.mounts.filter { !$0.shortSyntax }
    guard !mounts.isEmpty else { return }
    writer.list("Mounts", mounts) { writer, mount in
      writer.object { writer in
        writer.field("Type", mount.kind.rawValue)
        if let source = mount.source { writer.field("Source", source) }
        writer.field("Target", mount.destination)
        if mount.readOnly { writer.field("ReadOnly", true) }
        switch mount.kind {
        case .bind: writeBindOptions(mount, into: &writer)
        case .volume: writeVolumeOptions(mount, into: &writer)
        case .tmpfs: writeTmpfsOptions(mount, into: &writer)
        }
      }
    }
  }

  private static func writeBindOptions(_ mount: MountRequest, into writer: inout JSONWriter) {
    guard mount.propagation != nil || mount.nonRecursive || mount.createSource else { return }
    writer.object("BindOptions") { writer in
      if let propagation = mount.propagation { writer.field("Propagation", propagation) }
      if mount.nonRecursive { writer.field("NonRecursive", true) }
      if mount.createSource { writer.field("CreateMountpoint", true) }
    }
  }

  private static func writeVolumeOptions(_ mount: MountRequest, into writer: inout JSONWriter) {
    let hasDriver = mount.volumeDriver != nil || !mount.volumeDriverOptions.isEmpty
    guard mount.noCopy || !mount.volumeLabels.isEmpty || mount.volumeSubpath != nil || hasDriver else { return }
    writer.object("VolumeOptions") { writer in
      if mount.noCopy { writer.field("NoCopy", true) }
      if !mount.volumeLabels.isEmpty { writer.field("Labels", mount.volumeLabels) }
      if let subpath = mount.volumeSubpath { writer.field("Subpath", subpath) }
      guard hasDriver else { return }
      writer.object("DriverConfig") { writer in
        if let driver = mount.volumeDriver { writer.field("Name", driver) }
        if !mount.volumeDriverOptions.isEmpty { writer.field("Options", mount.volumeDriverOptions) }
      }
    }
  }

  private static func writeTmpfsOptions(_ mount: MountRequest, into writer: inout JSONWriter) {
    guard mount.tmpfsSizeBytes != nil || mount.tmpfsMode != nil else { return }
    writer.object("TmpfsOptions") { writer in
      if let size = mount.tmpfsSizeBytes { writer.field("SizeBytes", size) }
      if let mode = mount.tmpfsMode { writer.field("Mode", mode) }
    }
  }
}
