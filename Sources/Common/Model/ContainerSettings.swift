/// Everything a client asked for when it created a container: the intent, before image defaults and policy are applied.
///
/// This is the domain's own form. The Docker API's JSON is translated to and from it in room DockerAPI; the engine keeps it
/// in the container's record. Optional means "not said": the image's value or the engine's default holds then.
public struct ContainerSettings: Codable, Sendable, Equatable {
  /// The image as the client named it.
  public var image: String
  public var command: [String]?
  public var entrypoint: [String]?
  /// `NAME=value`, or `NAME` alone to remove one that the image sets.
  public var environment: [String] = []
  public var workingDirectory: String?
  /// `user`, `uid`, `user:group` or `uid:gid`, resolved inside the container's root.
  public var user: String?
  public var hostname: String?
  public var domainName: String?
  public var terminal = false
  public var openStdin = false
  public var stdinOnce = false
  public var attachStdin = false
  public var attachStdout = true
  public var attachStderr = true
  public var labels: [String: String] = [:]
  public var exposedPorts: [ContainerPort] = []
  /// Destinations that get a fresh anonymous volume.
  public var anonymousVolumes: [String] = []
  public var stopSignal: String?
  public var stopTimeoutSeconds: Int?
  public var healthcheck: HealthcheckSettings?
  /// The shell of shell-form commands; carried for the image built from this container.
  public var shell: [String]?
  public var onBuild: [String]?
  public var networkDisabled = false
  /// `os/architecture` as asked for; only the host's own is accepted.
  public var platform: String?
  public var host = HostSettings()
  /// Networks to be on at start, in order; empty means the default of `host.networkMode`.
  public var networks: [NetworkAttachment] = []

  public init(image: String) { self.image = image }
}

/// A port of a container: number and protocol.
public struct ContainerPort: Codable, Sendable, Hashable, Comparable {
  public enum Transport: String, Codable, Sendable, CaseIterable { case tcp, udp, sctp }
  public var number: UInt16
  public var transport: Transport
  public init(number: UInt16, transport: Transport) {
    self.number = number
    self.transport = transport
  }
  public static func < (left: ContainerPort, right: ContainerPort) -> Bool {
    (left.number, left.transport.rawValue) < (right.number, right.transport.rawValue)
  }
}

/// A wish to publish a container's port on the host. Port 0..0 means "choose one".
public struct PublishedPortRequest: Codable, Sendable, Equatable {
  public var port: ContainerPort
  /// Empty: every address of the host, IPv4 and IPv6.
  public var hostAddress: String
  public var hostPortFirst: UInt16
  public var hostPortLast: UInt16
  public init(port: ContainerPort, hostAddress: String, hostPortFirst: UInt16, hostPortLast: UInt16) {
    self.port = port
    self.hostAddress = hostAddress
    self.hostPortFirst = hostPortFirst
    self.hostPortLast = hostPortLast
  }
}

/// How the platform finds out whether a container is well. Times in nanoseconds; zero means the default.
public struct HealthcheckSettings: Codable, Sendable, Equatable {
  /// `["NONE"]`, `["CMD", …]`, `["CMD-SHELL", line]`; empty inherits the image's.
  public var test: [String] = []
  public var intervalNanoseconds: Int64 = 0
  public var timeoutNanoseconds: Int64 = 0
  public var startPeriodNanoseconds: Int64 = 0
  public var startIntervalNanoseconds: Int64 = 0
  public var retries: Int = 0
  public init() {}
}

/// A container's wish to be on a network.
public struct NetworkAttachment: Codable, Sendable, Equatable {
  /// Name or id of the network.
  public var network: String
  public var aliases: [String] = []
  /// A static IPv4 address, textual.
  public var address: String?
  /// A static IPv6 address, textual.
  public var ipv6Address: String?
  public var macAddress: String?
  public var links: [String] = []
  /// The network with the greatest has the default route; nil is 0.
  public var gatewayPriority: Int?
  public init(network: String) { self.network = network }
}

/// When a container that ended is started again.
public struct RestartPolicy: Codable, Sendable, Equatable {
  public enum Kind: String, Codable, Sendable, CaseIterable {
    case no
    case always
    case unlessStopped = "unless-stopped"
    case onFailure = "on-failure"
  }
  public var kind: Kind
  /// Tries of `on-failure`; 0 means without end.
  public var maximumRetryCount: Int
  public init(_ kind: Kind = .no, maximumRetryCount: Int = 0) {
    self.kind = kind
    self.maximumRetryCount = maximumRetryCount
  }
}
