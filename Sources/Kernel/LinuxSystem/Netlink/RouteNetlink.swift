import Glibc

/// Requests of rtnetlink that wire a container to the host: links, addresses, routes and neighbours.
///
/// Every request made here is acknowledged, so that `NetlinkSocket.send` knows when it is done. Addresses are numbers in
/// host byte order, of 32 bits for IPv4 and 128 for IPv6. Source: rtnetlink(7), `include/uapi/linux/{if_link,if_addr,rtnetlink}.h`.
public enum RouteNetlink {
  static let newLink: UInt16 = 16
  static let deleteLinkType: UInt16 = 17
  static let getLinkType: UInt16 = 18
  static let setLinkType: UInt16 = 19
  static let newAddress: UInt16 = 20
  static let deleteAddressType: UInt16 = 21
  static let getAddress: UInt16 = 22
  static let newRoute: UInt16 = 24
  static let deleteRouteType: UInt16 = 25
  static let getRoute: UInt16 = 26
  static let newNeighbour: UInt16 = 28
  static let setNeighbourTable: UInt16 = 67

  static let linkHeaderSize = 16
  static let interfaceUp: UInt32 = 1
  /// `RTEXT_FILTER_SKIP_STATS`
  private static let skipCounters: UInt32 = 8

  /// Per-device IPv4 settings (`IPV4_DEVCONF_*` of `linux/ip.h`), the numbers behind `/proc/sys/net/ipv4/conf/<device>`.
  public enum DeviceSetting: UInt16, Sendable {
    case forwarding = 1
    case proxyARP = 3
    case acceptRedirects = 4
    case secureRedirects = 5
    case sendRedirects = 6
    case reversePathFilter = 8
    case acceptSourceRoute = 9
    case arpFilter = 13
    case arpAnnounce = 18
    case arpIgnore = 19
    case routeLocalnet = 26
  }

  private static func linkHeader(index: Int32 = 0, flags: UInt32 = 0, change: UInt32 = 0) -> [UInt8] {
    var bytes: [UInt8] = [UInt8(AF_UNSPEC), 0]
    bytes.append(native: UInt16(0))
    bytes.append(native: index)
    bytes.append(native: flags)
    bytes.append(native: change)
    return bytes
  }

  /// Creates a pair of virtual Ethernet devices, the far end named and placed in another network namespace.
  ///
  /// - Parameters:
  ///   - name: the near end's name, at most 15 bytes.
  ///   - address: the near end's MAC address, or nil for a random one.
  ///   - peerNamespace: an open descriptor of the far end's namespace; must stay open until the batch is sent.
  public static func createVethPair(
    name: String, address: [UInt8]?, mtu: UInt32, peerName: String, peerAddress: [UInt8], peerNamespace: Int32
  ) -> NetlinkRequest {
    var request = NetlinkRequest(
      type: newLink, flags: Netlink.flagAcknowledge | Netlink.flagCreate | Netlink.flagExclusive, header: linkHeader())
    request.attribute(3, string: name)
    request.attribute(4, mtu)
    if let address { request.attribute(1, bytes: address) }
    request.nested(18) { info in
      info.attribute(1, string: "veth")
      info.nested(2) { data in
        data.nested(1) { peer in
          peer.raw(linkHeader())
          peer.attribute(3, string: peerName)
          peer.attribute(4, mtu)
          peer.attribute(1, bytes: peerAddress)
          peer.attribute(28, UInt32(bitPattern: peerNamespace))
        }
      }
    }
    return request
  }

