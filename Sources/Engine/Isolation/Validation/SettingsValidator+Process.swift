import Model

extension SettingsValidator {
  static let maximumArguments = 32_768
  static let maximumHostname = 63
  static let maximumDomain = 253
  /// Shortest time of a health check's settings, as docker has it: 1 ms.
  private static let minimumHealthNanoseconds: Int64 = 1_000_000

  func checkProcess(_ settings: ContainerSettings) throws {
    for text in (settings.command ?? []) + (settings.entrypoint ?? []) where text.utf8.contains(0) {
      throw PlatformError(.invalidArgument, "invalid command: an argument has a zero byte").about(.command)
    }
    guard (settings.command?.count ?? 0) + (settings.entrypoint?.count ?? 0) <= Self.maximumArguments else {
      throw PlatformError(.invalidArgument, "invalid command: more than \(Self.maximumArguments) arguments")
        .about(.command)
    }
    for variable in settings.environment {
      guard !variable.isEmpty, variable.first != "=", !variable.utf8.contains(0) else {
        throw PlatformError(.invalidArgument, "invalid environment variable: \(variable.prefix(100))")
          .about(.environment)
      }
    }
    if let folder = settings.workingDirectory {
      try ContainerSetting.workingDirectory.blamed { try Self.checkWorkingDirectory(folder) }
    }
    if let name = settings.hostname, !name.isEmpty {
      try ContainerSetting.hostname.blamed { try checkHostname(name) }
    }
    if let name = settings.domainName, !name.isEmpty {
      guard name.utf8.count <= Self.maximumDomain,
        name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy(Self.isLabel)
      else { throw PlatformError(.invalidArgument, "invalid domain name: '\(name.prefix(300))'").about(.domainName) }
    }
    if let signal = settings.stopSignal, !signal.isEmpty {
      _ = try ContainerSetting.stopSignal.blamed { try SignalName.number(signal) }
    }
    if let seconds = settings.stopTimeoutSeconds, seconds < -1 {
      throw PlatformError(.invalidArgument, "invalid stop timeout: \(seconds)").about(.stopTimeout)
    }
    for key in settings.labels.keys where key.isEmpty || key.utf8.contains(0) {
      throw PlatformError(.invalidArgument, "invalid label: the name is empty or has a zero byte").about(.labels)
    }
  }

  /// Where a container's or an exec's program may begin; empty for the default.
  public static func checkWorkingDirectory(_ folder: String) throws {
    if folder.isEmpty { return }
    guard folder.hasPrefix("/"), folder.utf8.count <= MountDestination.maximumBytes, !folder.utf8.contains(0) else {
      throw PlatformError(
        .invalidArgument, "the working directory '\(folder.prefix(200))' is invalid, it needs to be an absolute path")
    }
    // Descriptors the runtime holds open would lead out of the container.
    guard !MountDestination.cleaned(folder).hasPrefix("/proc/") else {
      throw PlatformError(
        .invalidArgument, "the working directory '\(folder.prefix(200))' is invalid, it lies in /proc")
    }
  }

  /// RFC 1123: labels of letters, digits and inner hyphens; sethostname(2) takes 64 bytes, docker 63 a label.
  private func checkHostname(_ name: String) throws {
    let labels = name.split(separator: ".", omittingEmptySubsequences: false)
    guard name.utf8.count <= Self.maximumHostname, labels.allSatisfy(Self.isLabel) else {
      throw PlatformError(
        .invalidArgument,
        "invalid hostname format: '\(name.prefix(300))': at most \(Self.maximumHostname) letters, digits and inner hyphens"
      )
    }
  }

  static func isLabel(_ label: Substring) -> Bool {
    guard (1...63).contains(label.utf8.count), label.first != "-", label.last != "-" else { return false }
    return label.utf8.allSatisfy { byte in
      byte >= 48 && byte <= 57 || byte >= 65 && byte <= 90 || byte >= 97 && byte <= 122 || byte == 45 || byte == 95
    }
  }

  func checkHealth(_ check: HealthcheckSettings?) throws {
    guard let check else { return }
    if let kind = check.test.first, !["NONE", "CMD", "CMD-SHELL"].contains(kind) {
      throw PlatformError(.invalidArgument, "Unknown healthcheck type '\(kind.prefix(100))' (expected 'CMD')")
    }
    if let kind = check.test.first, kind != "NONE", check.test.count < 2 {
      throw PlatformError(.invalidArgument, "Missing command after HEALTHCHECK \(kind)")
    }
    let times = [
      ("Interval", check.intervalNanoseconds), ("Timeout", check.timeoutNanoseconds),
      ("StartPeriod", check.startPeriodNanoseconds), ("StartInterval", check.startIntervalNanoseconds),
    ]
    for (name, value) in times where value != 0 && value < Self.minimumHealthNanoseconds {
      throw PlatformError(.invalidArgument, "\(name) in Healthcheck cannot be less than 1ms")
    }
    guard check.retries >= 0 else {
      throw PlatformError(.invalidArgument, "Retries in Healthcheck cannot be negative")
    }
  }

  func checkLimits(_ host: HostSettings) throws {
    var seen: Set<String> = []
    for limit in host.resourceLimits {
      try ContainerSetting.resourceLimits.blamed(limit.name) {
        guard seen.insert(limit.name).inserted else {
          throw PlatformError(.invalidArgument, "invalid ulimit type: \(limit.name.prefix(100))")
        }
        try check(limit)
      }
    }
    if let score = host.oomScoreAdjustment, !(-1000...1000).contains(score) {
      throw PlatformError(.invalidArgument, "Invalid value \(score), range for oom score adj is [-1000, 1000]")
        .about(.oomScore)
    }
    if let size = host.sharedMemorySizeBytes, size < 0 {
      throw PlatformError(.invalidArgument, "SHM size can not be less than 0").about(.sharedMemory)
    }
    for rule in host.deviceCgroupRules {
      _ = try ContainerSetting.deviceCgroupRules.blamed(rule) { try DeviceCgroupRule.parse(rule) }
    }
    for group in host.additionalGroups where group.isEmpty || group.utf8.count > 256 {
      throw PlatformError(.invalidArgument, "invalid additional group: '\(group.prefix(100))'").about(.groups, group)
    }
  }

  private func check(_ limit: ResourceLimit) throws {
    guard ResourceLimitName.specName(limit.name) != nil else {
      throw PlatformError(.invalidArgument, "invalid ulimit type: \(limit.name.prefix(100))")
    }
    let soft = limit.soft < 0 ? Int64.max : limit.soft
    let hard = limit.hard < 0 ? Int64.max : limit.hard
    guard soft <= hard else {
      throw PlatformError(
        .invalidArgument,
        "ulimit soft limit must be less than or equal to hard limit: \(limit.soft) > \(limit.hard)")
    }
    guard limit.soft >= -1, limit.hard >= -1 else {
      throw PlatformError(.invalidArgument, "invalid ulimit value for \(limit.name): below -1")
    }
  }
}
