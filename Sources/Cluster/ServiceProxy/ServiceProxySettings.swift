import Internet

/// What the proxy has to know of the node and the cluster.
public struct ServiceProxySettings: Sendable {
  /// The node's name, as endpoints tell where they are.
  public var node: String
  /// Addresses that are of services alone: what is sent to those that no service has is refused.
  public var serviceRange: IPv4Subnet
  /// Where in the range somebody on this node answers himself: the cluster's name service, who leads to the API.
  public var answeredHere: [OwnPlace]
  /// Where pods have their addresses: no service leads them elsewhere.
  public var podRanges: [IPv4Subnet]
  /// The node's own, likewise.
  public var nodeAddresses: [IPv4Address]
  /// The nftables table, of the family `inet`. Tables that begin so are left alone by the engine, which follows those of the host.
  public var table: String
  /// Marks the addresses of `answeredHere` and of load balancers on the loopback device: `lo:` and at most 12 bytes.
  public var label: String

  var ownAddresses: Set<IPv4Address> { Set(answeredHere.map(\.address)) }

  public init(
    node: String, serviceRange: IPv4Subnet, answeredHere: [OwnPlace], podRanges: [IPv4Subnet] = [],
    nodeAddresses: [IPv4Address] = [], table: String = "bulkhead-services", label: String = "lo:services"
  ) {
    self.node = node
    self.serviceRange = serviceRange
    self.answeredHere = answeredHere
    self.podRanges = podRanges
    self.nodeAddresses = nodeAddresses
    self.table = table
    self.label = label
  }

  /// Whether an address may be a service's own.
  func mayAllocate(_ address: IPv4Address) -> Bool {
    serviceRange.contains(address) && !answeredHere.contains { $0.address == address && !$0.isOfService }
  }

  /// Whether a service may be reached at an address that is none of the cluster's. What a service's document claims here was
  /// allowed by the server, or by an older one that allowed more: what others are certain to have is nobody's to claim.
  func mayClaim(_ address: IPv4Address) -> Bool {
    // This network, loopback, link-local; multicast, reserved and broadcast (RFC 6890).
    let top = address.bits >> 24
    guard top != 0, top != 127, top < 224, address.bits >> 16 != 0xa9fe else { return false }
    let ranges = [serviceRange] + podRanges
    return !ranges.contains { $0.contains(address) } && !nodeAddresses.contains(address)
  }
}

/// A port of an address that is a node's own, on the transports named.
public struct OwnPlace: Sendable, Hashable {
  public let address: IPv4Address
  public let port: UInt16
  /// Those by which it answers; the others are refused.
  public let transports: [TransportProtocol]
  /// A service has the address, too, and leads its ports to this one.
  public let isOfService: Bool

  public init(
    _ address: IPv4Address, port: UInt16, transports: [TransportProtocol] = [.tcp], isOfService: Bool = false
  ) {
    self.address = address
    self.port = port
    self.transports = transports
    self.isOfService = isOfService
  }
}
