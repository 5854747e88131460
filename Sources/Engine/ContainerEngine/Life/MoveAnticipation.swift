import LinuxSystem
import Logging
import Synchronization

/// Takes the kernel's wait before processes can be moved between control groups, while the rest of a start is prepared.
///
/// Without it the runtime waits, and the container's start with it: half of the whole time on a small machine.
final class MoveAnticipation: Sendable {
  private let cgroups: Cgroups
  private let logger: Logger
  private let isUnderWay = Atomic<Bool>(false)

  init(cgroups: Cgroups, logger: Logger) {
    self.cgroups = cgroups
    self.logger = logger
  }

  /// Begins the wait on another thread, unless it is under way; says nothing of failure, which costs time alone.
  func begin(on executor: BlockingExecutor) {
    guard !isUnderWay.exchange(true, ordering: .acquiring) else { return }
    Task(executorPreference: executor) { [self] in
      do {
        try cgroups.anticipateMoves()
      } catch {
        logger.debug("anticipating moves between control groups: \(error)")
      }
      isUnderWay.store(false, ordering: .releasing)
    }
  }
}
