import Model

/// Waits for the end of a container in the way that was asked for; registered when it is made, so nothing is missed between.
public struct ContainerWaiter: Sendable {
  let immediate: ContainerExit?
  let exit: OneShot<ContainerExit>
  let removal: OneShot<ContainerExit>
  let condition: WaitCondition

  /// Exit code and, where a start failed, why.
  public func result() async throws -> (exitCode: Int32, error: String?) {
    if let immediate { return (immediate.code, immediate.error) }
    let result: ContainerExit
    if condition == .removed {
      result = try await removal.wait()
    } else {
      result = try await firstOfExitAndRemoval()
    }
    return (result.code, result.error)
  }

  /// A container that is removed without having run will not end any more.
  private func firstOfExitAndRemoval() async throws -> ContainerExit {
    try await withThrowingTaskGroup(of: ContainerExit.self) { group in
      group.addTask { try await exit.wait() }
      group.addTask { try await removal.wait() }
      defer { group.cancelAll() }
      guard let first = try await group.next() else { throw CancellationError() }
      return first
    }
  }
}

extension Engine {
  /// Registers a wait for a container's end.
  public func waiter(_ reference: String, condition: WaitCondition) throws -> ContainerWaiter {
    let container = try registry.find(reference)
    return container.read { state in
      let isActive = state.process != nil || state.record.run.status == .restarting
      let ended = ContainerExit(code: state.record.run.exitCode, error: nil)
      return ContainerWaiter(
        immediate: condition == .notRunning && !isActive ? ended : nil, exit: state.exit, removal: container.removal,
        condition: condition)
    }
  }

  public func container(_ reference: String) throws -> ContainerView { view(of: try registry.find(reference)) }

  /// All containers, newest first.
  public func containers() -> [ContainerView] { registry.all.map(view) }

  public func folders(of view: ContainerView) -> ContainerFolders {
    ContainerFolders(
      upper: snapshots.upperPath(view.record.id), lowers: view.record.layers.reversed().map(snapshots.layerPath))
  }

  func view(of container: Container) -> ContainerView {
    container.read { state in
      ContainerView(
        record: state.record, health: state.health, execIDs: state.execs.keys.sorted { $0.hex < $1.hex },
        revision: state.revision, logPath: logPath(of: state.record),
        hostnamePath: "\(paths.container(container.id))/hostname", hostsPath: "\(paths.container(container.id))/hosts",
        resolvConfPath: "\(paths.container(container.id))/resolv.conf")
    }
  }
}
