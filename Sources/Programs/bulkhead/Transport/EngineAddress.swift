import Glibc

/// Where the engine listens: the path of its unix socket.
struct EngineAddress: Equatable {
  static let defaultPath = "/run/bulkhead/docker.sock"
  /// `sockaddr_un.sun_path` holds 108 bytes with its end mark (unix(7)).
  static let maximumPathBytes = 107

  let path: String

  /// Takes `unix:///path` or an absolute path.
  init(parsing text: String) throws(ClientError) {
    let path = text.hasPrefix("unix://") ? String(text.dropFirst(7)) : text
    guard path.hasPrefix("/") else {
      throw ClientError("cannot use the host '\(text)': this client speaks to unix:///path/of/docker.sock only")
    }
    guard path.utf8.count <= Self.maximumPathBytes else {
      throw ClientError(
        "cannot use the host '\(text)': the path of a socket has at most \(Self.maximumPathBytes) bytes")
    }
    self.path = path
  }

  /// The option, else `BULKHEAD_HOST`, else `DOCKER_HOST`, else the default.
  static func resolve(option: String?, environment: (String) -> String?) throws(ClientError) -> EngineAddress {
    for candidate in [option, environment("BULKHEAD_HOST"), environment("DOCKER_HOST")] {
      if let candidate, !candidate.isEmpty { return try EngineAddress(parsing: candidate) }
    }
    return try EngineAddress(parsing: defaultPath)
  }
}

/// A variable of this process's environment.
func environmentVariable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }

/// What the kernel says about an error number.
func describe(errno code: Int32) -> String { String(cString: strerror(code)) }
