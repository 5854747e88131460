import Model

/// A service, merged, extended, interpolated and in its long forms. Times are nanoseconds, sizes bytes.
public struct ComposeService: Sendable, Equatable {
  public var name: String
  /// Where the service's key stands in the first file that has it.
  public var location: ComposeLocation?

  // MARK: What runs
  public var image: String?
  public var build: ComposeBuild?
  public var pullPolicy = ComposePullPolicy.missing
  public var platform: String?
  /// nil: as the image says; empty: none.
  public var command: [String]?
  public var entrypoint: [String]?
  public var workingDirectory: String?
  public var user: String?
  public var additionalGroups: [String] = []
  /// Everything of `env_file` and `environment`; nil stands for a variable that is unset everywhere and is left out.
  public var environment: [String: String?] = [:]
  public var labels: [String: String] = [:]
  public var annotations: [String: String] = [:]
  public var stdinOpen = false
  public var terminal = false
  /// Whether `up` in the foreground shows its output.
  public var attach = true
  public var useInit: Bool?
  public var stopSignal: String?
  public var stopGracePeriodNanoseconds: Int64?
  public var restart: RestartPolicy?
  public var healthcheck: ComposeHealthcheck?
  public var logging: ComposeLogging?
  public var hooks = ComposeHooks()

  // MARK: Names and number
  public var containerName: String?
  public var hostname: String?
  public var domainName: String?
  /// `scale`, else `deploy.replicas`, else 1.
  public var replicas = 1
  public var profiles: [String] = []
  public var dependencies: [ComposeDependency] = []
  public var deploy = ComposeDeploy()
  public var balancer: ComposeBalancedPort?

  // MARK: Network
  /// nil: `endpoints` holds.
  public var networkMode: ComposeNamespace?
  /// The networks to join, the one with the highest priority (the default route) first; empty with a `networkMode`.
  public var endpoints: [ComposeEndpoint] = []
  /// `mac_address` of the whole container; goes to the first network.
  public var macAddress: String?
  public var ports: [ComposePort] = []
  /// `80/tcp`
  public var exposedPorts: [String] = []
  public var links: [ComposeLink] = []
  /// `container:alias`, as the file has them.
  public var externalLinks: [String] = []
  /// `name:address`, as the engine takes them.
  public var extraHosts: [String] = []
  public var dnsServers: [String] = []
  public var dnsSearch: [String] = []
  public var dnsOptions: [String] = []

  // MARK: Files
  public var mounts: [ComposeMount] = []
  /// Path inside → options of the mount, `size=64m,mode=1777`.
  public var tmpfs: [String: String] = [:]
  public var volumesFrom: [ComposeVolumesFrom] = []
  public var configs: [ComposeFileUse] = []
  public var secrets: [ComposeFileUse] = []
  public var readOnlyRoot = false
  public var devices: [DeviceRequest] = []
  public var storageOptions: [String: String] = [:]

  // MARK: Isolation and limits
  public var privileged = false
  public var capabilitiesAdded: [String] = []
  public var capabilitiesDropped: [String] = []
  public var securityOptions: [String] = []
  public var deviceCgroupRules: [String] = []
  public var cgroupParent: String?
  public var pidMode: ComposeNamespace?
  public var ipcMode: ComposeNamespace?
  /// `host`
  public var utsMode: String?
  /// `host`
  public var userMode: String?
  /// `host` or `private`
  public var cgroupMode: String?
  public var runtime: String?
  public var sysctls: [String: String] = [:]
  public var resourceLimits: [ResourceLimit] = []
  public var sharedMemorySizeBytes: Int64?
  /// With what `deploy.resources` says: limits of processors, memory and processes, reserved memory.
  public var resources = ResourceSettings()
  public var oomScoreAdjustment: Int?

  public var watch: [ComposeWatchRule] = []
  /// The service in canonical form.
  public var canonical = ComposeValue.map([:])

  public init(name: String) { self.name = name }
}

/// When an image is pulled.
public enum ComposePullPolicy: Sendable, Equatable {
  case always, never, missing, build
  /// `daily`, `weekly`, `every_12h`: when the last pull is that long ago.
  case every(nanoseconds: Int64)
}

/// Whose namespace a container joins, or what network mode it has.
public enum ComposeNamespace: Sendable, Equatable {
  case none
  case host
  /// `bridge` for networks; `private` and `shareable` for others.
  case named(String)
  case service(String)
  case container(String)
}

public struct ComposeDependency: Sendable, Equatable {
  public enum Condition: String, Sendable, CaseIterable {
    case started = "service_started"
    case healthy = "service_healthy"
    case completed = "service_completed_successfully"
  }

  public var service: String
  public var condition: Condition
  /// The dependent is restarted when compose restarts or recreates the service.
  public var restart: Bool
  /// false: only a warning when the service is not there or cannot be started.
  public var required: Bool
  /// By `links`, `network_mode: service:…`, `volumes_from` and the like, not by `depends_on`.
  public var isImplicit = false

  public init(_ service: String, condition: Condition = .started, restart: Bool = false, required: Bool = true) {
    self.service = service
    self.condition = condition
    self.restart = restart
    self.required = required
  }
}

public struct ComposeHealthcheck: Sendable, Equatable {
  /// As the engine takes it: `["CMD", …]`, `["CMD-SHELL", text]`, `["NONE"]`; empty: the image's.
  public var test: [String] = []
  /// 0: the image's or the engine's.
  public var intervalNanoseconds: Int64 = 0
  public var timeoutNanoseconds: Int64 = 0
  public var startPeriodNanoseconds: Int64 = 0
  public var startIntervalNanoseconds: Int64 = 0
  public var retries = 0

  public init() {}
  public var isDisabled: Bool { test.first == "NONE" }
}

public struct ComposeLogging: Sendable, Equatable {
  public var driver: String?
  public var options: [String: String]

  public init(driver: String?, options: [String: String]) {
    self.driver = driver
    self.options = options
  }
}

/// Commands that run inside after the start and before the stop.
public struct ComposeHooks: Sendable, Equatable {
  public struct Command: Sendable, Equatable {
    public var command: [String]
    public var user: String?
    public var privileged: Bool
    public var workingDirectory: String?
    public var environment: [String: String?]
  }

  public var postStart: [Command] = []
  public var preStop: [Command] = []

  public init() {}
}

public struct ComposeWatchRule: Sendable, Equatable {
  public enum Action: String, Sendable, CaseIterable {
    case sync, rebuild, restart
    case syncAndRestart = "sync+restart"
    case syncAndExec = "sync+exec"
  }

  public var action: Action
  /// Absolute.
  public var path: String
  public var target: String?
  public var ignore: [String]
  public var include: [String]
  public var initialSync: Bool
  public var exec: ComposeHooks.Command?
}

/// `x-bulkhead: {expose: …}`: a port of the host that the built-in load balancer serves from this service's containers.
public struct ComposeBalancedPort: Sendable, Equatable {
  public enum Mode: String, Sendable, CaseIterable { case http, tcp }

  public var port: UInt16
  /// Empty: every address of the host.
  public var address: String
  /// The port inside the containers.
  public var target: UInt16
  public var mode: Mode
  /// Only requests for this name; nil: all that no other service takes on this port.
  public var host: String?
  /// A path asked for to see whether a container serves; nil: connections only.
  public var checkPath: String?
}
