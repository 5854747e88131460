import Glibc

/// A descriptor that a child process gets.
public struct DescriptorMapping: Sendable {
  /// Its number in the child.
  public var child: Int32
  /// Its number here; must stay open until the spawn returns.
  public var source: Int32

  public init(child: Int32, source: Int32) {
    self.child = child
    self.source = source
  }
}

/// A program to start.
public struct ProcessRequest: Sendable {
  /// Absolute path; nothing is searched.
  public var executable: String
  /// argv, the first being the program's name.
  public var arguments: [String]
  /// The whole environment as "NAME=value".
  public var environment: [String]
  /// nil: that of the calling thread.
  public var workingDirectory: String?
  /// All other descriptors are closed in the child; 0, 1 and 2 are /dev/null where not mapped.
  public var descriptors: [DescriptorMapping]
  /// Make it the leader of a new session (setsid(2)).
  public var newSession: Bool
  /// Sent to the child when the *thread* that started it ends (prctl(2), PR_SET_PDEATHSIG).
  public var parentDeathSignal: Int32?

  public init(
    executable: String, arguments: [String], environment: [String] = [], workingDirectory: String? = nil,
    descriptors: [DescriptorMapping] = [], newSession: Bool = false, parentDeathSignal: Int32? = nil
  ) {
    self.executable = executable
    self.arguments = arguments
    self.environment = environment
    self.workingDirectory = workingDirectory
    self.descriptors = descriptors
    self.newSession = newSession
    self.parentDeathSignal = parentDeathSignal
  }
}

/// How a process ended.
public enum ExitStatus: Sendable, Hashable {
  case exited(Int32)
  case signaled(Int32)

  public var isSuccess: Bool { self == .exited(0) }

  /// The shell's convention: 128 and the signal's number.
  public var code: Int32 {
    switch self {
    case .exited(let code): code
    case .signaled(let signal): 128 + signal
    }
  }
}

/// A child process. Whoever spawned it must reap it (`PidFD.waitExit`).
public struct SpawnedProcess: Sendable {
  public let pid: Int32
  /// Readable when the process has ended (pidfd_open(2)).
  public let pidfd: Descriptor

  public init(pid: Int32, pidfd: Descriptor) {
    self.pid = pid
    self.pidfd = pidfd
  }
}

/// Starts programs. A role of its own, so that tests can do without processes.
public protocol ProcessSpawner: Sendable {
  /// Starts a program and returns when it runs. Blocks for well under a millisecond.
  /// - Throws: `SystemError` of execve(2) and of what precedes it in the child, ENOENT for a missing program.
  func spawn(_ request: ProcessRequest) throws -> SpawnedProcess
}
