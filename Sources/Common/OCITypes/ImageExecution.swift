/// How an image's containers start: the `config` member of an image configuration, with Docker's additions.
public struct ImageExecution: Sendable, Hashable, Codable {
  public var user: String?
  public var exposedPorts: [String: EmptyObject]?
  /// `NAME=value`.
  public var env: [String]?
  public var entrypoint: [String]?
  public var cmd: [String]?
  public var volumes: [String: EmptyObject]?
  public var workingDir: String?
  public var labels: [String: String]?
  public var stopSignal: String?
  public var argsEscaped: Bool?
  // Docker's own additions.
  public var healthcheck: ImageHealthcheck?
  public var onBuild: [String]?
  public var shell: [String]?
  public var stopTimeout: Int?
  public var hostname: String?
  public var domainname: String?

  public init() {}

  enum CodingKeys: String, CodingKey {
    case user = "User"
    case exposedPorts = "ExposedPorts"
    case env = "Env"
    case entrypoint = "Entrypoint"
    case cmd = "Cmd"
    case volumes = "Volumes"
    case workingDir = "WorkingDir"
    case labels = "Labels"
    case stopSignal = "StopSignal"
    case argsEscaped = "ArgsEscaped"
    case healthcheck = "Healthcheck"
    case onBuild = "OnBuild"
    case shell = "Shell"
    case stopTimeout = "StopTimeout"
    case hostname = "Hostname"
    case domainname = "Domainname"
  }
}

/// An image's health check; times in nanoseconds, as Docker writes them.
public struct ImageHealthcheck: Sendable, Hashable, Codable {
  public var test: [String]?
  public var interval: Int64?
  public var timeout: Int64?
  public var startPeriod: Int64?
  public var startInterval: Int64?
  public var retries: Int?

  public init() {}

  enum CodingKeys: String, CodingKey {
    case test = "Test"
    case interval = "Interval"
    case timeout = "Timeout"
    case startPeriod = "StartPeriod"
    case startInterval = "StartInterval"
    case retries = "Retries"
  }
}

/// `{}`: Go's way to write a set as a map.
public struct EmptyObject: Sendable, Hashable, Codable {
  public init() {}
  public init(from decoder: any Decoder) throws {}
  public func encode(to encoder: any Encoder) throws {
    _ = encoder.container(keyedBy: NoKeys.self)
  }
  private enum NoKeys: CodingKey {}
}
