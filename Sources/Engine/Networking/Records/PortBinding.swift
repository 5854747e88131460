import Model

extension TransportProtocol {
  /// Reads `tcp` or `udp`; throws `notImplemented` for `sctp`, `invalidArgument` for anything else.
  public init(parsing text: String) throws {
    if let known = TransportProtocol(rawValue: text.lowercased()) {
      self = known
      return
    }
    if text.lowercased() == "sctp" { throw PlatformError(.notImplemented, "published SCTP ports are not supported") }
    throw PlatformError(.invalidArgument, "invalid protocol '\(text.prefix(32))': expected tcp or udp")
  }
}

/// A published port in effect: a host address and port that lead to a port of a container.
public struct PortBinding: Codable, Sendable, Hashable {
  public var `protocol`: TransportProtocol
  public var containerPort: UInt16
  /// `0.0.0.0`, `::` or one address of the host.
  public var hostAddress: String
  public var hostPort: UInt16

  public init(protocol: TransportProtocol, containerPort: UInt16, hostAddress: String, hostPort: UInt16) {
    self.protocol = `protocol`
    self.containerPort = containerPort
    self.hostAddress = hostAddress
    self.hostPort = hostPort
  }
}

/// A port that a client wants published.
public struct PortRequest: Sendable, Hashable {
  public var `protocol`: TransportProtocol
  public var containerPort: UInt16
  /// One address of the host; empty for all of them, IPv4 and IPv6.
  public var hostAddress: String
  /// The host ports to choose the first free one from; nil for any ephemeral port.
  public var hostPorts: ClosedRange<UInt16>?

  public init(
    protocol: TransportProtocol, containerPort: UInt16, hostAddress: String = "", hostPorts: ClosedRange<UInt16>? = nil
  ) {
    self.protocol = `protocol`
    self.containerPort = containerPort
    self.hostAddress = hostAddress
    self.hostPorts = hostPorts
  }

  /// Asks for a binding that was in effect before, as after a restart of the engine.
  public init(_ binding: PortBinding) {
    self.init(
      protocol: binding.protocol, containerPort: binding.containerPort, hostAddress: binding.hostAddress,
      hostPorts: binding.hostPort...binding.hostPort)
  }
}
