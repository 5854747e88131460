import Internet

/// What the name service of the cluster has to know.
public struct ClusterNamesSettings: Sendable {
  /// Where pods ask; of the range of services, and this node's own when the service starts.
  public var address: IPv4Address
  /// The cluster's domain, in small letters, without dots at its ends.
  public var domain: String
  /// Addresses of services: questions by address for them are answered here, and no server outside may answer with one.
  public var serviceRange: IPv4Subnet
  /// Where pods have their addresses: whose questions are answered, beside the node's own; treated as `serviceRange` is.
  public var podRanges: [IPv4Subnet]
  /// Where other names are looked up; the node's servers (`/etc/resolv.conf`) where nil.
  public var servers: [SocketAddress]?

  public init(
    address: IPv4Address, domain: String = "cluster.local", serviceRange: IPv4Subnet, podRanges: [IPv4Subnet],
    servers: [SocketAddress]? = nil
  ) {
    self.address = address
    self.domain = domain.lowercased()
    self.serviceRange = serviceRange
    self.podRanges = podRanges
    self.servers = servers
  }
}
