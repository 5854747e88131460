import Glibc
import LinuxSystem
import Model

/// Connects containers to the host: veth pairs, addresses and routes over rtnetlink.
///
/// Each container has a link of its own and no shared segment: the host routes a /32 to it and answers its ARP requests
/// for everybody else (proxy ARP). Blocking; every method may be called from any thread.
final class LinkWiring: Sendable {
  private let names: InstanceNames
  /// Works in the namespace of the thread that made this object: the host's.
  let host: NetlinkSocket

  static let loopbackName = "lo"
  /// MTU where the host has no default route to take it from.
  static let standardMTU: UInt32 = 1_500
  static let acceptedMTU: ClosedRange<UInt32> = 68...65_535
  /// Up to 50 ms for the kernel's worker that wakes links; before Linux 6.8 it cannot be hurried.
  private static let operationTries = 100
  private static let operationPauseMicroseconds: UInt32 = 500
  /// 1.1.1.1, which stands for everything outside when the route there is looked up; nothing is sent to it.
  private static let publicAddress: UInt32 = 0x0101_0101

  init(names: InstanceNames) throws {
    self.names = names
    host = try NetlinkSocket(protocol: Netlink.protocolRoute)
  }

  /// Settings of the host's end, applied before it is up.
  private static let hostSettings: [RouteNetlink.DeviceSetting: UInt32] = [
    .forwarding: 1,
    // Neighbours in the container's subnet are reached through us.
    .proxyARP: 1,
    // Only the addresses of this link are ours when the container asks, and only they are used to ask it.
    .arpIgnore: 1, .arpAnnounce: 2,
    .reversePathFilter: 1,
    // Answers to connections that the host made from 127.0.0.1 through a published port; the firewall drops
    // everything else that a container sends to loopback addresses.
    .routeLocalnet: 1,
    .acceptRedirects: 0, .sendRedirects: 0, .acceptSourceRoute: 0,
  ]

  /// Makes the veth pair of an endpoint and configures both ends. What was made is removed again on failure.
  ///
  /// - Parameters:
  ///   - network: its own addresses are on the host's end even where the container gets no route.
  ///   - mtu: of both ends.
  func connect(_ endpoint: EndpointRecord, network: NetworkRecord, mtu: UInt32, netns: Descriptor) throws {
    guard let gateway = network.gateway else {
      throw PlatformError(.invalidArgument, "network \(network.name) has no endpoints")
    }
    guard let hardware = HardwareAddress(endpoint.macAddress) else {
      throw PlatformError(.invalidArgument, "invalid MAC address '\(endpoint.macAddress.prefix(64))'")
    }
    let name = endpoint.interfaceHost
    let created = try host.run(
      [
        RouteNetlink.createVethPair(
          name: name, address: nil, mtu: mtu, peerName: endpoint.interfaceContainer, peerAddress: hardware.octets,
          peerNamespace: netns.raw),
        RouteNetlink.linkState(name: name),
      ], subject: "link \(name)")
    do {
      guard let link = created.last?.first.flatMap(LinkRecord.init) else {
        throw SystemError(errno: ENODEV, operation: "netlink", subject: name)
      }
      let inside = try Self.socket(in: netns)
      try configureContainerEnd(endpoint, by: inside)
      let pair = IPv6Wiring(endpoint, network, near: link)
      if let pair { try configureContainerEnd(pair, netns: netns, by: inside) }
      try host.run(
        [
          RouteNetlink.configureLink(
            name: name, alias: "bulkhead \(names.instance) \(endpoint.containerID.short)", settings: Self.hostSettings,
            withoutIPv6LinkLocal: true, up: true),
          RouteNetlink.answerProxiedNeighboursAtOnce(index: link.index),
          // The same address on every link, and not with the container as its peer: for such addresses the kernel
          // leaves ARP requests unanswered under `arp_ignore`.
          RouteNetlink.addAddress(index: link.index, local: gateway.bits, prefixLength: 32),
          RouteNetlink.addHostRoute(index: link.index, destination: endpoint.address.bits, source: gateway.bits),
          RouteNetlink.addPermanentNeighbour(
            index: link.index, address: endpoint.address.bits, hardware: hardware.octets),
        ], subject: "link \(name)")
      if let pair { try configureHostEnd(pair, hardware: hardware) }
      try awaitOperation(of: name, on: host)
      try awaitOperation(of: endpoint.interfaceContainer, on: inside)
    } catch {
      try? disconnect(name: name)
      throw error
    }
  }

