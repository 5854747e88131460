import ContainerEngine
import Model

/// The answer to `GET /containers/{id}/json`.
enum ContainerInspect {
  static func encode(
    _ view: ContainerView, sizes: (writable: Int64, root: Int64)?, folders: ContainerFolders? = nil,
    version: APIVersion, networkID: (String) -> String
  ) -> [UInt8] {
    let record = view.record
    return JSONWriter.object(capacity: 8_192) { writer in
      writer.field("Id", record.id.hex)
      writer.field("Created", Timestamps.rfc3339(record.createdAt))
      writer.field("Path", record.arguments.first ?? "")
      writer.field("Args", Array(record.arguments.dropFirst()))
      state(view, into: &writer)
      writer.field("Image", record.imageID.description)
      writer.field("ResolvConfPath", view.resolvConfPath)
      writer.field("HostnamePath", view.hostnamePath)
      writer.field("HostsPath", view.hostsPath)
      writer.field("LogPath", view.logPath)
      writer.field("Name", "/" + record.name)
      writer.field("RestartCount", record.run.restartCount)
      writer.field("Driver", "overlay2")
      writer.field("Platform", "linux")
      writer.field("MountLabel", "")
      writer.field("ProcessLabel", "")
      writer.field("AppArmorProfile", record.appArmorProfile ?? "")
      writer.field("ExecIDs", view.execIDs.isEmpty ? nil : view.execIDs.map(\.hex))
      HostConfigResponse.write(record, into: &writer)
      writer.object("GraphDriver") { writer in
        graphData(folders, view.record.run, into: &writer)
        writer.field("Name", "overlay2")
      }
      if let sizes {
        writer.field("SizeRw", sizes.writable)
        writer.field("SizeRootFs", sizes.root)
      }
      writer.mounts(record.mounts)
      config(record, version: version, into: &writer)
      networkSettings(record, networkID: networkID, into: &writer)
    }
  }

  /// Where a container's files are: the whole only while it runs, as nothing is mounted on the host itself.
  private static func graphData(
    _ folders: ContainerFolders?, _ run: ContainerRunState, into writer: inout JSONWriter
  ) {
    guard let folders else { return writer.null("Data") }
    writer.object("Data") { writer in
      writer.field("LowerDir", folders.lowers.joined(separator: ":"))
      if run.isRunning { writer.field("MergedDir", "/proc/\(run.pid)/root") }
      writer.field("UpperDir", folders.upper)
    }
  }

  private static func state(_ view: ContainerView, into writer: inout JSONWriter) {
    let run = view.record.run
    writer.object("State") { writer in
      writer.field("Status", run.status.rawValue)
      writer.field("Running", run.isRunning || run.status == .restarting)
      writer.field("Paused", run.status == .paused)
      writer.field("Restarting", run.status == .restarting)
      writer.field("OOMKilled", run.oomKilled)
      writer.field("Dead", run.status == .dead)
      writer.field("Pid", run.isRunning ? run.pid : 0)
      writer.field("ExitCode", run.exitCode)
      writer.field("Error", run.error)
      writer.field("StartedAt", Timestamps.rfc3339(run.startedAt))
      writer.field("FinishedAt", Timestamps.rfc3339(run.finishedAt))
      guard let health = view.health, health.status != .none else { return }
      writer.object("Health") { writer in
        writer.field("Status", health.status.rawValue)
        writer.field("FailingStreak", health.failingStreak)
        writer.list("Log", health.log) { writer, probe in
          writer.object { writer in
            writer.field("Start", Timestamps.rfc3339(probe.startedAt))
            writer.field("End", Timestamps.rfc3339(probe.finishedAt))
            writer.field("ExitCode", probe.exitCode)
            writer.field("Output", probe.output)
          }
        }
      }
    }
  }

