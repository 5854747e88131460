import Internet

/// What the proxy has to know of the node and the cluster.
public struct ServiceProxySettings: Sendable {
  /// The node's name, as endpoints tell where they are.
  public var node: String
  /// Addresses that are of services alone: what is sent to those that no service has is refused.
  public var serviceRange: IPv4Subnet
  /// Where in the range somebody on this node answers himself: the cluster's name service, who leads to the API.
  public var answeredHere: [OwnPlace]
  /// The nftables table. Tables that begin so are left alone by the engine, which follows those of the host.
  public var table: String
  /// Marks the addresses of `answeredHere` and of load balancers on the loopback device: `lo:` and at most 12 bytes.
  public var label: String

  var ownAddresses: Set<IPv4Address> { Set(answeredHere.map(\.address)) }

  public init(
    node: String, serviceRange: IPv4Subnet, answeredHere: [OwnPlace], table: String = "bulkhead-services",
    label: String = "lo:services"
  ) {
    self.node = node
    self.serviceRange = serviceRange
    self.answeredHere = answeredHere
    self.table = table
    self.label = label
  }
}

/// A port of an address that is a node's own, on the transports named.
public struct OwnPlace: Sendable, Hashable {
  public let address: IPv4Address
  public let port: UInt16
  public let transports: [TransportProtocol]

  public init(_ address: IPv4Address, port: UInt16, transports: [TransportProtocol] = [.tcp]) {
    self.address = address
    self.port = port
    self.transports = transports
  }
}
