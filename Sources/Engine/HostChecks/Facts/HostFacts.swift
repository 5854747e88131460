import Model

/// What was found on a host, without judgement; the input of `HostReport.evaluate`.
public struct HostFacts: Codable, Sendable, Equatable {
  /// Something that was tried: it works, or why not.
  public struct Trial: Codable, Sendable, Equatable {
    public var works: Bool
    public var reason: String
    public static let works = Trial(works: true, reason: "")
    public static func fails(_ reason: String) -> Trial { Trial(works: false, reason: reason) }
  }

  /// A program: nil version where it did not say one.
  public struct Program: Codable, Sendable, Equatable {
    public var path: String
    public var version: String?
    public init(path: String, version: String? = nil) {
      self.path = path
      self.version = version
    }
  }

  /// A range of ids that somebody else may use: a line of /etc/subuid or /etc/subgid, or a user of the host.
  public struct ForeignRange: Codable, Sendable, Equatable {
    public var owner: String
    public var first: UInt64
    public var count: UInt64
    public init(owner: String, first: UInt64, count: UInt64) {
      self.owner = owner
      self.first = first
      self.count = count
    }
  }

  // The kernel
  public var kernelRelease = ""
  public var machine = ""
  public var isRoot = true
  /// Names of capabilities that the engine would not have.
  public var missingCapabilities: [String] = []
  public var overlay = Trial.works
  public var userNamespaces = Trial.works
  public var idMappedMounts = Trial.works
  public var overlayOnIDMapped = Trial.works
  public var maximumUserNamespaces: UInt64?

  // Control groups
  /// `v1`, `hybrid`, `v2`; nil where none is mounted.
  public var cgroupMode: String?
  public var controllers: [String] = []
  /// Controllers that a hybrid host keeps in its v2 hierarchy; crun refuses such hosts.
  public var unifiedControllers: [String] = []

  // Confinement
  public var seccompActions: [String] = []
  /// nil where the kernel does not say.
  public var securityModules: [String]?

  // Network
  public var nftables = Trial.works
  public var ipForward: Bool?
  public var ipv6Forward: Bool?
  /// Chains of others with the policy drop, as `family table chain`.
  public var droppingChains: [String] = []
  public var activeFirewalls: [String] = []
  public var bridgeNetfilter = false
  /// Ports that other hosts reach or may reach, as `22/tcp (sshd)`; nil where that was not looked at.
  public var reachablePorts: [String]? = []

  // Programs by their usual name
  public var programs: [String: Program] = [:]
  /// Sockets of other engines that are there.
  public var otherEngines: [String] = []

  // The machine
  public var memoryBytes: UInt64 = 0
  public var openFilesSoft: UInt64 = 0
  public var openFilesHard: UInt64 = 0
  public var rootPath = ""
  public var rootFileSystem = ""
  public var rootFreeBytes: UInt64 = 0
  public var rootFreeInodes: UInt64?
  /// nil where the kernel does not say.
  public var isClockSynchronised: Bool?
  public var hasSystemd = false
  public var hasGroup = true
  public var idRange = IDRange.pool
  public var foreignRanges: [ForeignRange] = []

  public init() {}
}
