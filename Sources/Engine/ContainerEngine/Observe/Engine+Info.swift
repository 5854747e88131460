import Glibc
import ImageCatalog
import Isolation
import LinuxSystem
import Model

extension Engine {
  /// What the engine is and has.
  public func info() throws -> EngineInfo {
    let statuses = registry.all.map(\.status)
    let release = Self.operatingSystem()
    return EngineInfo(
      engineID: engineID, name: KernelInfo.hostName(), version: configuration.version,
      kernelVersion: KernelInfo.release(),
      operatingSystem: release.name, osVersion: release.version, architecture: KernelInfo.machine(),
      processors: KernelInfo.onlineProcessors, memoryBytes: Int64(clamping: host.memoryBytes),
      containers: statuses.count,
      running: statuses.count { $0 == .running || $0 == .restarting }, paused: statuses.count { $0 == .paused },
      stopped: statuses.count { [.created, .exited, .dead, .removing].contains($0) }, images: try catalog.list().count,
      rootDirectory: paths.root, cgroupMode: cgroups.layout.mode, runtimes: runtimes.mapValues(\.path),
      defaultRuntime: policy.defaultRuntime, logDrivers: LogDriver.allCases.map(\.rawValue),
      networkDrivers: ["bridge", "host", "null"],
      securityOptions: securityOptions, limits: limits, defaultLogDriver: policy.defaults.logDriver,
      warnings: limits.warnings, forwarding: (try? Sysctl.read("net.ipv4.ip_forward")) == "1",
      eventListeners: events.listenerCount, openDescriptors: (try? FileSystem.list("/proc/self/fd").count) ?? 0)
  }

  private var limits: EngineInfo.Limits {
    func has(_ controller: String) -> Bool { host.controllers.contains(controller) }
    return EngineInfo.Limits(
      memory: has("memory"), swap: has("memory") && host.swapLimits, processor: has("cpu"), processorSet: has("cpuset"),
      processes: has("pids"), blockDevices: has("blkio") || has("io"), blockWeights: host.blockWeights,
      killSwitch: has("memory") && host.cgroupMode != .v2)
  }

  private var securityOptions: [String] {
    var options = ["name=userns", "name=cgroupns"]
    if host.seccomp { options.append("name=seccomp,profile=builtin") }
    if host.appArmor { options.append("name=apparmor") }
    return options
  }

  /// Name and version from os-release(5).
  private static func operatingSystem() -> (name: String, version: String) {
    let text =
      (try? FileSystem.read("/etc/os-release", maxBytes: 64 << 10)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    func value(_ key: String) -> String {
      for line in text.split(separator: "\n") where line.hasPrefix(key + "=") {
        return line.dropFirst(key.count + 1).filter { $0 != "\"" }
      }
      return ""
    }
    return (value("PRETTY_NAME"), value("VERSION_ID"))
  }

  /// What everything takes on disk.
  public func diskUsage() throws -> DiskUsage {
    let containers = registry.all.map { container -> DiskUsage.Container in
      let view = view(of: container)
      let writable = writableSizeBytes(view)
      return DiskUsage.Container(
        view: view, writableBytes: writable, rootBytes: writable.clampedAdding(imageSizeBytes(view)))
    }
    let layers = try snapshots.layers().reduce(Int64(0)) { $0.clampedAdding((try? snapshots.layerSizeBytes($1)) ?? 0) }
    return DiskUsage(layersBytes: layers, containers: containers, volumes: volumesWithSizes())
  }

  /// Every volume with the size of its files, which are walked.
  public func volumesWithSizes() -> [VolumeView] {
    volumeStore.all.map { record in
      var view = view(of: record)
      view.sizeBytes = sizeBytes(of: view)
      return view
    }
  }

  /// Bytes of each image that it has in common with another image.
  public func sharedSizes() throws -> [Digest: Int64] {
    let images = try catalog.list()
    var users: [Digest: Int] = [:]
    for chain in images.flatMap(\.chainIDs) { users[chain, default: 0] += 1 }
    var sizes: [Digest: Int64] = [:]
    for (chain, count) in users where count > 1 { sizes[chain] = try snapshots.layerSizeBytes(chain) }
    return Dictionary(
      images.map { image in (image.id, image.chainIDs.reduce(Int64(0)) { $0 + (sizes[$1] ?? 0) }) },
      uniquingKeysWith: { first, _ in first })
  }

  /// Bytes that each layer of an image takes unpacked, lowest first.
  public func layerSizes(of image: ImageRecord) throws -> [Int64] {
    try image.chainIDs.map { try snapshots.layerSizeBytes($0) }
  }

  public func writableSizeBytes(_ view: ContainerView) -> Int64 {
    (try? snapshots.writableSizeBytes(view.record.id)) ?? 0
  }

  public func rootSizeBytes(_ view: ContainerView) -> Int64 {
    writableSizeBytes(view).clampedAdding(imageSizeBytes(view))
  }

  private func imageSizeBytes(_ view: ContainerView) -> Int64 {
    view.record.layers.reduce(0) { $0.clampedAdding((try? snapshots.layerSizeBytes($1)) ?? 0) }
  }
}
