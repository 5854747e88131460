/// A network device as rtnetlink describes it.
public struct LinkRecord: Sendable, Equatable {
  public let index: Int32
  public let name: String
  public let mtu: UInt32
  public let isUp: Bool
  /// Whether the kernel lets packets out (`IF_OPER_UP`); somewhat later than `isUp`.
  public let isOperational: Bool
  /// Free text of the device's owner (`ip link set alias`), empty where unset.
  public let alias: String
  /// The MAC address, empty for devices without one.
  public let address: [UInt8]
  public let counters: LinkCounters

  /// Reads an `RTM_NEWLINK` message; nil where it is something else or cut short.
  public init?(_ reply: NetlinkReply) {
    guard reply.type == RouteNetlink.newLink, let index = reply.number(at: 4, as: Int32.self),
      let flags = reply.number(at: 8, as: UInt32.self)
    else { return nil }
    let attributes = reply.attributes(after: RouteNetlink.linkHeaderSize)
    guard let name = attributes.string(3) else { return nil }
    self.index = index
    self.name = name
    mtu = attributes.number(4) ?? 0
    isUp = flags & RouteNetlink.interfaceUp != 0
    isOperational = attributes.number(16, as: UInt8.self) == 6
    alias = attributes.string(20) ?? ""
    address = attributes.first(1).map(Array.init) ?? []
    counters = LinkCounters(attributes.first(23) ?? [])
  }
}

/// A device's counters since it was made, as seen from its own end (`struct rtnl_link_stats64`).
public struct LinkCounters: Sendable, Equatable {
  public let receivedPackets: UInt64
  public let sentPackets: UInt64
  public let receivedBytes: UInt64
  public let sentBytes: UInt64
  public let receiveErrors: UInt64
  public let sendErrors: UInt64
  public let receiveDropped: UInt64
  public let sendDropped: UInt64

  init(_ bytes: ArraySlice<UInt8>) {
    func field(_ index: Int) -> UInt64 { UInt64(native: bytes.dropFirst(index * 8)) ?? 0 }
    receivedPackets = field(0)
    sentPackets = field(1)
    receivedBytes = field(2)
    sentBytes = field(3)
    receiveErrors = field(4)
    sendErrors = field(5)
    receiveDropped = field(6)
    sendDropped = field(7)
  }
}

/// An address of a device.
public struct AddressRecord<Bits: AddressBits>: Sendable, Equatable {
  public let address: Bits
  public let prefixLength: UInt8
  public let index: Int32
  /// Of IPv4: the device's name, or what was given with the address.
  public let label: String?

  /// Reads an `RTM_NEWADDR` message of the family of `Bits`.
  public init?(_ reply: NetlinkReply) {
    guard reply.type == RouteNetlink.newAddress, reply.payload.first == Bits.family,
      let length = reply.number(at: 1, as: UInt8.self), let index = reply.number(at: 4, as: Int32.self)
    else { return nil }
    let attributes = reply.attributes(after: 8)
    // The local one where the other end has an address of its own.
    guard let address = attributes.number(2, as: Bits.self) ?? attributes.number(1, as: Bits.self) else { return nil }
    self.address = address.bigEndian
    prefixLength = length
    self.index = index
    label = attributes.string(3)
  }
}

/// A route of any table.
public struct RouteRecord<Bits: AddressBits>: Sendable, Equatable {
  public let destination: Bits
  public let prefixLength: UInt8
  public let table: UInt32
  public let protocolNumber: UInt8
  /// `RTN_*`: 1 is unicast, 2 local, 7 unreachable.
  public let kind: UInt8
  public let metric: UInt32
  /// The device, 0 where the route has none.
  public let outputIndex: Int32

  /// Reads an `RTM_NEWROUTE` message of the family of `Bits`.
  public init?(_ reply: NetlinkReply) {
    guard reply.type == RouteNetlink.newRoute, reply.payload.first == Bits.family,
      let length = reply.number(at: 1, as: UInt8.self), let table = reply.number(at: 4, as: UInt8.self),
      let origin = reply.number(at: 5, as: UInt8.self), let kind = reply.number(at: 7, as: UInt8.self)
    else { return nil }
    let attributes = reply.attributes(after: 12)
    prefixLength = length
    self.table = attributes.number(15) ?? UInt32(table)
    protocolNumber = origin
    self.kind = kind
    destination = attributes.number(1, as: Bits.self)?.bigEndian ?? 0
    metric = attributes.number(6) ?? 0
    outputIndex = attributes.number(4) ?? 0
  }
}