  /// `Config`: what the container was made of, image defaults included.
  static func config(_ record: ContainerRecord, version: APIVersion, into writer: inout JSONWriter) {
    let settings = record.settings
    writer.object("Config") { writer in
      writer.field("Hostname", record.hostname)
      writer.field("Domainname", settings.domainName ?? "")
      writer.field("User", record.user)
      writer.field("AttachStdin", settings.attachStdin)
      writer.field("AttachStdout", settings.attachStdout)
      writer.field("AttachStderr", settings.attachStderr)
      if !record.exposedPorts.isEmpty { writer.set("ExposedPorts", record.exposedPorts.map(PortText.text)) }
      writer.field("Tty", settings.terminal)
      writer.field("OpenStdin", settings.openStdin)
      writer.field("StdinOnce", settings.stdinOnce)
      writer.field("Env", record.environment)
      command(record, into: &writer)
      if let health = record.healthcheck { healthcheck(health, into: &writer) }
      writer.field("Image", settings.image)
      writer.name("Volumes")
      if settings.anonymousVolumes.isEmpty {
        writer.null()
      } else {
        writer.object { writer in for path in settings.anonymousVolumes { writer.object(path) { _ in } } }
      }
      writer.field(
        "WorkingDir", record.workingDirectory == "/" ? settings.workingDirectory ?? "" : record.workingDirectory)
      if settings.networkDisabled { writer.field("NetworkDisabled", true) }
      if version < .v1(44), let address = record.networks.first?.macAddress { writer.field("MacAddress", address) }
      writer.field("OnBuild", settings.onBuild)
      writer.field("Labels", record.labels)
      if let signal = settings.stopSignal { writer.field("StopSignal", signal) }
      if let seconds = settings.stopTimeoutSeconds { writer.field("StopTimeout", seconds) }
      if let shell = settings.shell { writer.field("Shell", shell) }
    }
  }

  /// Entry point and command: where the client gave neither, what runs is shown as the command.
  private static func command(_ record: ContainerRecord, into writer: inout JSONWriter) {
    let entrypoint = record.settings.entrypoint.flatMap { $0.isEmpty || $0 == [""] ? nil : $0 }
    let command: [String]
    if let entrypoint, record.arguments.starts(with: entrypoint) {
      command = Array(record.arguments.dropFirst(entrypoint.count))
    } else {
      command = record.settings.command.flatMap { $0.isEmpty ? nil : $0 } ?? record.arguments
    }
    writer.field("Cmd", command.isEmpty ? nil : command)
    let isFromImage =
      entrypoint == nil && record.arguments.count > command.count
      && record.arguments.suffix(command.count) == command[...]
    writer.field("Entrypoint", isFromImage ? Array(record.arguments.dropLast(command.count)) : entrypoint)
  }

  static func healthcheck(_ health: HealthcheckSettings, into writer: inout JSONWriter) {
    writer.object("Healthcheck") { writer in
      if !health.test.isEmpty { writer.field("Test", health.test) }
      if health.intervalNanoseconds != 0 { writer.field("Interval", health.intervalNanoseconds) }
      if health.timeoutNanoseconds != 0 { writer.field("Timeout", health.timeoutNanoseconds) }
      if health.startPeriodNanoseconds != 0 { writer.field("StartPeriod", health.startPeriodNanoseconds) }
      if health.startIntervalNanoseconds != 0 { writer.field("StartInterval", health.startIntervalNanoseconds) }
      if health.retries != 0 { writer.field("Retries", health.retries) }
    }
  }

  private static func networkSettings(
    _ record: ContainerRecord, networkID: (String) -> String, into writer: inout JSONWriter
  ) {
    let main = record.endpoints["bridge"]
    writer.object("NetworkSettings") { writer in
      writer.field("Bridge", "")
      let ownsNetwork = if case .container = record.settings.host.networkMode { false } else { true }
      let sandbox = record.run.isRunning && ownsNetwork ? record.run.pid : 0
      writer.field("SandboxID", sandbox > 0 ? record.id.hex : "")
      writer.field("SandboxKey", sandbox > 0 ? "/proc/\(sandbox)/ns/net" : "")
      writer.portMap(record)
      writer.field("HairpinMode", false)
      writer.field("LinkLocalIPv6Address", "")
      writer.field("LinkLocalIPv6PrefixLen", 0)
      writer.null("SecondaryIPAddresses")
      writer.null("SecondaryIPv6Addresses")
      writer.field("EndpointID", main?.endpointID ?? "")
      writer.field("Gateway", main?.gateway?.description ?? "")
      writer.field("GlobalIPv6Address", main?.ipv6?.address.description ?? "")
      writer.field("GlobalIPv6PrefixLen", main?.ipv6?.prefixLength ?? 0)
      writer.field("IPAddress", main?.address.description ?? "")
      writer.field("IPPrefixLen", main?.prefixLength ?? 0)
      writer.field("IPv6Gateway", main?.ipv6?.gateway?.description ?? "")
      writer.field("MacAddress", main?.macAddress ?? "")
      writer.networks(record, networkID: networkID)
    }
  }
}
