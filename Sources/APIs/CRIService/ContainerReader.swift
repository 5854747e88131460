import CRIProtocol
import ContainerEngine
import Glibc
import Isolation
import LinuxSystem
import Model

/// The wire's form of a container's configuration → the engine's. What the engine cannot do is refused by its name.
struct ContainerReader {
  private static let profileBytes = 1 << 20

  private let config: CRIContainerConfig
  private let sandbox: SandboxRecord

  init(_ config: CRIContainerConfig, sandbox: SandboxRecord) {
    self.config = config
    self.sandbox = sandbox
  }

  func read() throws -> (PodMembership, ContainerSettings) {
    guard !config.metadata.name.isEmpty, config.metadata.name.utf8.count <= 253 else {
      throw PlatformError(.invalidArgument, "metadata.name has to have 1 to 253 bytes")
    }
    var pod = PodMembership(
      sandbox: sandbox.id, name: config.metadata.name, attempt: config.metadata.attempt, labels: config.labels,
      annotations: config.annotations)
    pod.logPath = try logPath()
    pod.userSpecifiedImage = config.image.userSpecifiedImage
    var settings = ContainerSettings(image: config.image.image)
    if !config.command.isEmpty { settings.entrypoint = config.command }
    if !config.args.isEmpty { settings.command = config.args }
    if !config.workingDir.isEmpty { settings.workingDirectory = config.workingDir }
    settings.environment = config.envs.map { "\($0.key)=\(String(decoding: $0.value, as: UTF8.self))" }
    settings.openStdin = config.stdin
    settings.stdinOnce = config.stdinOnce
    settings.attachStdin = config.stdin
    settings.terminal = config.tty
    settings.stopSignal = try StopSignal.name(config.stopSignal)
    // Health is the pod's own affair: what the image says of it is for docker.
    var none = HealthcheckSettings()
    none.test = ["NONE"]
    settings.healthcheck = none
    // For those who look at the host with docker's client; the pod's own labels are in its membership.
    settings.labels = [
      "io.kubernetes.container.name": config.metadata.name, "io.kubernetes.pod.name": sandbox.request.name,
      "io.kubernetes.pod.namespace": sandbox.request.namespace, "io.kubernetes.pod.uid": sandbox.request.uid,
      Self.sandboxLabel: sandbox.id.hex,
    ]
    settings.host.mounts = try config.mounts.map(mount)
    settings.host.devices = config.devices.map {
      DeviceRequest(
        pathOnHost: $0.hostPath, pathInContainer: $0.containerPath,
        permissions: $0.permissions.isEmpty ? "rwm" : $0.permissions)
    }
    try SandboxReader.require(config.cdiDevices.isEmpty, "CDI_devices")
    let resources = config.linux.resources
    try ResourceReader.check(resources)
    ResourceReader.apply(resources, to: &settings.host.resources)
    // The kernel lets nobody in a user namespace be killed later than others.
    settings.host.oomScoreAdjustment = max(sandbox.ids.isHost ? -1000 : 0, Int(clamping: resources.oomScoreAdj))
    try readSecurity(config.linux.securityContext, into: &settings)
    return (pod, settings)
  }

  /// On containers of pods; its value is the sandbox's id.
  static let sandboxLabel = "io.bulkhead.sandbox"

  private func logPath() throws -> String? {
    let folder = sandbox.request.logDirectory
    if folder.isEmpty || config.logPath.isEmpty { return nil }
    let parts = config.logPath.split(separator: "/", omittingEmptySubsequences: false)
    guard !parts.contains(where: { $0.isEmpty || $0 == "." || $0 == ".." }) else {
      throw PlatformError(
        .invalidArgument, "log_path '\(config.logPath.prefix(256))' is not a path below log_directory")
    }
    return "\(folder)/\(config.logPath)"
  }

  /// Host paths that are made as folders where they are missing and the policy allows them: a wish of Bulkhead's own agent.
  private var madeFolders: Set<String> {
    let text = config.annotations["io.bulkhead.container.madeFolders"] ?? ""
    return Set(text.split(separator: "\n").map(String.init))
  }

  private func mount(_ mount: CRIMount) throws -> MountRequest {
    try SandboxReader.require(!mount.hasImage, "a mount of an image")
    try SandboxReader.require(!mount.selinuxRelabel || mount.hostPath.isEmpty == false, "selinux_relabel")
    try SandboxReader.require(mount.propagation != .propagationBidirectional, "the mount propagation BIDIRECTIONAL")
    var request = MountRequest(kind: .bind, source: mount.hostPath, destination: mount.containerPath)
    request.readOnly = mount.readonly
    request.createSource = madeFolders.contains(mount.hostPath)
    request.propagation = mount.propagation == .propagationHostToContainer ? "rslave" : nil
    return request
  }

