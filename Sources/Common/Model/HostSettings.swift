/// The part of a container's settings that concerns the host: limits, isolation, mounts, networks, logs.
public struct HostSettings: Codable, Sendable, Equatable {
  public var mounts: [MountRequest] = []
  /// `container[:ro|rw]`: take over all volumes of another container.
  public var volumesFrom: [String] = []
  /// Docker's `volume-driver`; only `local` exists.
  public var volumeDriver: String?
  public var publishedPorts: [PublishedPortRequest] = []
  public var publishAllPorts = false
  public var networkMode: NetworkMode = .standard
  public var restart = RestartPolicy()
  public var autoRemove = false
  public var log = LogSettings()
  public var cidFile: String?

  public var capabilitiesAdded: [String] = []
  public var capabilitiesDropped: [String] = []
  public var privileged = false
  public var readOnlyRoot = false
  /// `key=value` or `key:value` items of `--security-opt`, as asked.
  public var securityOptions: [String] = []
  /// Replaces the default masked / read-only paths when not nil (`systempaths=unconfined` sends empty lists).
  public var maskedPaths: [String]?
  public var readOnlyPaths: [String]?
  public var additionalGroups: [String] = []
  public var pidMode: NamespaceMode = .own
  public var ipcMode: NamespaceMode = .own
  public var utsMode: NamespaceMode = .own
  public var userMode: NamespaceMode = .own
  public var cgroupNamespaceMode: NamespaceMode = .own
  public var cgroupParent: String?
  /// The OCI runtime by name; nil is the engine's default.
  public var runtime: String?
  public var useInit: Bool?
  public var sysctls: [String: String] = [:]
  public var sharedMemorySizeBytes: Int64?
  /// Destination and mount options, as `--tmpfs` gives them.
  public var tmpfs: [String: String] = [:]
  public var devices: [DeviceRequest] = []
  public var deviceCgroupRules: [String] = []
  public var resourceLimits: [ResourceLimit] = []
  public var resources = ResourceSettings()
  public var oomScoreAdjustment: Int?
  public var storageOptions: [String: String] = [:]

  public var dnsServers: [String] = []
  public var dnsSearch: [String] = []
  public var dnsOptions: [String] = []
  /// `host:address` lines for /etc/hosts; `host-gateway` stands for the gateway's address.
  public var extraHosts: [String] = []
  /// Legacy links on the default network: `container[:alias]`.
  public var links: [String] = []
  public var annotations: [String: String] = [:]
  /// Terminal size at start, where a client asked for one.
  public var consoleHeight: Int = 0
  public var consoleWidth: Int = 0

  public init() {}
}

/// Which network stack a container gets.
public enum NetworkMode: Codable, Sendable, Equatable {
  /// The engine's default network (`default` or `bridge`).
  case standard
  case host
  case none
  /// The stack of another container, by name or id.
  case container(String)
  /// A user-defined network, by name or id.
  case network(String)
}

/// A namespace's origin: one's own, the host's (policy permitting) or another container's.
public enum NamespaceMode: Codable, Sendable, Equatable {
  case own
  case host
  case container(String)
  /// IPC only: own, and may be joined by others.
  case shareable
  /// IPC only: no /dev/shm mount.
  case none
}

/// One mount that a client asked for, whichever syntax it used.
public struct MountRequest: Codable, Sendable, Equatable {
  public enum Kind: String, Codable, Sendable, CaseIterable { case bind, volume, tmpfs }
  public var kind: Kind
  /// Host path for `bind`, volume name for `volume` (nil: a fresh anonymous one), nil for `tmpfs`.
  public var source: String?
  public var destination: String
  public var readOnly = false
  /// `rprivate`, `private`, `rshared`, `shared`, `rslave`, `slave`.
  public var propagation: String?
  /// Bind by `-v`: make the host folder where it is missing.
  public var createSource = false
  public var nonRecursive = false
  /// Volume: do not copy the image's content into it at first use.
  public var noCopy = false
  public var volumeSubpath: String?
  public var volumeLabels: [String: String] = [:]
  public var volumeDriver: String?
  public var volumeDriverOptions: [String: String] = [:]
  public var tmpfsSizeBytes: Int64?
  public var tmpfsMode: UInt32?
  /// True where it came by `-v`/`Binds`, which is how it is shown again; false for `--mount`/`Mounts`.
  public var shortSyntax = false
  /// Mode text as the client wrote it in the short syntax (`ro,z`).
  public var modeText = ""

  public init(kind: Kind, source: String?, destination: String) {
    self.kind = kind
    self.source = source
    self.destination = destination
  }
}

/// A host device to be seen inside.
public struct DeviceRequest: Codable, Sendable, Equatable {
  public var pathOnHost: String
  public var pathInContainer: String
  /// Some of `rwm`.
  public var permissions: String
  public init(pathOnHost: String, pathInContainer: String, permissions: String) {
    self.pathOnHost = pathOnHost
    self.pathInContainer = pathInContainer
    self.permissions = permissions
  }
}

/// A limit of setrlimit(2) by its short name (`nofile`); -1 is unlimited.
public struct ResourceLimit: Codable, Sendable, Equatable {
  public var name: String
  public var soft: Int64
  public var hard: Int64
  public init(name: String, soft: Int64, hard: Int64) {
    self.name = name
    self.soft = soft
    self.hard = hard
  }
}

/// Control-group limits. Zero or nil: no limit.
public struct ResourceSettings: Codable, Sendable, Equatable {
  public var memoryBytes: Int64 = 0
  public var memoryReservationBytes: Int64 = 0
  /// Memory and swap together; -1 is unlimited swap, 0 the default (twice the memory).
  public var memorySwapBytes: Int64 = 0
  public var memorySwappiness: Int64?
  public var oomKillDisable: Bool?
  public var kernelMemoryBytes: Int64 = 0
  /// Billionths of a processor.
  public var nanoCPUs: Int64 = 0
  public var cpuShares: Int64 = 0
  public var cpuPeriodMicroseconds: Int64 = 0
  public var cpuQuotaMicroseconds: Int64 = 0
  public var cpuRealtimePeriodMicroseconds: Int64 = 0
  public var cpuRealtimeRuntimeMicroseconds: Int64 = 0
  public var cpusetCPUs = ""
  public var cpusetMemoryNodes = ""
  /// nil: the policy's default; 0 or less: unlimited.
  public var pidsLimit: Int64?
  /// 10 to 1000; 0: the default.
  public var blockWeight: UInt16 = 0
  public var blockWeightDevices: [DeviceThrottle] = []
  public var blockReadBytesPerSecond: [DeviceThrottle] = []
  public var blockWriteBytesPerSecond: [DeviceThrottle] = []
  public var blockReadOperationsPerSecond: [DeviceThrottle] = []
  public var blockWriteOperationsPerSecond: [DeviceThrottle] = []
  public init() {}
}

/// A block device with its weight or rate.
public struct DeviceThrottle: Codable, Sendable, Equatable {
  public var path: String
  public var rate: UInt64
  public init(path: String, rate: UInt64) {
    self.path = path
    self.rate = rate
  }
}

/// Where a container's output goes and how much of it is kept.
public struct LogSettings: Codable, Sendable, Equatable {
  /// Empty: the engine's default (`json-file`).
  public var driver = ""
  public var options: [String: String] = [:]
  public init() {}
}