  /// Waits until a link that is up can send. A container's first packet would be lost otherwise, and its next try is
  /// a second later.
  private func awaitOperation(of name: String, on socket: NetlinkSocket) throws {
    for _ in 0..<Self.operationTries {
      let replies = try socket.run([RouteNetlink.linkState(name: name)], subject: "link \(name)")
      if replies.first?.first.flatMap(LinkRecord.init)?.isOperational != false { return }
      usleep(Self.operationPauseMicroseconds)
    }
  }

  private func configureContainerEnd(_ endpoint: EndpointRecord, by inside: NetlinkSocket) throws {
    let name = endpoint.interfaceContainer
    let subnet = IPv4Subnet(containing: endpoint.address, prefixLength: endpoint.prefixLength)
    let replies = try inside.run(
      [
        RouteNetlink.configureLink(name: Self.loopbackName, up: true),
        RouteNetlink.configureLink(name: name, withoutIPv6LinkLocal: true, up: true),
        RouteNetlink.linkState(name: name),
      ], subject: "link \(name)")
    guard let link = replies.last?.first.flatMap(LinkRecord.init) else {
      throw SystemError(errno: ENODEV, operation: "netlink", subject: name)
    }
    var requests = [
      RouteNetlink.addAddress(
        index: link.index, local: endpoint.address.bits, prefixLength: UInt8(endpoint.prefixLength),
        broadcast: subnet.last.bits)
    ]
    if let gateway = endpoint.gateway {
      let order = endpoint.routeOrder
      requests.append(RouteNetlink.addRoute(index: link.index, gateway: gateway.bits, metric: order))
    }
    try inside.run(requests, subject: "link \(name)")
  }

  /// Deletes the host's end of a pair, and with it the container's; it need not be there.
  func disconnect(name: String) throws {
    do {
      try host.run([RouteNetlink.deleteLink(name: name)], subject: "link \(name)")
    } catch let error as SystemError where error.errno == ENODEV {}
  }

  /// Brings up the loopback device of a namespace.
  static func setUpLoopback(netns: Descriptor) throws {
    try socket(in: netns).run([RouteNetlink.configureLink(name: loopbackName, up: true)], subject: loopbackName)
  }

  private static func socket(in netns: Descriptor) throws -> NetlinkSocket {
    try NamespaceThread.run(entering: [netns]) { try NetlinkSocket(protocol: Netlink.protocolRoute) }
  }

  /// The names of all links of this engine.
  func ownLinks() throws -> [String] {
    try links().map(\.name).filter { $0.hasPrefix(names.linkPrefix) }
  }

  /// One link of the host, nil where there is none of that name.
  func link(name: String) throws -> LinkRecord? {
    do {
      return try host.run([RouteNetlink.link(name: name)], subject: name).first?.first.flatMap(LinkRecord.init)
    } catch let error as SystemError where error.errno == ENODEV {
      return nil
    }
  }

  private func links() throws -> [LinkRecord] {
    try host.run([RouteNetlink.links()], subject: "links").joined().compactMap(LinkRecord.init)
  }

