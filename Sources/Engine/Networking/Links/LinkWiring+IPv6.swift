import Glibc
import LinuxSystem
import Model

/// What is needed to wire IPv6 over an endpoint's link.
struct IPv6Wiring: Sendable {
  let part: EndpointRecord.IPv6Part
  let gateway: IPv6Address
  let routeMetric: UInt32
  let interface: String
  /// The host's end.
  let near: LinkRecord

  /// Below the kernel's own metric of 1,024 nothing is of use to a container's default routes.
  private static let firstMetric: UInt32 = 1_024

  /// Nil where the endpoint has no IPv6.
  init?(_ endpoint: EndpointRecord, _ network: NetworkRecord, near: LinkRecord) {
    guard let part = endpoint.ipv6, let pool = network.ipv6 else { return nil }
    self.part = part
    self.near = near
    gateway = pool.gateway
    routeMetric = Self.firstMetric + endpoint.routeOrder
    interface = endpoint.interfaceContainer
  }
}

extension EndpointRecord {
  /// The first interface's route wins; those of further networks stand behind it, in order.
  var routeOrder: UInt32 { routeMetric ?? UInt32(interfaceContainer.drop { !$0.isNumber }) ?? 0 }
}

// IPv6 of links. Neighbours are never asked for: each end knows the other's MAC address for good, and the rest of the
// network is behind the gateway. So there is no neighbour discovery, nor any advertisement of routers, to forge.
extension LinkWiring {
  /// Settings below /proc/sys/net/ipv6/conf of both ends.
  private static let settings = [
    ("disable_ipv6", "0"), ("accept_ra", "0"), ("autoconf", "0"), ("accept_redirects", "0"),
  ]

  private static func configure(_ interface: String) throws {
    for (name, value) in settings {
      let file = try Descriptor.open("/proc/sys/net/ipv6/conf/\(interface)/\(name)", flags: O_WRONLY)
      try file.write(all: Array(value.utf8))
    }
  }

  /// Gives the container its address and routes; the link must be up.
  func configureContainerEnd(_ wiring: IPv6Wiring, netns: Descriptor, by inside: NetlinkSocket) throws {
    let name = wiring.interface
    try NamespaceThread.run(entering: [netns]) { try Self.configure(name) }
    let replies = try inside.run([RouteNetlink.linkState(name: name)], subject: "link \(name)")
    guard let link = replies.last?.first.flatMap(LinkRecord.init) else {
      throw SystemError(errno: ENODEV, operation: "netlink", subject: name)
    }
    let address = wiring.part.address.bits
    let length = UInt8(wiring.part.prefixLength)
    let network = IPv6Subnet(containing: wiring.part.address, prefixLength: wiring.part.prefixLength).network.bits
    var requests = [
      RouteNetlink.addAddress(index: link.index, local: address, prefixLength: length),
      RouteNetlink.addPermanentNeighbour(
        index: link.index, address: wiring.gateway.bits, hardware: wiring.near.address),
      RouteNetlink.addHostRoute(index: link.index, destination: wiring.gateway.bits, source: address),
      RouteNetlink.addRoute(
        index: link.index, to: (network, length), gateway: wiring.gateway.bits, metric: wiring.routeMetric),
    ]
    if let gateway = wiring.part.gateway {
      requests.append(
        RouteNetlink.addRoute(index: link.index, gateway: gateway.bits, metric: wiring.routeMetric))
    }
    try inside.run(requests, subject: "link \(name)")
  }

  /// Gives the host's end the gateway's address and the way to the container; must run in the host's namespace.
  func configureHostEnd(_ wiring: IPv6Wiring, hardware: HardwareAddress) throws {
    try Self.configure(wiring.near.name)
    let (index, gateway, address) = (wiring.near.index, wiring.gateway.bits, wiring.part.address.bits)
    try host.run(
      [
        RouteNetlink.addAddress(index: index, local: gateway, prefixLength: 128),
        RouteNetlink.addHostRoute(index: index, destination: address, source: gateway),
        RouteNetlink.addPermanentNeighbour(index: index, address: address, hardware: hardware.octets),
      ], subject: "link \(wiring.near.name)")
  }
}
