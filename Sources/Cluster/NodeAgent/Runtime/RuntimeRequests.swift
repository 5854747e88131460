import KubeMachinery

/// A sandbox as it is asked for.
public struct SandboxRequest: Sendable, Equatable {
  public enum Sharing: Sendable { case pod, container, host }

  public struct DNS: Sendable, Equatable {
    public var servers: [String] = []
    public var searches: [String] = []
    public var options: [String] = []

    public init(servers: [String] = [], searches: [String] = [], options: [String] = []) {
      self.servers = servers
      self.searches = searches
      self.options = options
    }
  }

  public struct PortMapping: Sendable, Equatable {
    public var proto: String
    public var containerPort: Int64
    public var hostPort: Int64
    public var hostAddress: String
  }

  public var pod: PodIdentity
  public var attempt: Int64 = 0
  /// Empty for pods on the host's network.
  public var hostname = ""
  public var logFolder = ""
  /// Nil: as on the host.
  public var dns: DNS?
  public var ports: [PortMapping] = []
  public var labels: [String: String] = [:]
  public var annotations: [String: String] = [:]
  public var sysctls: [String: String] = [:]
  public var network = Sharing.pod
  public var processes = Sharing.container
  public var ipc = Sharing.pod
  /// False: the pod says that it wants the host's users.
  public var hasUserNamespace = true
  public var security = SecurityRequest()
  public var resources = ResourceRequest()
  /// The runtime class's; empty: the runtime's own choice.
  public var handler = ""

  public init(pod: PodIdentity) {
    self.pod = pod
  }
}

/// Rights and users.
public struct SecurityRequest: Sendable, Equatable {
  public enum Profile: Sendable, Equatable {
    case runtimeDefault, unconfined
    case localhost(String)
  }

  public var user: Int64?
  public var group: Int64?
  public var supplementalGroups: [Int64] = []
  public var isPrivileged = false
  public var hasReadOnlyRoot = false
  public var forbidsNewPrivileges = false
  public var addedCapabilities: [String] = []
  public var droppedCapabilities: [String] = []
  public var seccomp = Profile.runtimeDefault
  public var appArmor: Profile?
  public var hasMaskedPaths = true

  public init() {}
}

/// Amounts for control groups; 0: no bound.
public struct ResourceRequest: Sendable, Equatable {
  public var cpuPeriodMicroseconds: Int64 = 0
  public var cpuQuotaMicroseconds: Int64 = 0
  public var cpuShares: Int64 = 0
  public var memoryLimitBytes: Int64 = 0
  public var outOfMemoryScore: Int64 = 0

  public init() {}
}

/// A container as it is asked for.
public struct ContainerRequest: Sendable, Equatable {
  public struct Mount: Sendable, Equatable {
    public enum Propagation: Sendable { case none, hostToContainer, bidirectional }

    public var hostPath: String
    public var containerPath: String
    public var isReadOnly = false
    public var propagation = Propagation.none

    public init(hostPath: String, containerPath: String, isReadOnly: Bool = false) {
      self.hostPath = hostPath
      self.containerPath = containerPath
      self.isReadOnly = isReadOnly
    }
  }

  public var name: String
  public var attempt: Int64 = 0
  /// What it is made from, and what the user called it.
  public var imageReference = ""
  public var image = ""
  public var command: [String] = []
  public var arguments: [String] = []
  public var workingFolder = ""
  public var environment: [EnvironmentVariable] = []
  public var mounts: [Mount] = []
  public var labels: [String: String] = [:]
  public var annotations: [String: String] = [:]
  /// Below the sandbox's folder of logs.
  public var logPath = ""
  public var hasInput = false
  public var closesInputOnce = false
  public var hasTerminal = false
  public var processes = SandboxRequest.Sharing.container
  /// The container whose processes it sees: for debugging.
  public var target = ""
  public var security = SecurityRequest()
  public var resources = ResourceRequest()

  public init(name: String) {
    self.name = name
  }
}

public struct EnvironmentVariable: Sendable, Equatable {
  public var name: String
  public var value: String

  public init(_ name: String, _ value: String) {
    self.name = name
    self.value = value
  }
}

/// Labels and annotations by which the runtime's things find back to their pods. Source: CRI users other than this one know the
/// first four, so tools such as crictl do.
enum RuntimeLabel {
  static let podName = "io.kubernetes.pod.name"
  static let podNamespace = "io.kubernetes.pod.namespace"
  static let podUID = "io.kubernetes.pod.uid"
  static let containerName = "io.kubernetes.container.name"
  /// What the container was made from: another value asks for a new container.
  static let image = "io.bulkhead.container.image"
  static let graceSeconds = "io.kubernetes.pod.terminationGracePeriod"
  static let messagePath = "io.kubernetes.container.terminationMessagePath"
  static let messagePolicy = "io.kubernetes.container.terminationMessagePolicy"
  /// The file of the termination message, on the node.
  static let messageFile = "io.bulkhead.container.messageFile"
  /// Host paths of mounts that the runtime makes as folders where they are missing, one in a line. CRI has no word for it.
  static let madeFolders = "io.bulkhead.container.madeFolders"
}
