import CRIProtocol

/// Requests in the form of CRI's messages.
extension SandboxRequest {
  var message: CRIPodSandboxConfig {
    var config = CRIPodSandboxConfig()
    config.metadata.name = pod.name
    config.metadata.namespace = pod.namespace
    config.metadata.uid = pod.uid
    config.metadata.attempt = UInt32(clamping: attempt)
    config.hostname = hostname
    config.logDirectory = logFolder
    if let dns {
      config.dnsConfig.servers = dns.servers
      config.dnsConfig.searches = dns.searches
      config.dnsConfig.options = dns.options
    }
    config.portMappings = ports.map { port in
      var mapping = CRIPortMapping()
      mapping.protocol = port.proto == "UDP" ? .udp : port.proto == "SCTP" ? .sctp : .tcp
      mapping.containerPort = Int32(clamping: port.containerPort)
      mapping.hostPort = Int32(clamping: port.hostPort)
      mapping.hostIp = port.hostAddress
      return mapping
    }
    config.labels = labels
    config.annotations = annotations
    config.linux.sysctls = sysctls
    config.linux.resources = resources.message
    var context = CRILinuxSandboxSecurityContext()
    context.namespaceOptions = namespaces(processes: processes)
    context.supplementalGroups = security.supplementalGroups
    context.privileged = security.isPrivileged
    context.readonlyRootfs = security.hasReadOnlyRoot
    if let user = security.user { context.runAsUser.value = user }
    if let group = security.group { context.runAsGroup.value = group }
    context.seccomp = security.seccomp.message
    if let profile = security.appArmor { context.apparmor = profile.message }
    config.linux.securityContext = context
    return config
  }

  /// The engine gives each sandbox its own range of ids; nobody else knows which are free.
  func namespaces(processes: Sharing) -> CRINamespaceOption {
    var options = CRINamespaceOption()
    options.network = network.mode
    options.pid = processes.mode
    options.ipc = ipc.mode
    options.usernsOptions.mode = hasUserNamespace ? .pod : .node
    return options
  }
}

extension SandboxRequest.Sharing {
  var mode: CRINamespaceMode {
    switch self {
    case .pod: .pod
    case .container: .container
    case .host: .node
    }
  }
}

extension SecurityRequest.Profile {
  var message: CRISecurityProfile {
    var profile = CRISecurityProfile()
    switch self {
    case .runtimeDefault: profile.profileType = .runtimeDefault
    case .unconfined: profile.profileType = .unconfined
    case .localhost(let name):
      profile.profileType = .localhost
      profile.localhostRef = name
    }
    return profile
  }
}

extension ResourceRequest {
  var message: CRILinuxContainerResources {
    var resources = CRILinuxContainerResources()
    resources.cpuPeriod = cpuPeriodMicroseconds
    resources.cpuQuota = cpuQuotaMicroseconds
    resources.cpuShares = cpuShares
    resources.memoryLimitInBytes = memoryLimitBytes
    resources.oomScoreAdj = outOfMemoryScore
    return resources
  }
}

extension ContainerRequest {
  /// What of `/proc` and `/sys` is hidden or read-only. Source: Kubernetes, *procMount* `Default`.
  private static let masked = [
    "/proc/asound", "/proc/acpi", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware",
    "/sys/devices/virtual/powercap",
  ]
  private static let readOnly = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

  func message(in pod: SandboxRequest) -> CRIContainerConfig {
    var config = CRIContainerConfig()
    config.metadata.name = name
    config.metadata.attempt = UInt32(clamping: attempt)
    config.image.image = imageReference
    config.image.userSpecifiedImage = image
    config.command = command
    config.args = arguments
    config.workingDir = workingFolder
    config.envs = environment.map { CRIKeyValue(key: $0.name, text: $0.value) }
    config.mounts = mounts.map { mount in
      var message = CRIMount()
      message.hostPath = mount.hostPath
      message.containerPath = mount.containerPath
      message.readonly = mount.isReadOnly
      switch mount.propagation {
      case .none: message.propagation = .propagationPrivate
      case .hostToContainer: message.propagation = .propagationHostToContainer
      case .bidirectional: message.propagation = .propagationBidirectional
      }
      return message
    }
    config.labels = labels
    config.annotations = annotations
    config.logPath = logPath
    config.stdin = hasInput
    config.stdinOnce = closesInputOnce
    config.tty = hasTerminal
    config.linux.resources = resources.message
    config.linux.securityContext = securityContext(in: pod)
    return config
  }

  private func securityContext(in pod: SandboxRequest) -> CRILinuxContainerSecurityContext {
    var context = CRILinuxContainerSecurityContext()
    context.namespaceOptions = pod.namespaces(processes: processes)
    if !target.isEmpty {
      context.namespaceOptions.pid = .target
      context.namespaceOptions.targetID = target
    }
    context.privileged = security.isPrivileged
    context.readonlyRootfs = security.hasReadOnlyRoot
    context.noNewPrivs = security.forbidsNewPrivileges
    context.supplementalGroups = security.supplementalGroups
    context.capabilities.addCapabilities = security.addedCapabilities
    context.capabilities.dropCapabilities = security.droppedCapabilities
    if let user = security.user { context.runAsUser.value = user }
    if let group = security.group { context.runAsGroup.value = group }
    context.seccomp = security.seccomp.message
    if let profile = security.appArmor { context.apparmor = profile.message }
    if security.hasMaskedPaths {
      context.maskedPaths = Self.masked
      context.readonlyPaths = Self.readOnly
    }
    return context
  }
}
