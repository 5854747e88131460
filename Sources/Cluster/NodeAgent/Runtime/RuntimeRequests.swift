import KubeMachinery

/// A sandbox as it is asked for: CRI's `PodSandboxConfig`.
public struct SandboxRequest: Sendable, Equatable {
  /// Whose namespace is used: one that all containers of the pod share, one of each container, or the host's.
  public enum Sharing: Sendable { case pod, container, host }

  /// The contents of the pod's resolv.conf(5).
  public struct DNS: Sendable, Equatable {
    /// Addresses, asked in this order.
    public var servers: [String] = []
    public var searches: [String] = []
    public var options: [String] = []

    public init(servers: [String] = [], searches: [String] = [], options: [String] = []) {
      self.servers = servers
      self.searches = searches
      self.options = options
    }
  }

  /// A port of the host that leads to one of the pod.
  public struct PortMapping: Sendable, Equatable {
    /// `TCP`, `UDP` or `SCTP`, as pods say it.
    public var proto: String
    /// 1 to 65,535, as is the host's.
    public var containerPort: Int64
    public var hostPort: Int64
    /// Empty: every address of the host.
    public var hostAddress: String
  }

  public var pod: PodIdentity
  /// From 0, counted on with each sandbox of the pod.
  public var attempt: Int64 = 0
  /// Empty for pods on the host's network.
  public var hostname = ""
  /// Absolute path on the node; logs of containers lie below it. The agent makes it.
  public var logFolder = ""
  /// Nil: as on the host.
  public var dns: DNS?
  public var ports: [PortMapping] = []
  public var labels: [String: String] = [:]
  public var annotations: [String: String] = [:]
  /// Kernel parameters of its namespaces, by name.
  public var sysctls: [String: String] = [:]
  /// `pod` or `host`.
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

/// Rights and users: CRI's `LinuxContainerSecurityContext`.
public struct SecurityRequest: Sendable, Equatable {
  /// A profile of seccomp or AppArmor.
  public enum Profile: Sendable, Equatable {
    case runtimeDefault, unconfined
    /// A file of the node (seccomp), or a profile that it has loaded (AppArmor).
    case localhost(String)

    /// A file by its name below a folder of the node. Whatever the name says, nothing outside of that is named.
    func located(below folder: String) -> Profile {
      guard case .localhost(let name) = self else { return self }
      let parts = name.split(separator: "/").filter { $0 != "." && $0 != ".." }
      return .localhost("\(folder)/\(parts.joined(separator: "/"))")
    }
  }

  /// Ids inside the container; nil: what the image says.
  public var user: Int64?
  public var group: Int64?
  public var supplementalGroups: [Int64] = []
  public var isPrivileged = false
  public var hasReadOnlyRoot = false
  public var forbidsNewPrivileges = false
  /// Names with or without `CAP_`; `ALL` stands for all.
  public var addedCapabilities: [String] = []
  public var droppedCapabilities: [String] = []
  public var seccomp = Profile.runtimeDefault
  /// Nil: the runtime's own choice.
  public var appArmor: Profile?
  /// False: nothing of /proc and /sys is hidden or read-only.
  public var hasMaskedPaths = true

  public init() {}
}

/// Amounts for control groups; 0: no bound. CRI's `LinuxContainerResources`.
public struct ResourceRequest: Sendable, Equatable {
  public var cpuPeriodMicroseconds: Int64 = 0
  /// Processor time in each period; twice the period is two processors.
  public var cpuQuotaMicroseconds: Int64 = 0
  /// Weight among others: 1,024 for each processor that is requested.
  public var cpuShares: Int64 = 0
  public var memoryLimitBytes: Int64 = 0
  /// `oom_score_adj` of proc(5), -1,000 to 1,000: the higher, the sooner it is killed where memory is short.
  public var outOfMemoryScore: Int64 = 0

  public init() {}
}

/// A container as it is asked for: CRI's `ContainerConfig`.
public struct ContainerRequest: Sendable, Equatable {
  /// A path of the node that the container sees.
  public struct Mount: Sendable, Equatable {
    /// Whether mounts that are made later below the path show inside, or in both directions.
    public enum Propagation: Sendable { case none, hostToContainer, bidirectional }

    /// Absolute, as is `containerPath`; `RuntimeLabel.madeFolders` names those that the runtime makes.
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
  /// In place of the image's entry point, and of its arguments; empty: the image's.
  public var command: [String] = []
  public var arguments: [String] = []
  /// Empty: the image's.
  public var workingFolder = ""
  public var environment: [EnvironmentVariable] = []
  public var mounts: [Mount] = []
  public var labels: [String: String] = [:]
  public var annotations: [String: String] = [:]
  /// Below the sandbox's folder of logs.
  public var logPath = ""
  /// Its input stays open, so that somebody may attach to it.
  public var hasInput = false
  /// … until the first who attached has gone.
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

/// A name and its value: a variable of a container, or a parameter of a request's query.
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