  private func readSecurity(_ security: CRILinuxContainerSecurityContext, into settings: inout ContainerSettings) throws
  {
    try SandboxReader.require(!security.hasSelinuxOptions, "selinux_options")
    try SandboxReader.require(security.supplementalGroupsPolicy == .merge, "the supplemental groups policy Strict")
    try SandboxReader.require(security.capabilities.addAmbientCapabilities.isEmpty, "add_ambient_capabilities")
    if security.privileged, !sandbox.request.isPrivileged {
      throw PlatformError(.invalidArgument, "a privileged container needs a privileged sandbox")
    }
    settings.host.privileged = security.privileged
    settings.host.readOnlyRoot = security.readonlyRootfs
    settings.host.capabilitiesAdded = security.capabilities.addCapabilities
    settings.host.capabilitiesDropped = security.capabilities.dropCapabilities
    settings.user = try user(security)
    settings.host.additionalGroups = security.supplementalGroups.map { String($0) }
    switch security.namespaceOptions.pid {
    case .target: settings.host.pidMode = .container(security.namespaceOptions.targetID)
    default: break
    }
    if !security.maskedPaths.isEmpty, !security.privileged {
      settings.host.maskedPaths = Array(Set(security.maskedPaths).union(KernelPaths.masked)).sorted()
    }
    if !security.readonlyPaths.isEmpty, !security.privileged {
      settings.host.readOnlyPaths = Array(Set(security.readonlyPaths).union(KernelPaths.readOnly)).sorted()
    }
    if security.noNewPrivs { settings.host.securityOptions.append("no-new-privileges=true") }
    if security.privileged { return }
    if security.seccomp.profileType == .localhost {
      settings.host.securityOptions.append("seccomp=\(try profile(security.seccomp.localhostRef))")
    }
    // `Unconfined` is also what clients send for containers that say nothing of filters: the engine's own holds for both.
    switch security.apparmor.profileType {
    case .localhost: settings.host.securityOptions.append("apparmor=\(security.apparmor.localhostRef)")
    default: break
    }
  }

  private func user(_ security: CRILinuxContainerSecurityContext) throws -> String? {
    let group = security.hasRunAsGroup ? ":\(security.runAsGroup.value)" : ""
    for id in [security.runAsUser.value, security.runAsGroup.value] where UInt32(exactly: id) == nil {
      throw PlatformError(.invalidArgument, "\(id) is not a user or group id")
    }
    if security.hasRunAsUser { return "\(security.runAsUser.value)\(group)" }
    if !security.runAsUsername.isEmpty { return security.runAsUsername + group }
    guard group.isEmpty else {
      throw PlatformError(.invalidArgument, "run_as_group needs run_as_user or run_as_username")
    }
    return nil
  }

  private func profile(_ path: String) throws -> String {
    guard path.hasPrefix("/") else {
      throw PlatformError(.invalidArgument, "seccomp.localhost_ref '\(path.prefix(256))' is not an absolute path")
    }
    do {
      // Nothing else is opened: a pipe would never come to its end, and devices have effects.
      let found = try Descriptor.open(path, flags: O_PATH | O_NOFOLLOW)
      guard try found.status().type == .regular else {
        throw SystemError(errno: EINVAL, operation: "open", subject: path)
      }
      return String(decoding: try found.reopen(flags: O_RDONLY).readAll(maxBytes: Self.profileBytes), as: UTF8.self)
    } catch {
      throw PlatformError(.invalidArgument, "failed to read the seccomp profile '\(path.prefix(256))'", cause: error)
    }
  }
}

/// Limits of the wire → the engine's.
enum ResourceReader {
  /// Throws `notImplemented` for what the engine does not limit.
  static func check(_ resources: CRILinuxContainerResources) throws {
    try SandboxReader.require(resources.hugepageLimits.allSatisfy { $0.limit == 0 }, "hugepage_limits")
    // A group of processes that is out of memory ends as a whole here anyway.
    for key in resources.unified.keys.sorted() where key != "memory.oom.group" {
      throw PlatformError(.notImplemented, "unified[\(key.prefix(64))]: not supported by this engine")
    }
  }

  /// Zero leaves a value as it is.
  static func apply(_ asked: CRILinuxContainerResources, to resources: inout ResourceSettings) {
    if asked.cpuPeriod > 0 { resources.cpuPeriodMicroseconds = asked.cpuPeriod }
    if asked.cpuQuota != 0 { resources.cpuQuotaMicroseconds = max(0, asked.cpuQuota) }
    if asked.cpuShares > 0 { resources.cpuShares = asked.cpuShares }
    if asked.memoryLimitInBytes > 0 {
      resources.memoryBytes = asked.memoryLimitInBytes
      // Pods do not swap, unless somebody says how much.
      resources.memorySwapBytes =
        asked.memorySwapLimitInBytes != 0 ? asked.memorySwapLimitInBytes : asked.memoryLimitInBytes
    }
    if !asked.cpusetCpus.isEmpty { resources.cpusetCPUs = asked.cpusetCpus }
    if !asked.cpusetMems.isEmpty { resources.cpusetMemoryNodes = asked.cpusetMems }
  }
}

/// The interface's own numbers of signals: the names in the order of the alphabet, from 1 on.
enum StopSignal {
  private static let names =
    ["ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL"]
    + ["PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1"]
    + ["USR2", "VTALRM", "WINCH", "XCPU", "XFSZ", "RTMIN"] + (1...15).map { "RTMIN+\($0)" }
    + (1...14).reversed().map { "RTMAX-\($0)" } + ["RTMAX"]

  /// nil for the runtime's default: the image's, or SIGTERM.
  static func name(_ signal: CRISignal) throws -> String? {
    if signal.rawValue == 0 { return nil }
    guard names.indices.contains(signal.rawValue - 1) else {
      throw PlatformError(.invalidArgument, "stop_signal \(signal.rawValue) is not a signal of the interface")
    }
    return "SIG" + names[signal.rawValue - 1]
  }

  static func number(_ name: String?) -> CRISignal {
    let place = name.flatMap { name in names.firstIndex { "SIG" + $0 == name } }
    return CRISignal(rawValue: place.map { $0 + 1 } ?? 0) ?? .runtimeDefault
  }
}
