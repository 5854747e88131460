import Model
import Networking

/// What a client asked for when it made a sandbox: the surroundings that a pod's containers share.
public struct SandboxRequest: Codable, Sendable, Equatable {
  /// Name servers, search domains and options for /etc/resolv.conf; the host's where nil.
  public struct Resolver: Codable, Sendable, Equatable {
    public var servers: [String]
    public var searches: [String]
    public var options: [String]
    public init(servers: [String], searches: [String], options: [String]) {
      self.servers = servers
      self.searches = searches
      self.options = options
    }
  }

  public var name: String
  public var uid: String
  public var namespace: String
  public var attempt: UInt32 = 0
  /// Empty: the sandbox's short id.
  public var hostname = ""
  /// Where the logs of its containers go; empty: they have none.
  public var logDirectory = ""
  public var labels: [String: String] = [:]
  public var annotations: [String: String] = [:]
  public var resolver: Resolver?
  public var ports: [PublishedPortRequest] = []
  public var sysctls: [String: String] = [:]
  /// The control group above those of its containers, as it was asked for.
  public var cgroupParent = ""
  public var usesHostNetwork = false
  public var usesHostIPC = false
  /// Its containers see the host's processes.
  public var usesHostPIDs = false
  /// No user namespace of its own.
  public var usesHostIDs = false
  public var isPrivileged = false
  /// The OCI runtime by name; nil is the engine's default.
  public var runtime: String?

  public init(name: String, uid: String, namespace: String) {
    self.name = name
    self.uid = uid
    self.namespace = namespace
  }

  /// No two sandboxes have one.
  var key: String { "\(namespace)/\(name)/\(uid)/\(attempt)" }
}

/// A sandbox as the engine keeps it on disk.
public struct SandboxRecord: Codable, Sendable, Equatable {
  public enum State: String, Codable, Sendable {
    /// Intent: something of it may be in the kernel. Never seen by clients.
    case making
    case ready
    /// Its namespaces and its address are gone; its containers can be looked at, and not started.
    case stopped
  }

  public var id: ContainerID
  public var request: SandboxRequest
  public var state: State
  /// The ids of all its containers on the host.
  public var ids: IDRange
  /// Nanoseconds since 1970.
  public var createdAt: Int64
  public var runtime: String
  public var hostname: String
  /// What its containers' settings say of the control group above them.
  public var cgroupParent: String?
  public var endpoint: EndpointRecord?
  public var publishedPorts: [PortBinding] = []
}

/// What makes a container one of a pod's; part of its record.
public struct PodMembership: Codable, Sendable, Equatable {
  public var sandbox: ContainerID
  /// The container's name within the pod, and how often it was made there.
  public var name: String
  public var attempt: UInt32
  public var labels: [String: String]
  public var annotations: [String: String]
  /// Where its output goes, in the format of the CRI; nil: nowhere.
  public var logPath: String?
  /// The image as the client named it, where it says so.
  public var userSpecifiedImage = ""

  public init(
    sandbox: ContainerID, name: String, attempt: UInt32, labels: [String: String], annotations: [String: String]
  ) {
    self.sandbox = sandbox
    self.name = name
    self.attempt = attempt
    self.labels = labels
    self.annotations = annotations
  }
}
