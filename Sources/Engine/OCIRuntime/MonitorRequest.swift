import Model

/// What conmon needs to know to create one container and watch over it.
public struct MonitorRequest: Sendable {
  public var id: ContainerID
  public var name: String
  public var runtime: RuntimeProgram
  /// Folder that holds `config.json`; conmon puts `attach`, `ctl` and its pid files there.
  public var bundle: String
  public var terminal: Bool
  public var openStdin: Bool
  /// Keep stdin open when the first attached client goes.
  public var keepStdinOpen: Bool
  /// nil: nothing is logged.
  public var logPath: String?
  /// conmon starts the file anew beyond this, so that the log is bounded even while the engine is down.
  public var logLimitBytes: Int64
  /// conmon writes the exit code to a file with the container's id here.
  public var exitDirectory: String
  public var createDeadlineSeconds: Double

  public init(
    id: ContainerID, name: String, runtime: RuntimeProgram, bundle: String, terminal: Bool, openStdin: Bool,
    keepStdinOpen: Bool, logPath: String?, logLimitBytes: Int64, exitDirectory: String,
    createDeadlineSeconds: Double = 60
  ) {
    self.id = id
    self.name = name
    self.runtime = runtime
    self.bundle = bundle
    self.terminal = terminal
    self.openStdin = openStdin
    self.keepStdinOpen = keepStdinOpen
    self.logPath = logPath
    self.logLimitBytes = logLimitBytes
    self.exitDirectory = exitDirectory
    self.createDeadlineSeconds = createDeadlineSeconds
  }
}
