import Glibc
import Internet
import LinuxSystem

/// Addresses of services that are this node's own: that of the name service, which listens there, and those of load balancers, for
/// which the node then answers its neighbours. Blocking; in the namespace of the thread that makes it.
///
/// They are on the loopback device, which every kernel has, under a label by which they are found again. The name service is bound
/// to an address of its own because that needs no translation: its answers come from where the questions went, and it is
/// there while the table is not.
final class ServiceAddresses {
  private static let device = "lo"
  private static let width = UInt8(UInt32.bitWidth)

  private let label: String
  private let socket: NetlinkSocket
  private let index: Int32
  private var held: Set<IPv4Address>

  /// Finds out what is there.
  ///
  /// - Parameter label: begins with `lo:`.
  init(label: String) throws {
    self.label = label
    socket = try NetlinkSocket(protocol: Netlink.protocolRoute)
    let links = try socket.run([RouteNetlink.link(name: Self.device)], subject: Self.device)
    guard let link = links.joined().lazy.compactMap(LinkRecord.init).first else {
      throw SystemError(errno: ENODEV, operation: "find device", subject: Self.device)
    }
    index = link.index
    let present = try socket.run([RouteNetlink.addresses()], subject: Self.device).joined()
      .compactMap(AddressRecord<UInt32>.init)
    held = Set(present.filter { $0.index == link.index && $0.label == label }.map { IPv4Address(bits: $0.address) })
  }

  /// Makes these the node's, and no others.
  func hold(_ addresses: Set<IPv4Address>) throws {
    for address in held.subtracting(addresses) {
      do {
        try socket.run(
          [RouteNetlink.deleteAddress(index: index, local: address.bits, prefixLength: Self.width)], subject: label)
      } catch let error as SystemError where error.errno == EADDRNOTAVAIL {}
      held.remove(address)
    }
    try add(addresses)
  }

  func add(_ addresses: some Sequence<IPv4Address>) throws {
    for address in Set(addresses).subtracting(held) {
      try socket.run(
        [RouteNetlink.addAddress(index: index, local: address.bits, prefixLength: Self.width, label: label)],
        subject: label)
      held.insert(address)
    }
  }

  /// On a host that has no way at all to the range the kernel would refuse its own programs before any rule sees a packet.
  func routeIfUnreachable(_ range: IPv4Subnet) throws {
    let outcome = try socket.send([RouteNetlink.routeTaken(to: range.last.bits)])
    guard outcome.first?.errno == ENETUNREACH else { return }
    try socket.run(
      [
        RouteNetlink.addDeviceRoute(
          index: index, destination: range.network.bits, prefixLength: UInt8(range.prefixLength))
      ], subject: label)
  }
}
