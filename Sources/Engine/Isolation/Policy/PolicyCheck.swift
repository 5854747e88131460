import Model

/// Compares what a client asks for with what the engine's policy allows.
///
/// Every refusal is `forbidden`, names the rule and says how to allow it.
public struct PolicyCheck: Sendable {
  let policy: EnginePolicy
  /// The engine's own folders and sockets: never given to a container, whatever the policy says.
  let enginePaths: [String]
  /// The control group that containers are below when nobody asks for another.
  let cgroupParent: String

  public init(policy: EnginePolicy, enginePaths: [String] = [], cgroupParent: String = "/bulkhead") {
    self.policy = policy
    self.enginePaths = enginePaths.map(MountDestination.cleaned)
    self.cgroupParent = cgroupParent
  }

  /// Checks everything that the settings themselves tell. Host paths and devices are checked when their links have been
  /// followed: `checkHostPath`, `checkDevice`.
  public func check(_ settings: ContainerSettings) throws {
    let host = settings.host
    if host.privileged { try ContainerSetting.privileged.blamed { try requirePrivileged() } }
    try checkNamespaces(host)
    try ContainerSetting.securityOptions.blamed {
      try checkSecurity(try SecurityOptions(parsing: host.securityOptions), privileged: host.privileged)
    }
    let request = try CapabilityRequest(adding: host.capabilitiesAdded, dropping: host.capabilitiesDropped)
    for capability in request.added.sorted() where !policy.capabilities.addable.contains(capability) {
      throw refusal(
        "the capability \(capability.rawValue) may not be added", rule: "capabilities.addable",
        remedy: "add \(capability.rawValue) to 'capabilities.addable'"
      ).about(.capabilitiesAdded, capability.rawValue)
    }
    try ContainerSetting.systemPaths.blamed { try checkPaths(host) }
    try checkLog(host.log)
    if !host.deviceCgroupRules.isEmpty, !policy.devices.cgroupRules {
      throw refusal(
        "device cgroup rules are not allowed", rule: "devices.cgroupRules", remedy: "set 'devices.cgroupRules: true'"
      ).about(.deviceCgroupRules)
    }
    for name in host.sysctls.keys.sorted()
    where !policy.sysctls.allowed.contains(where: { PathPattern.matches($0, name, separator: nil) }) {
      throw refusal(
        "the kernel setting '\(name.prefix(100))' may not be set", rule: "sysctls.allowed",
        remedy: "add it to 'sysctls.allowed'"
      ).about(.sysctls, name)
    }
    if let parent = host.cgroupParent, !parent.isEmpty {
      try ContainerSetting.cgroupParent.blamed { try checkCgroupParent(parent) }
    }
    if let runtime = host.runtime, !runtime.isEmpty, policy.runtimes[runtime] == nil {
      throw PlatformError(.invalidArgument, "unknown or invalid runtime name: \(runtime.prefix(100))").about(.runtime)
    }
    try checkAnnotations(host.annotations)
  }

  /// Throws unless privileged processes are allowed.
  public func requirePrivileged() throws {
    guard policy.privileged else {
      throw refusal("privileged containers are not allowed", rule: "privileged", remedy: "set 'privileged: true'")
    }
  }

  /// Throws unless a container with these labels may have an engine socket of its own.
  public func checkEngineSocket(labels: [String: String]) throws {
    typealias Rule = EnginePolicy.EngineSocket
    switch policy.engineSocket {
    case .bound: return
    case .labelled where labels[Rule.label] == Rule.labelValue: return
    case .labelled:
      throw PlatformError(
        .forbidden,
        "the engine's socket is given to containers that say so only (rule engineSocket): add the label "
          + "\(Rule.label)=\(Rule.labelValue), and the container can read what is of its own compose project")
    case .refused:
      throw refusal(
        "the engine's socket may not be mounted", rule: "engineSocket",
        remedy:
          "set 'engineSocket: labelled', which gives containers with the label \(Rule.label)=\(Rule.labelValue) a socket "
          + "that reads their own compose project,")
    }
  }

  /// Checks a device by its path on the host with links followed. `privileged` containers see every device.
  public func checkDevice(_ resolvedPath: String, privileged: Bool = false) throws {
    if privileged, policy.privileged { return }
    guard policy.devices.allowed.contains(where: { PathPattern.matches($0, resolvedPath) }) else {
      throw refusal(
        "the device \(resolvedPath) may not be used", rule: "devices.allowed",
        remedy: "add '\(resolvedPath)' to 'devices.allowed'")
    }
  }

  private func checkNamespaces(_ host: HostSettings) throws {
    let rules = policy.hostNamespaces
    let asked: [(name: String, setting: ContainerSetting, isHost: Bool, allowed: Bool)] = [
      ("network", .networkMode, host.networkMode == .host, rules.network),
      ("pid", .pidMode, host.pidMode == .host, rules.pid), ("ipc", .ipcMode, host.ipcMode == .host, rules.ipc),
      ("uts", .utsMode, host.utsMode == .host, rules.uts), ("user", .userMode, host.userMode == .host, rules.user),
      ("cgroup", .cgroupMode, host.cgroupNamespaceMode == .host, rules.cgroup),
    ]
    for (name, setting, isHost, allowed) in asked where isHost && !allowed && !(host.privileged && policy.privileged) {
      throw refusal(
        "the host's \(name) namespace is not allowed", rule: "hostNamespaces.\(name)",
        remedy: "set '\(name): true' under 'hostNamespaces'"
      ).about(setting)
    }
  }

