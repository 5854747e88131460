/// A process for a runtime to start: the `process` object of a bundle, and the argument of `crun exec --process FILE`.
///
/// Source: OCI runtime specification 1.1, config.md, *Process*.
public struct ProcessSpec: Codable, Sendable, Equatable {
  public var terminal: Bool?
  public var consoleSize: ConsoleSize?
  public var user: User
  public var args: [String]
  /// `NAME=value` each.
  public var env: [String]
  public var cwd: String
  public var capabilities: Capabilities?
  public var rlimits: [ResourceLimit]?
  public var noNewPrivileges: Bool?
  public var apparmorProfile: String?
  public var selinuxLabel: String?
  /// -1000 to 1000 (proc(5), `oom_score_adj`).
  public var oomScoreAdj: Int?

  public init(user: User, args: [String], env: [String], cwd: String) {
    self.user = user
    self.args = args
    self.env = env
    self.cwd = cwd
  }

  /// Ids as they are inside the container.
  public struct User: Codable, Sendable, Equatable {
    public var uid: UInt32
    public var gid: UInt32
    /// Octal as a number; nil leaves the runtime's 022.
    public var umask: UInt32?
    public var additionalGids: [UInt32]?
    public init(uid: UInt32, gid: UInt32, additionalGids: [UInt32]? = nil) {
      self.uid = uid
      self.gid = gid
      self.additionalGids = additionalGids
    }
  }

  /// Rows and columns of a terminal.
  public struct ConsoleSize: Codable, Sendable, Equatable {
    public var height: UInt
    public var width: UInt
    public init(height: UInt, width: UInt) {
      self.height = height
      self.width = width
    }
  }

  /// The five sets of capabilities(7), names with `CAP_`.
  public struct Capabilities: Codable, Sendable, Equatable {
    public var bounding: [String]
    public var effective: [String]
    public var inheritable: [String]
    public var permitted: [String]
    public var ambient: [String]
    public init(
      bounding: [String], effective: [String], inheritable: [String], permitted: [String], ambient: [String]
    ) {
      self.bounding = bounding
      self.effective = effective
      self.inheritable = inheritable
      self.permitted = permitted
      self.ambient = ambient
    }
  }

  /// One limit of setrlimit(2); `UInt64.max` is unlimited.
  public struct ResourceLimit: Codable, Sendable, Equatable {
    /// `RLIMIT_NOFILE` and the like.
    public var type: String
    public var hard: UInt64
    public var soft: UInt64
    public init(type: String, soft: UInt64, hard: UInt64) {
      self.type = type
      self.soft = soft
      self.hard = hard
    }
  }
}
