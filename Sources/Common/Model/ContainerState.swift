/// Where a container stands in its life, with what only that state has.
///
/// created → running ⇄ paused; running → restarting → running; any → exited → running …; any → removing → gone.
public enum ContainerStatus: String, Codable, Sendable, CaseIterable {
  case created, running, paused, restarting, removing, exited, dead
}

/// What is known about a container's last or present run.
public struct ContainerRunState: Codable, Sendable, Equatable {
  public var status: ContainerStatus = .created
  /// The init process on the host; 0 when not running.
  public var pid: Int32 = 0
  /// Start time of `pid` in clock ticks since boot, so that a reused pid is not taken for it (proc_pid_stat(5), field 22).
  public var pidStartTicks: UInt64 = 0
  public var monitorPid: Int32 = 0
  public var monitorStartTicks: UInt64 = 0
  public var exitCode: Int32 = 0
  public var oomKilled = false
  /// Why the last start failed; empty when it did not.
  public var error = ""
  /// Nanoseconds since 1970; 0 means never.
  public var startedAt: Int64 = 0
  public var finishedAt: Int64 = 0
  public var restartCount = 0
  /// The user asked for the stop: restart policies rest until the next start.
  public var stoppedByUser = false
  public init() {}

  public var isRunning: Bool { status == .running || status == .paused || status == .restarting && pid != 0 }
}

/// Health as the last probes say.
public struct HealthState: Codable, Sendable, Equatable {
  public enum Status: String, Codable, Sendable { case none, starting, healthy, unhealthy }
  public struct Probe: Codable, Sendable, Equatable {
    public var startedAt: Int64
    public var finishedAt: Int64
    public var exitCode: Int
    /// At most 4,096 bytes.
    public var output: String
    public init(startedAt: Int64, finishedAt: Int64, exitCode: Int, output: String) {
      self.startedAt = startedAt
      self.finishedAt = finishedAt
      self.exitCode = exitCode
      self.output = output
    }
  }
  public var status: Status
  public var failingStreak: Int
  /// The last five.
  public var log: [Probe]
  public init(status: Status = .none, failingStreak: Int = 0, log: [Probe] = []) {
    self.status = status
    self.failingStreak = failingStreak
    self.log = log
  }
}
