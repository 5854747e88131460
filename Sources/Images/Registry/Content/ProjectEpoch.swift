import LinuxSystem

/// The life of a project that a push began in. A push whose project was removed since, and perhaps made again for others,
/// ends without a trace: who may push is looked at once, at its begin.
///
/// Pushes do not outlive the process, so that epochs need not either.
public struct ProjectEpoch: Sendable, Hashable {
  fileprivate var removals: UInt64 = 0

  /// The one that every project is in at the start of the process.
  init() {}
}

/// How often each project has been removed since the start.
final class ProjectEpochs: Sendable {
  private let removed = Locked<[String: ProjectEpoch]>([:])

  func epoch(of project: String) -> ProjectEpoch { removed.withLock { $0[project] ?? ProjectEpoch() } }

  func end(of project: String) { removed.withLock { $0[project, default: ProjectEpoch()].removals += 1 } }
}

extension Registry {
  /// The epoch that a project is in. To be taken before it is looked at whether somebody may push.
  public func epoch(of project: String) -> ProjectEpoch { epochs.epoch(of: project) }

  /// Throws `RegistryError` (`nameUnknown`) where the project's epoch is over. For the transaction that brings something in:
  /// none of them runs beside the one that removes the project.
  func require(_ epoch: ProjectEpoch, of project: String) throws {
    guard epochs.epoch(of: project) == epoch else {
      throw RegistryError(.nameUnknown, "project '\(project)' was removed while something was pushed to it")
    }
  }
}
