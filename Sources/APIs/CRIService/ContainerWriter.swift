import CRIProtocol
import ContainerEngine
import Model

/// The engine's containers of pods → the wire's form.
enum ContainerWriter {
  static func state(_ record: ContainerRecord) -> CRIContainerState {
    switch record.run.status {
    case .created: .containerCreated
    case .running, .paused, .restarting: .containerRunning
    case .exited, .removing, .dead: .containerExited
    }
  }

  static func metadata(_ pod: PodMembership?) -> CRIContainerMetadata {
    var metadata = CRIContainerMetadata()
    metadata.name = pod?.name ?? ""
    metadata.attempt = pod?.attempt ?? 0
    return metadata
  }

  static func summary(_ view: ContainerView, _ engine: Engine) -> CRIContainer {
    let record = view.record
    var container = CRIContainer()
    container.id = record.id.hex
    container.podSandboxID = record.pod?.sandbox.hex ?? ""
    container.metadata = metadata(record.pod)
    container.image = image(record)
    container.imageRef = imageReference(record, engine)
    container.imageID = record.imageID.description
    container.state = state(record)
    container.createdAt = record.createdAt
    container.labels = record.pod?.labels ?? [:]
    container.annotations = record.pod?.annotations ?? [:]
    return container
  }

  static func status(_ view: ContainerView, _ engine: Engine) -> CRIContainerStatus {
    let record = view.record
    var status = CRIContainerStatus()
    status.id = record.id.hex
    status.metadata = metadata(record.pod)
    status.state = state(record)
    status.createdAt = record.createdAt
    status.startedAt = record.run.startedAt
    if status.state == .containerExited {
      status.finishedAt = record.run.finishedAt
      status.exitCode = record.run.exitCode
      status.reason = reason(record.run)
      status.message = record.run.error
    }
    status.image = image(record)
    status.imageRef = imageReference(record, engine)
    status.imageID = record.imageID.description
    status.labels = record.pod?.labels ?? [:]
    status.annotations = record.pod?.annotations ?? [:]
    status.mounts = record.settings.host.mounts.map(mount)
    status.logPath = record.pod?.logPath ?? ""
    status.resources.linux = resources(record)
    status.stopSignal = StopSignal.number(record.settings.stopSignal)
    if let user = user(record) { status.user.linux = user }
    return status
  }

  /// As kubelets know them from other runtimes.
  private static func reason(_ run: ContainerRunState) -> String {
    if run.oomKilled { return "OOMKilled" }
    if !run.error.isEmpty { return "StartError" }
    return run.exitCode == 0 ? "Completed" : "Error"
  }

  private static func image(_ record: ContainerRecord) -> CRIImageSpec {
    var spec = CRIImageSpec()
    spec.image = record.settings.image
    spec.userSpecifiedImage = record.pod?.userSpecifiedImage ?? ""
    return spec
  }

  /// The name by which a registry has just this image, where it came from one.
  private static func imageReference(_ record: ContainerRecord, _ engine: Engine) -> String {
    let digests = (try? engine.image(record.imageID.description))?.repoDigests ?? []
    return digests.first.map(ImageWriter.full) ?? record.imageID.description
  }

  private static func mount(_ request: MountRequest) -> CRIMount {
    var mount = CRIMount()
    mount.containerPath = request.destination
    mount.hostPath = request.source ?? ""
    mount.readonly = request.readOnly
    mount.propagation = request.propagation == "rslave" ? .propagationHostToContainer : .propagationPrivate
    return mount
  }

  private static func resources(_ record: ContainerRecord) -> CRILinuxContainerResources {
    let settings = record.settings.host.resources
    var resources = CRILinuxContainerResources()
    resources.cpuPeriod = settings.cpuPeriodMicroseconds
    resources.cpuQuota = settings.cpuQuotaMicroseconds
    resources.cpuShares = settings.cpuShares
    resources.memoryLimitInBytes = settings.memoryBytes
    resources.memorySwapLimitInBytes = max(0, settings.memorySwapBytes)
    resources.oomScoreAdj = Int64(record.settings.host.oomScoreAdjustment ?? 0)
    resources.cpusetCpus = settings.cpusetCPUs
    resources.cpusetMems = settings.cpusetMemoryNodes
    return resources
  }

  /// As far as it is known without a look into the container's own files.
  private static func user(_ record: ContainerRecord) -> CRILinuxContainerUser? {
    let parts = record.user.split(separator: ":", omittingEmptySubsequences: false)
    guard let uid = record.user.isEmpty ? 0 : parts.first.flatMap({ Int64($0) }) else { return nil }
    var user = CRILinuxContainerUser()
    user.uid = uid
    user.gid = parts.count > 1 ? Int64(parts[1]) ?? 0 : 0
    user.supplementalGroups = record.settings.host.additionalGroups.compactMap { Int64($0) }
    return user
  }

  static func info(_ view: ContainerView) -> String {
    """
    {"pid":\(view.record.run.pid),"sandboxID":"\(view.record.pod?.sandbox.hex ?? "")","runtime":"\(view.record.runtime)"}
    """
  }
}
