import Model

/// A container's membership in a network, as the engine keeps it. Written before the kernel is touched.
public struct EndpointRecord: Codable, Sendable, Equatable {
  /// What an endpoint has of IPv6.
  public struct IPv6Part: Codable, Sendable, Equatable {
    public var address: IPv6Address
    public var prefixLength: Int
    /// Where the default route points; nil in internal networks.
    public var gateway: IPv6Address?

    public init(address: IPv6Address, prefixLength: Int, gateway: IPv6Address?) {
      self.address = address
      self.prefixLength = prefixLength
      self.gateway = gateway
    }
  }

  /// 64 hexadecimal digits.
  public var endpointID: String
  public var networkID: NetworkID
  public var containerID: ContainerID
  /// The host's end of the veth pair, made from instance and endpoint id.
  public var interfaceHost: String
  /// The container's end: eth0, eth1…
  public var interfaceContainer: String
  public var address: IPv4Address
  public var prefixLength: Int
  /// Where the default route points; nil in internal networks.
  public var gateway: IPv4Address?
  /// Nil on networks without IPv6.
  public var ipv6: IPv6Part?
  /// Six bytes with colons, lower case.
  public var macAddress: String
  /// Names asked for by `--network-alias`, valid on this network only.
  public var aliases: [String]
  /// Every name that resolves to the endpoint's addresses on this network: container name, aliases, short id.
  public var dnsNames: [String]
  /// Metric of the default route through this endpoint, where a client gave priorities; nil: the interface's number.
  public var routeMetric: UInt32?

  public init(
    endpointID: String, networkID: NetworkID, containerID: ContainerID, interfaceHost: String,
    interfaceContainer: String, address: IPv4Address, prefixLength: Int, gateway: IPv4Address?, macAddress: String,
    aliases: [String], dnsNames: [String]
  ) {
    self.endpointID = endpointID
    self.networkID = networkID
    self.containerID = containerID
    self.interfaceHost = interfaceHost
    self.interfaceContainer = interfaceContainer
    self.address = address
    self.prefixLength = prefixLength
    self.gateway = gateway
    self.macAddress = macAddress
    self.aliases = aliases
    self.dnsNames = dnsNames
  }
}

/// The counters of one endpoint, as the container sees them: received is what came into the container.
public struct EndpointStatistics: Sendable, Equatable {
  public let receivedBytes: UInt64
  public let receivedPackets: UInt64
  public let receiveErrors: UInt64
  public let receiveDropped: UInt64
  public let sentBytes: UInt64
  public let sentPackets: UInt64
  public let sendErrors: UInt64
  public let sendDropped: UInt64
}
