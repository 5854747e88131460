/// A network that a service joins.
public struct ComposeEndpoint: Sendable, Equatable {
  /// The key of the top-level entry.
  public var network: String
  /// The file's own; the service's name and the container's short id are added when it is created.
  public var aliases: [String] = []
  public var ipv4Address: String?
  public var ipv6Address: String?
  public var linkLocalAddresses: [String] = []
  public var macAddress: String?
  public var driverOptions: [String: String] = [:]
  public var priority = 0
  public var gatewayPriority = 0

  public init(network: String) { self.network = network }
}

/// One port or range of `ports`.
public struct ComposePort: Sendable, Equatable {
  public enum Transport: String, Sendable, CaseIterable { case tcp, udp, sctp }

  public var target: UInt16
  /// nil: the host chooses. More than one: the engine takes the first that is free.
  public var published: ClosedRange<UInt16>?
  /// Empty: every address.
  public var hostAddress: String
  public var transport: Transport

  public init(
    target: UInt16, published: ClosedRange<UInt16>?, hostAddress: String = "", transport: Transport = .tcp
  ) {
    self.target = target
    self.published = published
    self.hostAddress = hostAddress
    self.transport = transport
  }
}

public struct ComposeLink: Sendable, Equatable {
  public var service: String
  public var alias: String

  public init(service: String, alias: String) {
    self.service = service
    self.alias = alias
  }
}
