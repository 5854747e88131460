import Glibc

/// What listens at a socket, and how its user is told about it.
enum Service: Equatable {
  case engine, server, agent

  var name: String { self == .engine ? "the engine" : "the \(noun)" }
  var unit: String {
    switch self {
    case .engine: "bulkhead-engine"
    case .server: "bulkhead-server"
    case .agent: "bulkhead-agent"
    }
  }
  /// How it is started without systemd.
  var command: String {
    switch self {
    case .engine: "bulkheadd run"
    case .server: "bulkheadd server"
    case .agent: "bulkheadd agent"
    }
  }
  /// The option that names its socket, and what the value is called in complaints.
  var option: String { "--\(noun)" }
  var noun: String {
    switch self {
    case .engine: "host"
    case .server: "server"
    case .agent: "agent"
    }
  }
  var socketName: String {
    switch self {
    case .engine: "docker.sock"
    case .server: "admin.sock"
    case .agent: "agent.sock"
    }
  }
}

/// Where the engine, the server or the agent listens: the path of its unix socket.
struct EngineAddress: Equatable {
  static let defaultPath = "/run/bulkhead/docker.sock"
  static let defaultServerPath = "/run/bulkhead/server/admin.sock"
  static let defaultAgentPath = "/run/bulkhead/agent/agent.sock"
  /// `sockaddr_un.sun_path` holds 108 bytes with its end mark (unix(7)).
  static let maximumPathBytes = 107

  let path: String
  let service: Service

  /// Takes `unix:///path` or an absolute path.
  init(parsing text: String, service: Service = .engine) throws(ClientError) {
    let path = text.hasPrefix("unix://") ? String(text.dropFirst(7)) : text
    guard path.hasPrefix("/") else {
      throw ClientError.usage(
        "cannot use the \(service.noun) '\(text)': this client speaks to unix:///path/of/\(service.socketName) only")
    }
    guard path.utf8.count <= Self.maximumPathBytes else {
      throw ClientError.usage(
        "cannot use the \(service.noun) '\(text)': the path of a socket has at most \(Self.maximumPathBytes) bytes")
    }
    self.path = path
    self.service = service
  }

  /// The option, else `BULKHEAD_HOST`, else `DOCKER_HOST`, else the default.
  static func resolve(option: String?, environment: (String) -> String?) throws(ClientError) -> EngineAddress {
    for candidate in [option, environment("BULKHEAD_HOST"), environment("DOCKER_HOST")] {
      if let candidate, !candidate.isEmpty { return try EngineAddress(parsing: candidate) }
    }
    return try EngineAddress(parsing: defaultPath)
  }

  /// The option, else `BULKHEAD_SERVER`, else the default.
  static func resolveServer(option: String?, environment: (String) -> String?) throws(ClientError) -> EngineAddress {
    for candidate in [option, environment("BULKHEAD_SERVER")] {
      if let candidate, !candidate.isEmpty { return try EngineAddress(parsing: candidate, service: .server) }
    }
    return try EngineAddress(parsing: defaultServerPath, service: .server)
  }

  /// The option, else `BULKHEAD_AGENT`, else the place that it has beside the server's (`RUN/server/admin.sock`), else the default.
  static func resolveAgent(
    option: String?, beside server: EngineAddress, environment: (String) -> String?
  ) throws(ClientError) -> EngineAddress {
    for candidate in [option, environment("BULKHEAD_AGENT")] {
      if let candidate, !candidate.isEmpty { return try EngineAddress(parsing: candidate, service: .agent) }
    }
    let place = "/server/admin.sock"
    guard server.path.hasSuffix(place) else { return try EngineAddress(parsing: defaultAgentPath, service: .agent) }
    return try EngineAddress(parsing: "\(server.path.dropLast(place.count))/agent/agent.sock", service: .agent)
  }
}

/// A variable of this process's environment.
func environmentVariable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// What the kernel says about an error number.
func describe(errno code: Int32) -> String { String(cString: strerror(code)) }
