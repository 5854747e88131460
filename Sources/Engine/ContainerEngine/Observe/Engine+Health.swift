import LinuxSystem
import Model

extension Engine {
  private static let defaultInterval: Int64 = 30_000_000_000
  private static let defaultTimeout: Int64 = 30_000_000_000
  private static let defaultStartInterval: Int64 = 5_000_000_000
  private static let defaultRetries = 3
  /// Images and clients name any number; the clock counts not all of them.
  private static let longestInterval = Int64(Int32.max) * 1_000_000_000
  private static let keptProbes = 5
  private static let outputLimitBytes = 4096

  /// Begins the probes of a container that has a health check.
  ///
  /// - Parameter isAdopted: the run began under an earlier engine, and its health is that of the record.
  func startHealthChecks(_ container: Container, isAdopted: Bool = false) {
    guard let check = container.record.healthcheck else { return }
    container.change { state in
      if !isAdopted { state.record.health = nil }
      state.health = state.record.health ?? HealthState(status: .starting)
    }
    let task = lifetime.run(on: executor) { [self] in await probe(container, check) }
    container.change { $0.healthTask = task }
  }

  private func probe(_ container: Container, _ check: HealthcheckSettings) async {
    let started = container.record.run.startedAt
    let interval = check.intervalNanoseconds > 0 ? check.intervalNanoseconds : Self.defaultInterval
    let startInterval = check.startIntervalNanoseconds > 0 ? check.startIntervalNanoseconds : Self.defaultStartInterval
    while !Task.isCancelled {
      let inStart =
        container.read { $0.health?.status == .starting }
        && Int64(Clock.realTimeNanoseconds()) - started < check.startPeriodNanoseconds
      do {
        let pause = inStart ? min(startInterval, interval) : interval
        try await Task.sleep(for: .nanoseconds(min(pause, Self.longestInterval)))
      } catch { return }
      guard container.process != nil else { return }
      if container.status == .paused { continue }
      let result = await runProbe(container, check)
      guard !Task.isCancelled, container.process != nil else { return }
      record(result, of: container, check: check, started: started)
    }
  }

  private func runProbe(_ container: Container, _ check: HealthcheckSettings) async -> HealthState.Probe {
    let began = Int64(Clock.realTimeNanoseconds())
    let timeout = check.timeoutNanoseconds > 0 ? check.timeoutNanoseconds : Self.defaultTimeout
    var output: [UInt8] = []
    var code = -1
    do {
      var settings = ExecSettings(arguments: Self.command(check, shell: container.record.settings.shell))
      settings.attachStdout = true
      settings.attachStderr = true
      let id = try await createExec(container.id.hex, settings)
      let session = try execs.find(id.hex)
      guard let streams = try await startExec(id.hex, detach: false, terminal: nil, height: nil, width: nil) else {
        throw PlatformError(.internal, "the probe has no output")
      }
      let collector = Task { () -> [UInt8] in
        var bytes: [UInt8] = []
        while let chunk = try? await streams.next() {
          if bytes.count < Self.outputLimitBytes { bytes += chunk.bytes.prefix(Self.outputLimitBytes - bytes.count) }
        }
        return bytes
      }
      if let exit = try await session.ended.wait(seconds: Double(timeout) / 1e9) {
        output = await collector.value
        code = Int(exit)
      } else {
        if let process = session.process { try? process.runtime.signal(9) }
        kill(session, of: container)
        streams.close()
        output = Array("Health check exceeded timeout (\(timeout / 1_000_000) ms)".utf8)
      }
    } catch {
      output = Array(((error as? PlatformError)?.message ?? "the probe could not be run").utf8)
    }
    return HealthState.Probe(
      startedAt: began, finishedAt: Int64(Clock.realTimeNanoseconds()), exitCode: code,
      output: String(decoding: output.prefix(Self.outputLimitBytes), as: UTF8.self))
  }

  /// Ends an exec's own process in the container, which outlives the runtime's.
  ///
  /// Its number comes from a file and may be another process's by now: it has to be one of the container's, looked up after
  /// the descriptor was opened, so that the process found is the one that is held.
  func kill(_ session: ExecSession, of container: Container) {
    let pid = session.view.pid
    guard pid > 0, let descriptor = try? PidFD.open(pid), let path = try? cgroupPath(container.record),
      (try? cgroups.listProcesses(path).contains(pid)) == true
    else { return }
    try? PidFD.signal(descriptor, 9)
  }

  private static func command(_ check: HealthcheckSettings, shell: [String]?) -> [String] {
    switch check.test.first {
    case "CMD": Array(check.test.dropFirst())
    case "CMD-SHELL": (shell ?? ["/bin/sh", "-c"]) + check.test.dropFirst()
    default: check.test
    }
  }

  private func record(_ probe: HealthState.Probe, of container: Container, check: HealthcheckSettings, started: Int64) {
    let retries = check.retries > 0 ? check.retries : Self.defaultRetries
    let before = container.read { $0.health?.status }
    let after = container.change { state -> HealthState.Status? in
      guard var health = state.health else { return nil }
      health.log.append(probe)
      if health.log.count > Self.keptProbes { health.log.removeFirst(health.log.count - Self.keptProbes) }
      if probe.exitCode == 0 {
        health.failingStreak = 0
        health.status = .healthy
      } else {
        let isStarting = health.status == .starting && probe.startedAt - started < check.startPeriodNanoseconds
        if !isStarting { health.failingStreak += 1 }
        if health.failingStreak >= retries { health.status = .unhealthy }
      }
      state.health = health
      if health.status != before { state.record.health = health }
      return health.status
    }
    guard let after, after != before else { return }
    save(container)
    emit("health_status: \(after.rawValue)", container.record)
    if after == .unhealthy, restartsUnhealthy(container) { restartUnhealthy(container) }
  }

  /// The engine's policy, or the container's own label, says that an unhealthy container is to be restarted.
  private func restartsUnhealthy(_ container: Container) -> Bool {
    let record = container.record
    switch record.labels["bulkhead.restart-unhealthy"] {
    case "true": return true
    case "false": return false
    default: return policy.defaults.restartUnhealthy && record.settings.host.restart.kind != .no
    }
  }

  private func restartUnhealthy(_ container: Container) {
    logger.notice("container \(container.id.short) is unhealthy and is restarted")
    // Its own task: the probes' task ends with the run that it restarts.
    lifetime.run(on: executor) { [self] in
      do {
        try await restartContainer(container.id.hex, signal: nil, timeoutSeconds: nil)
      } catch {
        logger.error("restarting unhealthy container \(container.id.short) failed: \(error)")
      }
    }
  }
}
