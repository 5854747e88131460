import Model

/// Checks a container's settings for what can be known before anything is made: docker's rules with docker's messages.
///
/// What the policy forbids is `PolicyCheck`'s affair; what the image or a name decides is the engine's.
public struct SettingsValidator: Sendable {
  let host: HostProfile
  private let defaultLogDriver: String

  /// - Parameter defaultLogDriver: the policy's, for containers that name none.
  public init(host: HostProfile, defaultLogDriver: String) {
    self.host = host
    self.defaultLogDriver = defaultLogDriver
  }

  /// Returns warnings: wishes that the host cannot serve and that are passed over. Throws `invalidArgument` for the
  /// first wrong value and `notImplemented`, naming the option, for what the engine does not have.
  public func validate(_ settings: ContainerSettings) throws -> [String] {
    try checkSupported(settings)
    try checkProcess(settings)
    try ContainerSetting.healthcheck.blamed { try checkHealth(settings.healthcheck) }
    try ContainerSetting.restart.blamed { try checkRestart(settings.host) }
    _ = try ContainerSetting.log.blamed { try LogOptions(settings.host.log, defaultDriver: defaultLogDriver) }
    try checkMounts(settings)
    try checkLimits(settings.host)
    try checkSysctls(settings.host)
    let security = try ContainerSetting.securityOptions.blamed {
      try SecurityOptions(parsing: settings.host.securityOptions)
    }
    if !host.appArmor, let profile = security.appArmor, profile != "unconfined" {
      throw PlatformError(
        .notImplemented,
        "security option 'apparmor=\(profile.prefix(100))' is not supported: AppArmor is not enabled on this host"
      ).about(.securityOptions)
    }
    _ = try CapabilityRequest(
      adding: settings.host.capabilitiesAdded, dropping: settings.host.capabilitiesDropped)
    var warnings = try validate(settings.host.resources)
    warnings += try checkNetwork(settings)
    return warnings
  }

  /// Checks what an image's configuration adds to a container by the rules for requests: images come from anywhere.
  ///
  /// Takes settings with the image's values in the client's place where the client gave none. Throws `invalidArgument`.
  public func validateImage(_ merged: ContainerSettings) throws {
    do {
      try checkProcess(merged)
      try checkHealth(merged.healthcheck)
      try checkMounts(merged)
    } catch let error as PlatformError {
      throw PlatformError(
        error.code, "the image '\(merged.image.prefix(200))' cannot be used: \(error.message)", context: error.context
      ).about(.image)
    }
  }

  private func checkSupported(_ settings: ContainerSettings) throws {
    func refuse(_ option: String, _ why: String) -> PlatformError {
      PlatformError(.notImplemented, "option '\(option)' is not supported: \(why)")
    }
    let host = settings.host
    if !host.storageOptions.isEmpty {
      throw refuse("storage-opt", "the overlay snapshots have no size of their own").about(.storageOptions)
    }
    if let driver = host.volumeDriver, !driver.isEmpty, driver != "local" {
      throw refuse("volume-driver \(driver.prefix(100))", "only 'local' volumes exist").about(.volumeDriver)
    }
    for mount in host.mounts {
      if let driver = mount.volumeDriver, !driver.isEmpty, driver != "local" {
        throw refuse("volume-driver \(driver.prefix(100))", "only 'local' volumes exist")
          .about(.mounts, mount.destination)
      }
    }
    if host.resources.kernelMemoryBytes != 0 {
      throw refuse("kernel-memory", "the kernel has given up this limit").about(.kernelMemory)
    }
    if host.resources.cpuRealtimePeriodMicroseconds != 0 || host.resources.cpuRealtimeRuntimeMicroseconds != 0 {
      guard self.host.cgroupMode != .v2 else {
        throw refuse("cpu-rt-runtime", "cgroup v2 has no real-time limits").about(.cpuRealtime)
      }
    }
    try checkNamespaceModes(host)
  }

  private func checkNamespaceModes(_ host: HostSettings) throws {
    func require(_ mode: NamespaceMode, _ name: String, joins: Bool, ipc: Bool = false) throws {
      switch mode {
      case .own, .host: return
      case .container(let other):
        guard joins, !other.isEmpty else {
          throw PlatformError(.invalidArgument, "invalid \(name) mode: \"container:\(other.prefix(100))\"")
        }
      case .shareable, .none:
        guard ipc else { throw PlatformError(.invalidArgument, "invalid \(name) mode: \"\(mode)\"") }
      }
    }
    try ContainerSetting.pidMode.blamed { try require(host.pidMode, "PID", joins: true) }
    try ContainerSetting.ipcMode.blamed { try require(host.ipcMode, "IPC", joins: true, ipc: true) }
    try ContainerSetting.utsMode.blamed { try require(host.utsMode, "UTS", joins: false) }
    try ContainerSetting.userMode.blamed { try require(host.userMode, "user namespace", joins: false) }
    try ContainerSetting.cgroupMode.blamed { try require(host.cgroupNamespaceMode, "cgroup namespace", joins: false) }
  }

  private func checkRestart(_ host: HostSettings) throws {
    let policy = host.restart
    guard policy.maximumRetryCount >= 0 else {
      throw PlatformError(.invalidArgument, "maximum retry count cannot be negative")
    }
    if policy.maximumRetryCount > 0, policy.kind == .always || policy.kind == .unlessStopped || policy.kind == .no {
      throw PlatformError(
        .invalidArgument,
        "invalid restart policy: maximum retry count can only be used with 'on-failure', not '\(policy.kind.rawValue)'")
    }
    if host.autoRemove, policy.kind != .no {
      throw PlatformError(.invalidArgument, "can't create 'AutoRemove' container with restart policy")
    }
  }

  private func checkSysctls(_ settings: HostSettings) throws {
    for name in settings.sysctls.keys.sorted() {
      try ContainerSetting.sysctls.blamed(name) { try checkSysctl(name, settings) }
    }
  }

  private func checkSysctl(_ name: String, _ settings: HostSettings) throws {
    let shown = name.prefix(100)
    switch SysctlName.namespace(of: name) {
    case .none:
      throw PlatformError(
        .invalidArgument, "sysctl '\(shown)' is not allowed: it is not a setting of a container's own namespaces")
    case .network:
      if settings.networkMode == .host {
        throw PlatformError(.invalidArgument, "sysctl '\(shown)' is not allowed in the host's network namespace")
      }
    case .ipc:
      if settings.ipcMode == .host {
        throw PlatformError(.invalidArgument, "sysctl '\(shown)' is not allowed in the host's IPC namespace")
      }
    }
    guard let value = settings.sysctls[name], !value.utf8.contains(0), value.utf8.count <= 4096 else {
      throw PlatformError(.invalidArgument, "invalid value for sysctl '\(shown)'")
    }
  }
}
