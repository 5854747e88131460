import Model

/// How registries are reached: what is plain, mirrored, trusted. Filled from the engine's policy or the server's settings.
public struct RegistrySettings: Sendable, Hashable {
  /// Hosts (`HOST` or `HOST:PORT`, `*` for any characters but dots at the start: `*.test`) that may be spoken to by plain
  /// HTTP or with a certificate that nobody vouches for. Nothing is implied, loopback neither.
  public var insecure: [String] = []
  /// Other places to pull from, tried in order before the registry itself.
  public var mirrors: [RegistryMirror] = []
  /// Token servers that credentials may be sent to although they belong to another domain: registry to hosts.
  public var tokenServers: [String: [String]] = [:]
  /// Folders with a folder `HOST[:PORT]` for each registry: `*.crt` are CAs, `NAME.cert` and `NAME.key` a client certificate.
  public var certificateFolders = ["/etc/bulkhead/certs.d", "/etc/docker/certs.d"]
  /// Connections to one host.
  public var connectionsPerHost = 8
  public var connectSeconds: Int64 = 10
  /// How long a peer may be silent.
  public var idleSeconds: Int64 = 120
  /// Most bytes of one blob.
  public var blobBytes: Int64 = 64 << 30
  /// Sent as User-Agent.
  public var userAgent = "bulkhead"
  public var retry = RetrySchedule()

  public init() {}

  func isInsecure(_ host: RegistryHost) -> Bool {
    insecure.contains { Self.matches($0, host.authority) || host.port != nil && Self.matches($0, host.name) }
  }

  /// Whether a host matches `HOST`, `HOST:PORT` or `*.DOMAIN`.
  public static func matches(_ pattern: String, _ host: String) -> Bool {
    let pattern = pattern.lowercased()
    if pattern.hasPrefix("*.") {
      return host.hasSuffix(pattern.dropFirst(1)) && host.utf8.count > pattern.utf8.count - 1
    }
    return pattern == host
  }
}

/// Where names below a prefix are pulled from instead of their registry.
public struct RegistryMirror: Sendable, Hashable {
  /// A registry, or a registry and the start of a path: `docker.io`, `docker.io/library`.
  public var prefix: String
  /// The prefix's replacement: `mirror.example.com`, `mirror.example.com/hub`.
  public var replacement: String
  /// False: where the mirror has nothing, nobody else is asked.
  public var fallsBack: Bool

  public init(prefix: String, replacement: String, fallsBack: Bool = true) {
    self.prefix = prefix
    self.replacement = replacement
    self.fallsBack = fallsBack
  }

  /// The name at the mirror of a full name (`docker.io/library/debian`); nil where the prefix is not its.
  func rewrite(_ name: String) -> String? {
    guard name.hasPrefix(prefix) else { return nil }
    let rest = name.dropFirst(prefix.count)
    guard rest.isEmpty || rest.hasPrefix("/") || prefix.hasSuffix("/") else { return nil }
    return replacement + rest
  }
}

/// A registry's host as names give it, with the place where its API is.
public struct RegistryHost: Sendable, Hashable, CustomStringConvertible {
  /// Docker's registry has its API elsewhere.
  static let docker = "docker.io"
  static let dockerAPI = "registry-1.docker.io"

  /// As names have it, lower case: `docker.io`.
  public let name: String
  public let port: Int?

  /// - Throws: `invalidArgument` for what is no host with or without a port.
  public init(_ text: String) throws {
    guard let (host, port) = WireURL.authority(text) else {
      throw PlatformError(.invalidArgument, "invalid registry '\(text.prefix(100))': expected HOST or HOST:PORT")
    }
    name = host.lowercased()
    self.port = port
  }

  var bracketed: String { name.contains(":") ? "[\(name)]" : name }
  public var authority: String { port.map { "\(bracketed):\($0)" } ?? bracketed }
  public var description: String { authority }

  func base(_ scheme: WireURL.Scheme) -> WireURL {
    WireURL(scheme: scheme, host: self.name == Self.docker ? Self.dockerAPI : name, port: port, target: "/v2/")
  }
}

/// Who a registry is to believe we are.
public enum RegistryCredentials: Sendable, Hashable {
  case anonymous
  case password(user: String, password: String)
  /// A refresh token from an earlier login (docker: *identity token*).
  case identityToken(String)
  /// A bearer token to be used as it is.
  case bearer(String)
}