  private func checkSecurity(_ options: SecurityOptions, privileged: Bool) throws {
    if policy.noNewPrivileges, options.noNewPrivileges == false {
      throw refusal(
        "new privileges are not allowed", rule: "noNewPrivileges", remedy: "set 'noNewPrivileges: false'")
    }
    if options.seccomp == .unconfined, !policy.seccomp.unconfined, !privileged {
      throw refusal(
        "containers without a system-call filter are not allowed", rule: "seccomp.unconfined",
        remedy: "set 'unconfined: true' under 'seccomp'")
    }
    if case .profile = options.seccomp, !policy.seccomp.custom {
      throw refusal(
        "system-call filters of a client's own are not allowed", rule: "seccomp.custom",
        remedy: "set 'custom: true' under 'seccomp'")
    }
    if options.writableCgroups {
      try requirePrivileged()
    }
    guard let profile = options.appArmor else { return }
    if profile == "unconfined" {
      guard policy.appArmor.unconfined || privileged else {
        throw refusal(
          "containers without an AppArmor profile are not allowed", rule: "appArmor.unconfined",
          remedy: "set 'unconfined: true' under 'appArmor'")
      }
    } else if !policy.appArmor.allowed.contains(where: { PathPattern.matches($0, profile) }) {
      throw refusal(
        "the AppArmor profile '\(profile.prefix(100))' may not be used", rule: "appArmor.allowed",
        remedy: "add it to 'appArmor.allowed'")
    }
  }

  /// Fewer masked or read-only paths than the engine's own are asked for by `systempaths=unconfined`.
  private func checkPaths(_ host: HostSettings) throws {
    guard !policy.privileged else { return }
    let missingMask = host.maskedPaths.map { !Set($0).isSuperset(of: KernelPaths.essentialMasks) } ?? false
    let missingReadOnly = host.readOnlyPaths.map { !Set($0).isSuperset(of: KernelPaths.readOnly) } ?? false
    guard !missingMask, !missingReadOnly else {
      throw refusal(
        "unmasked system paths are not allowed", rule: "privileged", remedy: "set 'privileged: true'")
    }
  }

  /// The control group above a container's own: a name without a leading slash lies below the engine's.
  public func cgroupParent(_ asked: String?) -> String {
    guard let asked, !asked.isEmpty else { return cgroupParent }
    let clean = MountDestination.cleaned("/" + asked)
    return asked.hasPrefix("/") ? clean : clean == "/" ? cgroupParent : cgroupParent + clean
  }

  /// Checks where a container's output may be sent.
  public func checkLog(_ log: LogSettings) throws {
    let options = try ContainerSetting.log.blamed { try LogOptions(log, defaultDriver: policy.defaults.logDriver) }
    guard options.driver == .syslog else { return }
    let address = options.syslogAddress.description
    guard policy.syslog.allowed.contains(where: { PathPattern.matches($0, address, separator: nil) }) else {
      throw refusal(
        "sending logs to '\(address)' is not allowed", rule: "syslog.allowed",
        remedy: "add '\(address)' to 'syslog.allowed'"
      ).about(.log)
    }
  }

  /// Another group may have limits, or rights over its members, that are not the client's to use: a service's, a user's, or
  /// another engine's.
  private func checkCgroupParent(_ parent: String) throws {
    let clean = cgroupParent(parent)
    let allowed = policy.cgroupParents.allowed + [cgroupParent]
    guard clean != "/", allowed.contains(where: { PathRules.covers($0, clean) }) else {
      throw refusal(
        "the control group '\(clean.prefix(100))' may not hold containers", rule: "cgroupParents.allowed",
        remedy: "add it to 'cgroupParents.allowed', or name one below the engine's own without a leading '/',")
    }
  }

  /// Annotations that runtimes obey: they load code, open sockets and change the confinement.
  private static let obeyedAnnotations = [
    "run.oci.", "dev.gvisor.", "io.katacontainers.", "org.systemd.property.", "org.criu.", "io.kubernetes.cri",
    "io.bulkhead.",
  ]

  private func checkAnnotations(_ annotations: [String: String]) throws {
    for name in annotations.keys.sorted() where Self.obeyedAnnotations.contains(where: name.lowercased().hasPrefix) {
      throw PlatformError(
        .forbidden,
        "the annotation '\(name.prefix(100))' is not allowed: OCI runtimes take orders by it (rule annotations; it cannot "
          + "be allowed)"
      ).about(.annotations, name)
    }
  }

  func refusal(_ what: String, rule: String, remedy: String) -> PlatformError {
    PlatformError(
      .forbidden,
      "\(what) by the engine's policy (rule \(rule)): \(remedy) in \(EnginePolicy.standardPath) to allow it")
  }
}
