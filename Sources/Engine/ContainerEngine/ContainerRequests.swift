import LinuxSystem
import Model

/// When `wait` answers.
public enum WaitCondition: String, Sendable, CaseIterable {
  case notRunning = "not-running"
  case nextExit = "next-exit"
  case removed
}

/// Which streams a client attaches to.
public struct AttachOptions: Sendable {
  public var stream: Bool
  /// Send what was logged so far first.
  public var logs: Bool
  public var stdin: Bool
  public var stdout: Bool
  public var stderr: Bool
  /// Bytes that end the session when typed in a terminal (ctrl-p ctrl-q by default; empty: none).
  public var detachKeys: [UInt8]
  public init(stream: Bool, logs: Bool, stdin: Bool, stdout: Bool, stderr: Bool, detachKeys: [UInt8] = [16, 17]) {
    self.stream = stream
    self.logs = logs
    self.stdin = stdin
    self.stdout = stdout
    self.stderr = stderr
    self.detachKeys = detachKeys
  }
}

/// Which of a process's outputs bytes came from.
public enum OutputStream: UInt8, Sendable {
  case stdout = 1
  case stderr = 2
}

/// A piece of output.
public struct OutputChunk: Sendable {
  public var stream: OutputStream
  public var bytes: [UInt8]
  public init(stream: OutputStream, bytes: [UInt8]) {
    self.stream = stream
    self.bytes = bytes
  }
}

/// Which log entries a client wants. Times in nanoseconds since 1970.
public struct LogQuery: Sendable {
  public var stdout = true
  public var stderr = true
  public var since: Int64?
  public var until: Int64?
  /// The last so many lines; nil for all.
  public var tail: Int?
  public var follow = false
  public init() {}
}

/// One logged line, or part of one, with its end of line where it had one.
public struct LogEntry: Sendable {
  public var stream: OutputStream
  /// Nanoseconds since 1970.
  public var time: Int64
  public var bytes: [UInt8]
  public init(stream: OutputStream, time: Int64, bytes: [UInt8]) {
    self.stream = stream
    self.time = time
    self.bytes = bytes
  }
}

/// A process to run in a running container.
public struct ExecSettings: Sendable, Equatable {
  public var arguments: [String]
  public var environment: [String] = []
  public var workingDirectory: String?
  public var user: String?
  public var privileged = false
  public var terminal = false
  public var attachStdin = false
  public var attachStdout = false
  public var attachStderr = false
  public var detachKeys: [UInt8] = [16, 17]
  /// Rows and columns; nil: the default.
  public var consoleHeight: Int?
  public var consoleWidth: Int?
  public init(arguments: [String]) { self.arguments = arguments }
}

/// What `exec inspect` tells.
public struct ExecView: Sendable {
  public var id: ExecID
  public var container: ContainerID
  public var settings: ExecSettings
  public var running: Bool
  public var exitCode: Int32?
  public var pid: Int32
}

/// A change of limits of an existing container; nil leaves a value as it is.
public struct ContainerUpdate: Sendable {
  /// Changes the resources; called with the present ones.
  public var resources: @Sendable (inout ResourceSettings) -> Void
  public var restart: RestartPolicy?
  public init(resources: @escaping @Sendable (inout ResourceSettings) -> Void, restart: RestartPolicy?) {
    self.resources = resources
    self.restart = restart
  }
}

/// A path that differs from the image.
public struct FilesystemChange: Sendable {
  /// docker's numbers.
  public enum Kind: Int, Sendable { case modified = 0, added = 1, deleted = 2 }
  public var path: String
  public var kind: Kind
}

/// One process of `top`.
public struct ProcessTable: Sendable {
  public var titles: [String]
  public var rows: [[String]]
}

/// One sample of `stats`.
public struct StatsSample: Sendable {
  public struct Network: Sendable {
    public var name: String
    public var receivedBytes, receivedPackets, receiveErrors, receiveDropped: UInt64
    public var sentBytes, sentPackets, sendErrors, sendDropped: UInt64
  }
  /// Nanoseconds since 1970.
  public var time: Int64
  /// nil when the container does not run: docker then answers zeroes.
  public var cgroup: CgroupStats?
  public var networks: [Network]
  /// CPU time of the whole host in nanoseconds.
  public var systemCPUNanoseconds: UInt64
  public var onlineCPUs: Int
  public var cgroupVersion2: Bool
}

/// What `HEAD /containers/x/archive` tells of a path.
public struct PathStat: Codable, Sendable {
  public var name: String
  public var sizeBytes: Int64
  /// Go's os.FileMode bits, as docker sends them.
  public var mode: UInt32
  /// Nanoseconds since 1970.
  public var modifiedAt: Int64
  public var linkTarget: String
}

/// How `cp` into a container treats what is there.
public struct ArchiveWriteOptions: Sendable {
  /// Refuse to replace a directory by a file or the reverse.
  public var keepKind: Bool
  /// Keep the archive's user and group ids instead of the container's root.
  public var copyOwners: Bool
  public init(keepKind: Bool, copyOwners: Bool) {
    self.keepKind = keepKind
    self.copyOwners = copyOwners
  }
}

/// A stream of bytes that another thread produces: read `descriptor` to its end, then ask `finish` whether it was all.
public struct ProducedBytes: Sendable {
  public var descriptor: Descriptor
  public var finish: @Sendable () async throws -> Void
}

/// Which things `prune` takes: docker's filters.
public struct PruneFilter: Sendable {
  /// Nanoseconds since 1970: only what was made before.
  public var until: Int64?
  /// `key` or `key=value`, all must hold.
  public var labels: [String] = []
  /// None may hold.
  public var labelsNot: [String] = []
  /// Volumes: named ones too; images: not only dangling ones.
  public var all = false
  public init() {}
}

/// What `prune` took.
public struct PruneReport: Sendable {
  public var removed: [String]
  public var reclaimedBytes: Int64
}