  /// Changes a device: its alias (shown by `ip link`), IPv4 settings, IPv6 link-local addresses off, and up or not.
  ///
  /// The settings are applied before the device goes up.
  public static func configureLink(
    name: String, alias: String? = nil, settings: [DeviceSetting: UInt32] = [:], withoutIPv6LinkLocal: Bool = false,
    up: Bool
  ) -> NetlinkRequest {
    let flags = up ? interfaceUp : 0
    var request = NetlinkRequest(
      type: setLinkType, flags: Netlink.flagAcknowledge, header: linkHeader(flags: flags, change: flags))
    request.attribute(3, string: name)
    if let alias { request.attribute(20, bytes: Array(alias.utf8)) }
    if !settings.isEmpty || withoutIPv6LinkLocal {
      request.nested(26) { families in
        if !settings.isEmpty {
          families.nested(UInt16(AF_INET)) { family in
            family.nested(1) { values in
              for (setting, value) in settings.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                values.attribute(setting.rawValue, value)
              }
            }
          }
        }
        if withoutIPv6LinkLocal {
          // IFLA_INET6_ADDR_GEN_MODE = IN6_ADDR_GEN_MODE_NONE
          families.nested(UInt16(AF_INET6)) { $0.attribute(8, UInt8(1)) }
        }
      }
    }
    return request
  }

  /// Asks for one device by name.
  public static func link(name: String) -> NetlinkRequest {
    var request = NetlinkRequest(type: getLinkType, flags: Netlink.flagAcknowledge, header: linkHeader())
    request.attribute(3, string: name)
    return request
  }

  /// Asks for one device by name, without its counters.
  ///
  /// Until a link that just went up is operational its packets are dropped. From kernel 6.8 on this request makes it so.
  public static func linkState(name: String) -> NetlinkRequest {
    var request = link(name: name)
    request.attribute(29, skipCounters)
    return request
  }

  /// Asks for one device by index, without its counters.
  public static func link(index: Int32) -> NetlinkRequest {
    var request = NetlinkRequest(type: getLinkType, flags: Netlink.flagAcknowledge, header: linkHeader(index: index))
    request.attribute(29, skipCounters)
    return request
  }

  /// Asks for every device of the namespace.
  public static func links() -> NetlinkRequest {
    NetlinkRequest(type: getLinkType, flags: Netlink.flagDump, header: linkHeader())
  }

  /// Puts a device into a group, so that many can be deleted at the cost of one.
  public static func setGroup(name: String, group: UInt32) -> NetlinkRequest {
    var request = NetlinkRequest(type: setLinkType, flags: Netlink.flagAcknowledge, header: linkHeader())
    request.attribute(3, string: name)
    request.attribute(27, group)
    return request
  }

  /// Deletes all devices of a group; answered with `ENODEV` where there are none.
  public static func deleteLinks(group: UInt32) -> NetlinkRequest {
    var request = NetlinkRequest(type: deleteLinkType, flags: Netlink.flagAcknowledge, header: linkHeader())
    request.attribute(27, group)
    return request
  }

  /// Deletes a device by name; a veth's other end goes with it.
  public static func deleteLink(name: String) -> NetlinkRequest {
    var request = NetlinkRequest(type: deleteLinkType, flags: Netlink.flagAcknowledge, header: linkHeader())
    request.attribute(3, string: name)
    return request
  }

  /// `IFA_F_NODAD` and `IFA_F_NOPREFIXROUTE`.
  private static let quietAddress: UInt32 = 0x02 | 0x200

  /// Takes an address from a device; answered with `EADDRNOTAVAIL` where it has it not.
  public static func deleteAddress<Bits: AddressBits>(
    index: Int32, local: Bits, prefixLength: UInt8
  ) -> NetlinkRequest {
    var header: [UInt8] = [Bits.family, prefixLength, 0, 0]
    header.append(native: UInt32(bitPattern: index))
    var request = NetlinkRequest(type: deleteAddressType, flags: Netlink.flagAcknowledge, header: header)
    request.attribute(2, bigEndian: local)
    return request
  }

  /// Asks for every address of one family.
  public static func addresses<Bits: AddressBits>(_ family: Bits.Type = UInt32.self) -> NetlinkRequest {
    NetlinkRequest(type: getAddress, flags: Netlink.flagDump, header: [Bits.family, 0, 0, 0, 0, 0, 0, 0])
  }

  /// Gives a device an address. One of IPv6 is usable at once (no other station can have it) and makes no route.
  ///
  /// - Parameter label: by which it is found again; begins with the device's name, 15 bytes at most, of IPv4 only.
  public static func addAddress<Bits: AddressBits>(
    index: Int32, local: Bits, prefixLength: UInt8, broadcast: Bits? = nil, label: String? = nil
  ) -> NetlinkRequest {
    var header: [UInt8] = [Bits.family, prefixLength, 0, 0]
    header.append(native: UInt32(bitPattern: index))
    var request = NetlinkRequest(
      type: newAddress, flags: Netlink.flagAcknowledge | Netlink.flagCreate | Netlink.flagReplace, header: header)
    request.attribute(1, bigEndian: local)
    request.attribute(2, bigEndian: local)
    if let label { request.attribute(3, string: label) }
    if let broadcast { request.attribute(4, bigEndian: broadcast) }
    if Bits.family == UInt8(AF_INET6) { request.attribute(8, quietAddress) }
    return request
  }

  /// Fixes the MAC address of a neighbour, so that it is never asked for and cannot be forged.
  public static func addPermanentNeighbour<Bits: AddressBits>(
    index: Int32, address: Bits, hardware: [UInt8]
  ) -> NetlinkRequest {
    var header: [UInt8] = [Bits.family, 0, 0, 0]
    header.append(native: index)
    header.append(native: UInt16(0x80))
    header += [0, 0]
    var request = NetlinkRequest(
      type: newNeighbour, flags: Netlink.flagAcknowledge | Netlink.flagCreate | Netlink.flagReplace, header: header)
    request.attribute(1, bigEndian: address)
    request.attribute(2, bytes: hardware)
    return request
  }

  /// Answers proxied ARP requests of a device at once instead of after a random delay of up to 0.8 s.
  public static func answerProxiedNeighboursAtOnce(index: Int32) -> NetlinkRequest {
    var request = NetlinkRequest(
      type: setNeighbourTable, flags: Netlink.flagAcknowledge, header: [UInt32.family, 0, 0, 0])
    request.attribute(1, string: "arp_cache")
    request.nested(6) { parameters in
      parameters.attribute(1, UInt32(bitPattern: index))
      parameters.attribute(13, UInt64(0))
    }
    return request
  }

  /// Adds a route through a gateway on a device: to a whole subnet, or the default route where none is named.
  public static func addRoute<Bits: AddressBits>(
    index: Int32, to destination: (network: Bits, prefixLength: UInt8)? = nil, gateway: Bits, metric: UInt32 = 0
  ) -> NetlinkRequest {
    var request = route(
      Bits.self, type: newRoute, kind: 1, scope: 0, destinationLength: destination?.prefixLength ?? 0,
      protocolNumber: 3, create: true)
    if let destination { request.attribute(1, bigEndian: destination.network) }
    request.attribute(5, bigEndian: gateway)
    request.attribute(4, UInt32(bitPattern: index))
    if metric != 0 { request.attribute(6, metric) }
    return request
  }

  /// Adds a route to one host that is directly on a device.
  ///
  /// - Parameter source: the address that packets of our own are sent from on this route.
  public static func addHostRoute<Bits: AddressBits>(
    index: Int32, destination: Bits, source: Bits
  ) -> NetlinkRequest {
    // Protocol 2 is the kernel's own, as for the routes that come with an address; scope 253 is the link.
    var request = route(
      Bits.self, type: newRoute, kind: 1, scope: 253, destinationLength: UInt8(Bits.bitWidth), protocolNumber: 2,
      create: true)
    request.attribute(1, bigEndian: destination)
    request.attribute(7, bigEndian: source)
    request.attribute(4, UInt32(bitPattern: index))
    return request
  }

  /// Adds a route to a subnet that is directly on a device.
  public static func addDeviceRoute<Bits: AddressBits>(
    index: Int32, destination: Bits, prefixLength: UInt8
  ) -> NetlinkRequest {
    var request = route(
      Bits.self, type: newRoute, kind: 1, scope: 253, destinationLength: prefixLength, protocolNumber: 4, create: true)
    request.attribute(1, bigEndian: destination)
    request.attribute(4, UInt32(bitPattern: index))
    return request
  }

  /// Adds or removes a route that answers *unreachable* for a whole subnet, so that only its known hosts are reached.
  ///
  /// - Parameters:
  ///   - metric: the route's priority, which tells routes of different owners apart.
  ///   - protocolNumber: who made the route (`rtm_protocol`).
  public static func unreachableRoute<Bits: AddressBits>(
    add: Bool, destination: Bits, prefixLength: UInt8, metric: UInt32, protocolNumber: UInt8
  ) -> NetlinkRequest {
    var request = route(
      Bits.self, type: add ? newRoute : deleteRouteType, kind: 7, scope: 0, destinationLength: prefixLength,
      protocolNumber: protocolNumber, create: add)
    request.attribute(1, bigEndian: destination)
    request.attribute(6, metric)
    return request
  }

  /// Asks which route the host would take to an address; answered with `ENETUNREACH` where there is none.
  public static func routeTaken<Bits: AddressBits>(to destination: Bits) -> NetlinkRequest {
    var request = NetlinkRequest(
      type: getRoute, flags: Netlink.flagAcknowledge,
      header: [Bits.family, UInt8(Bits.bitWidth), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    request.attribute(1, bigEndian: destination)
    return request
  }

  /// Asks for the routes of one family in every table.
  public static func routes<Bits: AddressBits>(_ family: Bits.Type = UInt32.self) -> NetlinkRequest {
    NetlinkRequest(
      type: getRoute, flags: Netlink.flagDump, header: [Bits.family, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  }

  private static func route<Bits: AddressBits>(
    _ family: Bits.Type, type: UInt16, kind: UInt8, scope: UInt8, destinationLength: UInt8, protocolNumber: UInt8,
    create: Bool
  ) -> NetlinkRequest {
    var flags = Netlink.flagAcknowledge
    if create { flags |= Netlink.flagCreate | Netlink.flagReplace }
    // Family, destination and source length, TOS, table (254 is main), protocol, scope, kind, flags.
    return NetlinkRequest(
      type: type, flags: flags,
      header: [Bits.family, destinationLength, 0, 0, 254, protocolNumber, scope, kind, 0, 0, 0, 0])
  }
}

/// The bits of an IP address; their width tells the family.
public protocol AddressBits: FixedWidthInteger, UnsignedInteger, Sendable {
  /// `AF_INET` or `AF_INET6`.
  static var family: UInt8 { get }
}

extension UInt32: AddressBits {
  public static var family: UInt8 { UInt8(AF_INET) }
}

extension UInt128: AddressBits {
  public static var family: UInt8 { UInt8(AF_INET6) }
}