  /// The MTU of the device that leads outside.
  func outsideMTU() throws -> UInt32 {
    let found = try host.send([RouteNetlink.routeTaken(to: Self.publicAddress)]).first?.replies.first
    guard let index = found.flatMap(RouteRecord<UInt32>.init)?.outputIndex, index > 0 else { return Self.standardMTU }
    let replies = try host.run([RouteNetlink.link(index: index)], subject: "link \(index)")
    return replies.first?.first.flatMap(LinkRecord.init)?.mtu ?? Self.standardMTU
  }

  /// Deletes the links that are left of some; far cheaper than one by one.
  func disconnect(names list: [String]) throws {
    let outcomes = try host.send(list.map { RouteNetlink.setGroup(name: $0, group: names.routeMetric) })
    guard outcomes.contains(where: { $0.errno == 0 }) else { return }
    do {
      try host.run([RouteNetlink.deleteLinks(group: names.routeMetric)], subject: "links")
    } catch let error as SystemError where error.errno == ENODEV {}
  }
}

// Routes of whole networks.
extension LinkWiring {
  private static let localTable: UInt32 = 255
  private static let unreachable: UInt8 = 7

  private func routes<Bits>(_ family: Bits.Type) throws -> [RouteRecord<Bits>] {
    try host.run([RouteNetlink.routes(family)], subject: "routes").joined().compactMap(RouteRecord.init)
  }

  private func subnet<Address: IPAddress>(_ route: RouteRecord<Address.Bits>) -> Subnet<Address> {
    Subnet(
      containing: Address(bits: route.destination), prefixLength: min(Int(route.prefixLength), Address.Bits.bitWidth))
  }

  /// The subnets of a family that the host knows by route or address, without default routes and loopback.
  ///
  /// - Parameter excludingOwn: leaves out the routes of this engine's networks.
  func subnetsInUse<Address: IPAddress>(excludingOwn: Bool) throws -> [Subnet<Address>] {
    let own = try Set(links().filter { $0.name.hasPrefix(names.linkPrefix) }.map(\.index))
    return try routes(Address.Bits.self).compactMap { route in
      guard route.prefixLength > 0, route.table != Self.localTable else { return nil }
      if excludingOwn, isOwn(route) || own.contains(route.outputIndex) { return nil }
      return subnet(route)
    }
  }

  private func isOwn<Bits>(_ route: RouteRecord<Bits>) -> Bool {
    route.kind == Self.unreachable && route.metric == names.routeMetric
      && route.protocolNumber == InstanceNames.routeProtocol
  }

  /// The subnets of a family that this engine has claimed, or those that other engines on the host have.
  func claimedSubnets<Address: IPAddress>(
    of family: Address.Type = Address.self, ofOthers: Bool = false
  ) throws -> [Subnet<Address>] {
    try routes(Address.Bits.self).filter {
      $0.kind == Self.unreachable && $0.protocolNumber == InstanceNames.routeProtocol && isOwn($0) != ofOthers
    }.map(subnet)
  }

  /// Claims a subnet by a route that answers *unreachable* for members that do not exist, visible to all on the host.
  func claim<Address>(_ subnet: Subnet<Address>) throws {
    try host.run([claimRoute(subnet, add: true)], subject: "route \(subnet)")
  }

  /// Gives a subnet up; it need not be claimed.
  func release<Address>(_ subnet: Subnet<Address>) throws {
    do {
      try host.run([claimRoute(subnet, add: false)], subject: "route \(subnet)")
    } catch let error as SystemError where error.errno == ESRCH {}
  }

  private func claimRoute<Address>(_ subnet: Subnet<Address>, add: Bool) -> NetlinkRequest {
    RouteNetlink.unreachableRoute(
      add: add, destination: subnet.network.bits, prefixLength: UInt8(subnet.prefixLength), metric: names.routeMetric,
      protocolNumber: InstanceNames.routeProtocol)
  }

  /// Gives every subnet up.
  func releaseAll() throws {
    for subnet: IPv4Subnet in try claimedSubnets() { try release(subnet) }
    for subnet: IPv6Subnet in try claimedSubnets() { try release(subnet) }
  }
}
