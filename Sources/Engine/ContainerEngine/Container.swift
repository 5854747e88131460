import LinuxSystem
import Model
import OCIRuntime
import OCITypes
import Synchronization

/// A container in the engine's memory: its record, its running process if it has one, and who waits for it.
final class Container: Sendable {
  struct State {
    var record: ContainerRecord
    var health: HealthState?
    var execs: [ExecID: ExecSession] = [:]
    var process: MonitoredProcess?
    /// Of the present run, once an exec needed it.
    var processSpec: ProcessSpec?
    /// Resolved with the exit code when the present run, or the next one if none is, has ended and is cleaned up.
    var exit = OneShot<ContainerExit>()
    /// Resolved when conmon of the last run has ended, and with it the mounts of that run.
    var monitorEnd: OneShot<Void>?
    /// Sessions that asked to attach before the start.
    var pendingAttach: [AttachSession] = []
    /// `NAME=value`: secrets of a build's step. In memory only, and in the bundle while the step runs.
    var secretEnvironment: [String] = []
    var restartTask: Task<Void, Never>?
    var healthTask: Task<Void, Never>?
    /// A client's restart is under way: the end of the run is not the container's.
    var isBeingRestarted = false
    /// Sends the log on, also for a while after the run.
    var forwardTask: Task<Void, Never>?
    var revision: UInt64 = 0
    /// Start tries since the last run that lasted, for the back-off.
    var failureStreak = 0
  }

  let id: ContainerID
  let lock = OperationLock()
  /// Resolved when the container has been removed.
  let removal = OneShot<ContainerExit>()
  private let state: Locked<State>
  private let revisions: RevisionCounter

  init(record: ContainerRecord, revisions: RevisionCounter) {
    self.id = record.id
    self.revisions = revisions
    self.state = Locked(State(record: record, revision: revisions.next()))
  }

  /// Reads without changing.
  func read<Result: Sendable>(_ body: (borrowing State) throws -> Result) rethrows -> Result {
    try state.withLock { try body($0) }
  }

  /// Changes the state; the container's revision grows.
  func change<Result: Sendable>(_ body: (inout State) throws -> Result) rethrows -> Result {
    try state.withLock { state in
      state.revision = revisions.next()
      return try body(&state)
    }
  }

  /// Drops the waiting sessions whose clients are gone.
  func forgetPendingAttach() {
    state.withLock { $0.pendingAttach.removeAll(where: \.hasLeft) }
  }

  var record: ContainerRecord { read { $0.record } }
  var name: String { read { $0.record.name } }
  var status: ContainerStatus { read { $0.record.run.status } }
  var process: MonitoredProcess? { read { $0.process } }
  /// The present run with what tells its end, taken together so that they belong together.
  var activeRun: (process: MonitoredProcess, exit: OneShot<ContainerExit>)? {
    read { state in state.process.map { ($0, state.exit) } }
  }
}

extension Container {
  private static let monitorSeconds = 60.0

  /// Waits until nothing of the last run holds the container's files any more.
  func settle() async {
    guard let end = read({ $0.monitorEnd }) else { return }
    _ = try? await end.wait(seconds: Self.monitorSeconds)
  }
}

/// How a run ended.
public struct ContainerExit: Sendable, Equatable {
  public var code: Int32
  public var error: String?
}

/// Numbers that only grow, shared by all containers of an engine.
final class RevisionCounter: Sendable {
  private let value = Atomic<UInt64>(0)
  func next() -> UInt64 { value.wrappingAdd(1, ordering: .relaxed).newValue }
}
