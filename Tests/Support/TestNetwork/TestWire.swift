import Glibc
import Internet
import LinuxSystem

/// A wire between a network namespace that plays the host and one that plays the network outside.
public enum TestWire {
  public static let hostAddress = IPv4Address(bits: 0xc633_6402)  // 198.51.100.2
  public static let outsideAddress = IPv4Address(bits: 0xc633_6401)  // 198.51.100.1
  public static let hostIPv6 = IPv6Address(bits: 0x2001_0db8 << 96 | 2)
  public static let outsideIPv6 = IPv6Address(bits: 0x2001_0db8 << 96 | 1)

  /// Makes both ends, with addresses; all that is not known goes from the host outside.
  /// - Parameter uplink: the name of the host's end.
  public static func connect(host: Descriptor, outside: Descriptor, uplink: String = "uplink") throws {
    try NamespaceThread.run(entering: [host]) {
      let socket = try NetlinkSocket(protocol: Netlink.protocolRoute)
      let replies = try socket.run(
        [
          RouteNetlink.configureLink(name: "lo", up: true),
          RouteNetlink.createVethPair(
            name: uplink, address: nil, mtu: 1_400, peerName: "port", peerAddress: [2, 0, 0, 0, 0, 1],
            peerNamespace: outside.raw),
          RouteNetlink.configureLink(name: uplink, up: true),
          RouteNetlink.link(name: uplink),
        ], subject: "test host")
      let index = try index(replies)
      try socket.run(
        [
          RouteNetlink.addAddress(index: index, local: hostAddress.bits, prefixLength: 24),
          RouteNetlink.addRoute(index: index, gateway: outsideAddress.bits),
          RouteNetlink.addAddress(index: index, local: hostIPv6.bits, prefixLength: 64),
          RouteNetlink.addHostRoute(index: index, destination: outsideIPv6.bits, source: hostIPv6.bits),
        ], subject: "test host")
    }
    try NamespaceThread.run(entering: [outside]) {
      let socket = try NetlinkSocket(protocol: Netlink.protocolRoute)
      let replies = try socket.run(
        [
          RouteNetlink.configureLink(name: "lo", up: true), RouteNetlink.configureLink(name: "port", up: true),
          RouteNetlink.link(name: "port"),
        ], subject: "outside")
      let index = try index(replies)
      // No route back to any container: answers reach only the host's own address.
      try socket.run(
        [
          RouteNetlink.addAddress(index: index, local: outsideAddress.bits, prefixLength: 24),
          RouteNetlink.addAddress(index: index, local: outsideIPv6.bits, prefixLength: 64),
          RouteNetlink.addHostRoute(index: index, destination: hostIPv6.bits, source: outsideIPv6.bits),
          RouteNetlink.linkState(name: "port"),
        ], subject: "outside")
    }
    try NamespaceThread.run(entering: [host]) {
      _ = try NetlinkSocket(protocol: Netlink.protocolRoute).run([RouteNetlink.linkState(name: uplink)], subject: "")
    }
  }

  private static func index(_ replies: [[NetlinkReply]]) throws -> Int32 {
    guard let link = replies.last?.first.flatMap(LinkRecord.init) else {
      throw SystemError(errno: ENODEV, operation: "test wire")
    }
    return link.index
  }
}
