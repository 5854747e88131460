import Glibc
import Isolation
import LinuxSystem
import Model

extension Engine {
  /// Seconds that a process gets to vanish after SIGKILL.
  private static let killGraceSeconds = 30.0

  /// Stops a container: its stop signal, then SIGKILL after the time-out (nil: its own, or 10 s; -1: never).
  /// - Throws: `notModified` when it does not run.
  public func stopContainer(_ reference: String, signal: String?, timeoutSeconds: Int?) async throws {
    let container = try registry.find(reference)
    let number = try signal.flatMap { $0.isEmpty ? nil : try SignalName.number($0) }
    try await container.lock.withLock { token in
      let wasRestarting = cancelRestart(container)
      guard container.process != nil else {
        if wasRestarting { return }
        throw PlatformError(.notModified, "container already stopped")
      }
      try await stop(container, signal: number, timeoutSeconds: timeoutSeconds, token)
      emit("stop", container.record)
    }
  }

  /// Stops and starts a container.
  public func restartContainer(_ reference: String, signal: String?, timeoutSeconds: Int?) async throws {
    let container = try registry.find(reference)
    let number = try signal.flatMap { $0.isEmpty ? nil : try SignalName.number($0) }
    do {
      try await restart(container, signal: number, timeoutSeconds: timeoutSeconds)
    } catch {
      // Nobody would come back for a container that was to vanish after its run.
      if container.record.settings.host.autoRemove, container.process == nil {
        try? await removeContainer(container.id.hex, force: false, volumes: true)
      }
      throw error
    }
  }

  private func restart(_ container: Container, signal: Int32?, timeoutSeconds: Int?) async throws {
    try await container.lock.withLock { token in
      container.change { $0.isBeingRestarted = true }
      defer { container.change { $0.isBeingRestarted = false } }
      cancelRestart(container)
      if container.process != nil {
        try await stop(container, signal: signal, timeoutSeconds: timeoutSeconds, token)
        emit("stop", container.record)
      }
      container.change {
        $0.record.run.stoppedByUser = false
        $0.record.run.restartCount = 0
        $0.failureStreak = 0
      }
      try await start(container, token)
      emit("restart", container.record)
    }
  }

  /// Sends a signal (SIGKILL by default) to a container's first process.
  public func killContainer(_ reference: String, signal: String?) async throws {
    let container = try registry.find(reference)
    let number = try signal.flatMap { $0.isEmpty ? nil : try SignalName.number($0) } ?? SIGKILL
    guard let (process, exit) = container.activeRun else {
      if container.status == .restarting, number == SIGKILL {
        return await container.lock.withLock { _ in _ = cancelRestart(container) }
      }
      throw PlatformError(.conflict, "cannot kill container: \(reference): container \(container.id) is not running")
    }
    let endsIt = number == SIGKILL || number == container.record.stopSignal
    if endsIt { container.change { $0.record.run.stoppedByUser = true } }
    try send(number, to: process.initialDescriptor, of: container)
    emit("kill", container.record, ["signal": String(number)])
    // docker answers a SIGKILL when the container has ended.
    if number == SIGKILL { _ = try await exit.wait(seconds: Self.killGraceSeconds) }
  }

  /// Stops a running container whose lock is held.
  func stop(_ container: Container, signal: Int32?, timeoutSeconds: Int?, _ token: OperationLock.Token) async throws {
    guard let (process, exit) = container.activeRun else { return }
    let record = container.change { state -> ContainerRecord in
      state.record.run.stoppedByUser = true
      return state.record
    }
    let timeout = timeoutSeconds ?? record.settings.stopTimeoutSeconds ?? policy.defaults.stopTimeoutSeconds
    if record.run.status == .paused { try thaw(container) }
    if timeout != 0 {
      try send(signal ?? record.stopSignal, to: process.initialDescriptor, of: container)
      emit("kill", record, ["signal": String(signal ?? record.stopSignal)])
      if timeout < 0 {
        _ = try await exit.wait()
        return
      }
      if try await exit.wait(seconds: Double(timeout)) != nil { return }
    }
    try send(SIGKILL, to: process.initialDescriptor, of: container)
    emit("kill", record, ["signal": String(SIGKILL)])
    if try await exit.wait(seconds: Self.killGraceSeconds) == nil {
      // Something in the container cannot be killed by its first process alone.
      try? cgroups.killAll(try cgroupPath(record))
      guard try await exit.wait(seconds: Self.killGraceSeconds) != nil else {
        throw PlatformError(.unavailable, "cannot stop container \(record.id.short): its processes do not end")
      }
    }
  }

  /// Ends the waiting for a restart; true when there was one.
  @discardableResult
  func cancelRestart(_ container: Container) -> Bool {
    let waited = container.change { state -> Bool in
      state.record.run.stoppedByUser = true
      guard state.record.run.status == .restarting, state.process == nil else { return false }
      state.restartTask?.cancel()
      state.restartTask = nil
      state.record.run.status = .exited
      return true
    }
    if waited { save(container) }
    return waited
  }

  private func send(_ signal: Int32, to process: Descriptor, of container: Container) throws {
    do {
      try PidFD.signal(process, signal)
      if signal == SIGKILL, container.status == .paused { try thaw(container) }
    } catch let error as SystemError where error.errno == ESRCH {
      // It ended a moment ago; its end is being dealt with.
    }
  }

  private func thaw(_ container: Container) throws {
    try cgroups.thaw(try cgroupPath(container.record))
    container.change { if $0.record.run.status == .paused { $0.record.run.status = .running } }
  }

  /// Freezes all processes of a container.
  public func pauseContainer(_ reference: String) async throws {
    let container = try registry.find(reference)
    try await container.lock.withLock { _ in
      guard container.process != nil else {
        throw PlatformError(.conflict, "Container \(container.id) is not running")
      }
      guard container.status != .paused else {
        throw PlatformError(.conflict, "Container \(container.id) is already paused")
      }
      try cgroups.freeze(try cgroupPath(container.record))
      container.change { $0.record.run.status = .paused }
      save(container)
      emit("pause", container.record)
    }
  }

  /// Lets a frozen container go on.
  public func unpauseContainer(_ reference: String) async throws {
    let container = try registry.find(reference)
    try await container.lock.withLock { _ in
      guard container.status == .paused else {
        throw PlatformError(.conflict, "Container \(container.id) is not paused")
      }
      try thaw(container)
      save(container)
      emit("unpause", container.record)
    }
  }
}
