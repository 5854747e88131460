extension RuntimeSpec {
  /// The part of a bundle's configuration that is Linux's own. Source: OCI runtime specification 1.1, config-linux.md.
  public struct Linux: Codable, Sendable, Equatable {
    public var namespaces: [Namespace] = []
    public var uidMappings: [IDMapping]?
    public var gidMappings: [IDMapping]?
    public var devices: [Device]?
    public var cgroupsPath: String?
    public var resources: Resources?
    public var rootfsPropagation: String?
    public var seccomp: Seccomp?
    public var sysctl: [String: String]?
    public var maskedPaths: [String]?
    public var readonlyPaths: [String]?
    public var mountLabel: String?

    public init() {}
  }
}

extension RuntimeSpec.Linux {
  /// The kinds of namespaces(7) a runtime makes or joins.
  public enum NamespaceKind: String, Codable, Sendable, CaseIterable {
    case pid, network, mount, ipc, uts, user, cgroup
  }

  /// A namespace of the container: a new one, or the one at `path`. A kind that is not listed is the runtime's own.
  public struct Namespace: Codable, Sendable, Equatable {
    public var type: NamespaceKind
    public var path: String?
    public init(_ type: NamespaceKind, path: String? = nil) {
      self.type = type
      self.path = path
    }
  }

  /// A run of ids in the container and the host's ids they stand for.
  public struct IDMapping: Codable, Sendable, Equatable {
    public var containerID: UInt32
    public var hostID: UInt32
    public var size: UInt32
    public init(containerID: UInt32, hostID: UInt32, size: UInt32) {
      self.containerID = containerID
      self.hostID = hostID
      self.size = size
    }
  }

  /// A device node to be made in the container (in a user namespace the runtime binds the host's node instead).
  public struct Device: Codable, Sendable, Equatable {
    /// `c`, `b`, `u` or `p`.
    public var type: String
    public var path: String
    public var major: Int64
    public var minor: Int64
    /// Permission bits as a number.
    public var fileMode: UInt32?
    public var uid: UInt32?
    public var gid: UInt32?
    public init(type: String, path: String, major: Int64, minor: Int64) {
      self.type = type
      self.path = path
      self.major = major
      self.minor = minor
    }
  }

  /// The system-call filter. Source: config-linux.md, *Seccomp*; seccomp(2).
  public struct Seccomp: Codable, Sendable, Equatable {
    public var defaultAction: SeccompAction
    public var defaultErrnoRet: UInt32?
    public var architectures: [String]?
    public var flags: [String]?
    public var syscalls: [SeccompRule]
    public init(defaultAction: SeccompAction, defaultErrnoRet: UInt32? = nil, syscalls: [SeccompRule] = []) {
      self.defaultAction = defaultAction
      self.defaultErrnoRet = defaultErrnoRet
      self.syscalls = syscalls
    }
  }

  /// What happens to a system call.
  public enum SeccompAction: String, Codable, Sendable, CaseIterable {
    case kill = "SCMP_ACT_KILL"
    case killProcess = "SCMP_ACT_KILL_PROCESS"
    case killThread = "SCMP_ACT_KILL_THREAD"
    case trap = "SCMP_ACT_TRAP"
    case errno = "SCMP_ACT_ERRNO"
    case trace = "SCMP_ACT_TRACE"
    case allow = "SCMP_ACT_ALLOW"
    case log = "SCMP_ACT_LOG"
  }

  /// One rule: calls by name, the conditions that all must hold, and the action.
  public struct SeccompRule: Codable, Sendable, Equatable {
    public var names: [String]
    public var action: SeccompAction
    public var errnoRet: UInt32?
    public var args: [SeccompArgument]?
    public init(
      _ names: [String], _ action: SeccompAction, errnoRet: UInt32? = nil, args: [SeccompArgument]? = nil
    ) {
      self.names = names
      self.action = action
      self.errnoRet = errnoRet
      self.args = args
    }
  }

  /// A comparison of an argument (0 to 5) of the call. For `maskedEqual`, `value` is the mask and `valueTwo` the wanted
  /// bits.
  public struct SeccompArgument: Codable, Sendable, Equatable {
    public var index: UInt32
    public var value: UInt64
    public var valueTwo: UInt64?
    public var op: SeccompOperator
    public init(index: UInt32, _ op: SeccompOperator, value: UInt64, valueTwo: UInt64? = nil) {
      self.index = index
      self.value = value
      self.valueTwo = valueTwo
      self.op = op
    }
  }

  /// How an argument is compared.
  public enum SeccompOperator: String, Codable, Sendable, CaseIterable {
    case notEqual = "SCMP_CMP_NE"
    case less = "SCMP_CMP_LT"
    case lessOrEqual = "SCMP_CMP_LE"
    case equal = "SCMP_CMP_EQ"
    case greaterOrEqual = "SCMP_CMP_GE"
    case greater = "SCMP_CMP_GT"
    case maskedEqual = "SCMP_CMP_MASKED_EQ"
  }
}
