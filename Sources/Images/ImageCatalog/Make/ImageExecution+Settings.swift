import Model
import OCITypes

extension ImageExecution {
  /// An image's settings with a container's own laid over them, as the container ran.
  func overlaid(by settings: ContainerSettings) -> ImageExecution {
    var result = self
    if let entrypoint = settings.entrypoint {
      // A container's own entry point drops the image's command.
      result.entrypoint = entrypoint
      result.cmd = settings.command
    } else if let command = settings.command {
      result.cmd = command
    }
    if !settings.environment.isEmpty { result.env = Self.merged(env ?? [], settings.environment) }
    if let directory = settings.workingDirectory, !directory.isEmpty { result.workingDir = directory }
    if let user = settings.user, !user.isEmpty { result.user = user }
    if let signal = settings.stopSignal, !signal.isEmpty { result.stopSignal = signal }
    if let timeout = settings.stopTimeoutSeconds { result.stopTimeout = timeout }
    if let shell = settings.shell { result.shell = shell }
    if let onBuild = settings.onBuild { result.onBuild = onBuild }
    if !settings.labels.isEmpty { result.labels = (labels ?? [:]).merging(settings.labels) { $1 } }
    for port in settings.exposedPorts {
      result.exposedPorts = (result.exposedPorts ?? [:])
        .merging(["\(port.number)/\(port.transport.rawValue)": EmptyObject()]) { $1 }
    }
    for path in settings.anonymousVolumes {
      result.volumes = (result.volumes ?? [:]).merging([path: EmptyObject()]) { $1 }
    }
    if let check = settings.healthcheck, !check.test.isEmpty {
      var healthcheck = ImageHealthcheck()
      healthcheck.test = check.test
      healthcheck.interval = check.intervalNanoseconds
      healthcheck.timeout = check.timeoutNanoseconds
      healthcheck.startPeriod = check.startPeriodNanoseconds
      healthcheck.startInterval = check.startIntervalNanoseconds
      healthcheck.retries = check.retries
      result.healthcheck = healthcheck
    }
    return result
  }

  /// `NAME=value` replaces, `NAME` alone removes.
  private static func merged(_ lower: [String], _ upper: [String]) -> [String] {
    var result = lower
    for item in upper {
      let name = item.prefix { $0 != "=" }
      result.removeAll { $0.prefix { $0 != "=" } == name }
      if item.contains("=") { result.append(item) }
    }
    return result
  }
}
