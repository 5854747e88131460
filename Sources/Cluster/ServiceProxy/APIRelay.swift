import Glibc
import Internet
import LinuxSystem
import Logging

/// Leads pods to a server of the API that listens where they do not reach it, such as on this machine's loopback: answers at an address of
/// the cluster and carries bytes as they are, so that TLS is between pod and server.
///
/// It leads to that one server, and answers pods and this machine only. Bounds: connections in all and of each client, bytes held,
/// time without a byte.
public struct APIRelay: Sendable {
  /// Where it answers, and whom.
  public struct Settings: Sendable {
    /// Where it answers; this node's own when the relay is made (`ServiceProxy` makes it so).
    public var address: IPv4Address
    /// The service's endpoints name it.
    public var port: UInt16
    /// Who may use it, beside the node's own programs.
    public var podRanges: [IPv4Subnet]

    public init(address: IPv4Address, port: UInt16, podRanges: [IPv4Subnet]) {
      self.address = address
      self.port = port
      self.podRanges = podRanges
    }
  }

  /// Fewer than the server takes in all, so that it stays within reach of others.
  private static let bounds = StreamRelay.Bounds(
    connections: 512, connectionsOfClient: 128, idleTime: .seconds(4 * 3_600))
  private static let backlog: Int32 = 128
  private static let httpsPort: UInt16 = 443

  private let listener: Descriptor
  private let relay: StreamRelay

  /// Takes the port, in the network namespace of the calling thread, and does not yet answer. Blocking. Throws `SystemError`, such as
  /// EADDRINUSE and EADDRNOTAVAIL.
  ///
  /// - Parameter server: where the server is at the moment: `https://HOST:PORT`. A host's name is looked up, which blocks.
  public init(
    _ settings: Settings, server: @escaping @Sendable () -> String, poller: Poller, logger: Logger
  ) throws {
    let namespace = try HostNamespace()
    listener = try InternetSocket.open(.tcp, family: AF_INET, nonBlocking: true)
    try InternetSocket.set(listener, option: SO_REUSEADDR, to: 1)
    try InternetSocket.bind(listener, to: .ipv4(settings.address, port: settings.port))
    try InternetSocket.listen(listener, backlog: Self.backlog)
    relay = try StreamRelay(
      listener, poller: poller, bounds: Self.bounds,
      admits: { Self.admits($0, settings) },
      connect: { client in
        let targets = try Self.targets(server(), besides: settings)
        return try namespace.run { try Self.connect(to: targets, for: client) }
      }, failed: { logger.error("failed to accept for the API", metadata: ["error": "\($0)"]) })
  }

  /// Until cancelled; connections end with it.
  public func run() async {
    await relay.run()
    InternetSocket.close(listener)
  }

  /// A program of the node asks from the address that it asks.
  static func admits(_ client: SocketAddress, _ settings: Settings) -> Bool {
    guard case .ipv4(let address, _) = client else { return false }
    return address == settings.address || address.isLoopback || settings.podRanges.contains { $0.contains(address) }
  }

  /// Host and port of `https://HOST:PORT`; nil where it is none.
  static func place(_ url: String) -> (host: String, port: UInt16)? {
    guard url.hasPrefix("https://") else { return nil }
    let authority = url.dropFirst("https://".count).prefix { $0 != "/" }
    guard !authority.isEmpty, !authority.contains("@") else { return nil }
    guard let colon = authority.lastIndex(of: ":"), !authority.hasSuffix("]") else {
      return (String(authority), httpsPort)
    }
    guard let port = UInt16(authority[authority.index(after: colon)...]), port > 0, colon > authority.startIndex else {
      return nil
    }
    return (String(authority[..<colon]), port)
  }

  /// Throws ELOOP for a server that is the relay itself.
  static func targets(_ url: String, besides settings: Settings) throws -> [SocketAddress] {
    guard let (host, port) = place(url) else {
      throw SystemError(errno: EINVAL, operation: "find the server", subject: url)
    }
    let found = try SocketAddress.lookUp(host, port: port).filter { target in
      guard case .ipv4(settings.address, _) = target else { return true }
      return false
    }
    guard !found.isEmpty else { throw SystemError(errno: ELOOP, operation: "find the server", subject: url) }
    return found
  }

  /// A server on the loopback tells clients apart by addresses of its own, one for each, so that it can bound each of them, and none
  /// takes the place of this machine's programs.
  static func source(for client: SocketAddress, to target: SocketAddress) -> IPv4Address? {
    guard case .ipv4(let own, _) = client, case .ipv4(let address, _) = target, address.isLoopback else { return nil }
    return IPv4Address(bits: 127 << 24 | own.bits & 0xff_ffff)
  }

  /// The connection may be still under way; the first address at which one can begin.
  private static func connect(to targets: [SocketAddress], for client: SocketAddress) throws -> Descriptor {
    var failure: any Error = SystemError(errno: EHOSTUNREACH, operation: "connect")
    for target in targets {
      do {
        return try InternetSocket.connect(.tcp, to: target, from: source(for: client, to: target))
      } catch { failure = error }
    }
    throw failure
  }
}
