import Internet

/// What the proxy has to know of the node and the cluster.
public struct ServiceProxySettings: Sendable {
  /// The node's name, as endpoints tell where they are.
  public var node: String
  /// Addresses that are of services alone: what is sent to those that no service has is refused.
  public var serviceRange: IPv4Subnet
  /// Addresses of the range at which somebody on this node answers himself: the cluster's name service.
  public var answeredHere: [IPv4Address]
  /// The nftables table. Tables that begin so are left alone by the engine, which follows those of the host.
  public var table: String
  /// Marks the addresses of `answeredHere` and of load balancers on the loopback device: `lo:` and at most 12 bytes.
  public var label: String

  public init(
    node: String, serviceRange: IPv4Subnet, answeredHere: [IPv4Address], table: String = "bulkhead-services",
    label: String = "lo:services"
  ) {
    self.node = node
    self.serviceRange = serviceRange
    self.answeredHere = answeredHere
    self.table = table
    self.label = label
  }
}
