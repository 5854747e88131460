import Glibc
import LinuxSystem
import Model
import OCIRuntime

extension Engine {
  /// Waits for a run's end and deals with it. Its conmon is a child of this engine, or was one of an earlier engine.
  func watch(_ container: Container, process: MonitoredProcess, isChild: Bool) {
    let end = exitFiles.end(of: container.id)
    let monitorEnd = OneShot<Void>()
    container.change { $0.monitorEnd = monitorEnd }
    lifetime.run(on: executor) { [self] in
      do {
        try await poller.waitEnd(process.monitorDescriptor)
      } catch {
        return  // The engine ends; the next one adopts the container.
      }
      if isChild { _ = try? PidFD.waitExit(process.monitorDescriptor) }
      exitFiles.tellEnd(of: container.id)
      monitorEnd.resolve(())
    }
    lifetime.run(on: executor) { [self] in
      guard (try? await end.wait()) != nil else { return }
      await finishRun(container)
    }
  }

  /// Cleans up after a run, records how it ended and tells everyone; then restarts or removes, as was asked for.
  func finishRun(_ container: Container) async {
    let (before, process) = container.read { ($0.record, $0.process) }
    let files = MonitorFiles(bundle: paths.bundle(before.id), exitDirectory: paths.exits, id: before.id)
    // Without an exit file conmon itself was killed, and with it the engine's view of the container.
    let code = ((try? files.exitCode()) ?? nil) ?? 137
    let outOfMemory = files.sawOutOfMemory || ((try? cgroups.oomKills(try cgroupPath(before))) ?? 0) > 0
    container.change {
      $0.healthTask?.cancel(); $0.healthTask = nil
    }
    // With a process tree of its own nothing of a container outlives its first process.
    let isOver = (try? process.map { try PidFD.hasExited($0.initialDescriptor) }) ?? false
    cleanUpRun(before, isOver: isOver && before.settings.host.pidMode == .own)
    await closeSocket(of: before)
    let now = Int64(Clock.realTimeNanoseconds())
    let (record, exit, execs, isBeingRestarted) = container.change { state in
      state.process = nil
      state.health = nil
      state.record.run.status = .exited
      state.record.run.exitCode = code
      state.record.run.oomKilled = outOfMemory
      state.record.run.finishedAt = now
      state.record.run.pid = 0
      state.record.endpoints = [:]
      state.record.publishedPorts = []
      // Whoever waits from now on waits for the next run's end.
      defer { state.exit = OneShot() }
      return (state.record, state.exit, Array(state.execs.values), state.isBeingRestarted)
    }
    for exec in execs where exec.isRunning { exec.end(code: 137) }
    let lasted = now.clampedSubtracting(record.run.startedAt)
    let decision = RestartDecision.make(
      record, lasted: lasted, streak: container.read { $0.failureStreak })
    if outOfMemory { emit("oom", record) }
    emit(
      "die", record, ["exitCode": String(code), "execDuration": String(lasted / 1_000_000_000)])
    tell("disconnect", Array(before.endpoints.values))
    tellVolumes("unmount", record)
    if case .restart(let delay, let streak) = decision {
      container.change { state in
        state.record.run.status = .restarting
        state.failureStreak = streak
      }
      save(container)
      forgetExit(record.id)
      exit.resolve(ContainerExit(code: code, error: nil))
      scheduleRestart(container, delaySeconds: delay)
      return
    }
    save(container)
    forgetExit(record.id)
    exit.resolve(ContainerExit(code: code, error: nil))
    if record.settings.host.autoRemove, !isBeingRestarted, !lifetime.isOver {
      // Without force: it may have been started again meanwhile.
      try? await removeContainer(record.id.hex, force: false, volumes: true)
    }
  }

  /// Takes back what the kernel and the runtime hold for a run.
  /// - Parameter isOver: whether all processes of the run are known to have ended.
  func cleanUpRun(_ record: ContainerRecord, isOver: Bool = false) {
    if let runtime = try? runtime(record.runtime) {
      do {
        if isOver {
          try monitor.forget(record.id, runtime: runtime)
        } else {
          try monitor.delete(record.id, runtime: runtime, force: true)
        }
      } catch {
        logger.warning("cleaning up after container \(record.id.short): \(error)")
      }
    }
    endMemoryVolumes(of: record)
    releaseNetwork(record.id, endpoints: Array(record.endpoints.values))
    removeCgroup(record)
    try? FileSystem.removeTree(paths.bundle(record.id))
  }

  /// Removes conmon's file with the exit code, once the code is recorded.
  private func forgetExit(_ id: ContainerID) { try? FileSystem.removeFile("\(paths.exits)/\(id.hex)") }

  func save(_ container: Container) {
    let record = container.record
    do {
      try store.save(record)
    } catch {
      logger.error("the state of container \(record.id.short) could not be recorded: \(error)")
    }
  }

  func scheduleRestart(_ container: Container, delaySeconds: Double) {
    let task = lifetime.run(on: executor) { [self] in
      do {
        try await Task.sleep(for: .seconds(delaySeconds))
      } catch { return }
      await container.lock.withLock { token in
        guard container.status == .restarting, !Task.isCancelled else { return }
        container.change {
          $0.restartTask = nil
          $0.record.run.restartCount += 1
        }
        do {
          try await start(container, token)
        } catch {
          logger.error("restarting container \(container.id.short) failed: \(error)")
          await retryRestart(container)
        }
      }
    }
    container.change { $0.restartTask = task }
  }

  private func retryRestart(_ container: Container) async {
    let record = container.record
    let decision = RestartDecision.make(record, lasted: 0, streak: container.read { $0.failureStreak })
    guard case .restart(let delay, let streak) = decision else {
      let exit = container.change { state in
        defer { state.exit = OneShot() }
        return state.exit
      }
      return exit.resolve(ContainerExit(code: record.run.exitCode, error: record.run.error))
    }
    container.change { state in
      state.record.run.status = .restarting
      state.failureStreak = streak
    }
    save(container)
    scheduleRestart(container, delaySeconds: delay)
  }
}

/// Whether a container that ended is started again, and when: docker's rules and back-off.
enum RestartDecision: Equatable {
  case rest
  case restart(delaySeconds: Double, streak: Int)

  private static let firstDelaySeconds = 0.1
  private static let longestDelaySeconds = 60.0
  /// A run that lasted this long counts as a success, and the delay begins anew.
  private static let goodRunNanoseconds: Int64 = 10_000_000_000

  static func make(_ record: ContainerRecord, lasted: Int64, streak: Int) -> RestartDecision {
    let policy = record.settings.host.restart
    guard !record.run.stoppedByUser else { return .rest }
    switch policy.kind {
    case .no: return .rest
    case .always, .unlessStopped: break
    case .onFailure:
      guard record.run.exitCode != 0 else { return .rest }
      if policy.maximumRetryCount > 0, record.run.restartCount >= policy.maximumRetryCount { return .rest }
    }
    let next = lasted >= goodRunNanoseconds ? 0 : streak
    let delay = min(longestDelaySeconds, firstDelaySeconds * Double(1 << min(next, 16)))
    return .restart(delaySeconds: delay, streak: next + 1)
  }
}
