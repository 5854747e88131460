import Glibc

/// Requests of nfnetlink about tracked connections: find those that match, and forget them.
///
/// Source: `include/uapi/linux/netfilter/nfnetlink_conntrack.h`; filtered dumps exist from kernel 5.8 on.
public enum ConntrackNetlink {
  private static let subsystem: UInt16 = 1
  private static let newEntry: UInt16 = 0
  private static let getEntry: UInt16 = 1
  private static let deleteEntry: UInt16 = 2

  private enum Attribute {
    static let original: UInt16 = 1
    static let reply: UInt16 = 2
    static let filter: UInt16 = 25
    static let tupleAddresses: UInt16 = 1
    static let tupleTransport: UInt16 = 2
    static let source: UInt16 = 1
    static let target: UInt16 = 2
    static let sourceIPv6: UInt16 = 3
    static let targetIPv6: UInt16 = 4
    static let transportNumber: UInt16 = 1
    static let destinationPort: UInt16 = 3
    static let filterOriginal: UInt16 = 1
    static let filterReply: UInt16 = 2
  }

  /// Which fields of a tuple a filtered dump compares.
  private enum FilterFlag {
    static let source: UInt32 = 1 << 0
    static let transportNumber: UInt32 = 1 << 3
    static let destinationPort: UInt32 = 1 << 5
  }

  private static let headerSize = 4
  private static func header(_ family: UInt8) -> [UInt8] { [family, 0, 0, 0] }

  /// A tracked connection, as the kernel wants it named when it is to be forgotten.
  public struct Entry: Sendable, Equatable {
    /// The tuple of its answers.
    let reply: [UInt8]
    let family: UInt8
    /// The address, in network order, that answers: the container's, for a translated connection.
    public let answers: [UInt8]?
    /// The address, in network order, that the first packet was sent to.
    public let target: [UInt8]?
    /// The address, in network order, that sent the first packet.
    public let asks: [UInt8]?
    public let transport: UInt8?
    /// The port that the first packet was sent to.
    public let destinationPort: UInt16?

    /// Reads an entry of a dump.
    public init?(_ reply: NetlinkReply) {
      guard reply.type == subsystem << 8 | newEntry else { return nil }
      let attributes = reply.attributes(after: headerSize)
      guard let original = attributes.first(Attribute.original), let answering = attributes.first(Attribute.reply),
        let family = reply.payload.first
      else { return nil }
      self.reply = Array(answering)
      self.family = family
      let addresses = NetlinkAttributes(answering).nested(Attribute.tupleAddresses)
      answers = (addresses?.first(Attribute.source) ?? addresses?.first(Attribute.sourceIPv6)).map(Array.init)
      let asking = NetlinkAttributes(original).nested(Attribute.tupleAddresses)
      asks = (asking?.first(Attribute.source) ?? asking?.first(Attribute.sourceIPv6)).map(Array.init)
      target = (asking?.first(Attribute.target) ?? asking?.first(Attribute.targetIPv6)).map(Array.init)
      let ports = NetlinkAttributes(original).nested(Attribute.tupleTransport)
      transport = ports?.number(Attribute.transportNumber)
      destinationPort = ports?.number(Attribute.destinationPort, as: UInt16.self)?.bigEndian
    }
  }

  /// Asks for the connections that a host answers, of one transport or of all.
  public static func answered<Bits: AddressBits>(by address: Bits, transport: UInt8? = nil) -> NetlinkRequest {
    connections(of: address, transport, tuple: Attribute.reply, filter: Attribute.filterReply)
  }

  /// Asks for the connections whose first packet a host sent.
  public static func begun<Bits: AddressBits>(by address: Bits) -> NetlinkRequest {
    connections(of: address, nil, tuple: Attribute.original, filter: Attribute.filterOriginal)
  }

  private static func connections<Bits: AddressBits>(
    of address: Bits, _ transport: UInt8?, tuple: UInt16, filter: UInt16
  ) -> NetlinkRequest {
    var request = NetlinkRequest(
      type: subsystem << 8 | getEntry, flags: Netlink.flagDump, header: header(Bits.family))
    let source = Bits.family == UInt8(AF_INET) ? Attribute.source : Attribute.sourceIPv6
    request.nested(tuple) { tuple in
      tuple.nested(Attribute.tupleAddresses) { $0.attribute(source, bigEndian: address) }
      if let transport {
        tuple.nested(Attribute.tupleTransport) { $0.attribute(Attribute.transportNumber, transport) }
      }
    }
    let fields = transport == nil ? FilterFlag.source : FilterFlag.source | FilterFlag.transportNumber
    request.nested(Attribute.filter) { $0.attribute(filter, fields) }
    return request
  }

  /// Asks for the connections of one family and transport whose first packet went to a port.
  public static func sent<Bits: AddressBits>(
    _ family: Bits.Type, toPort port: UInt16, transport: UInt8
  ) -> NetlinkRequest {
    var request = NetlinkRequest(
      type: subsystem << 8 | getEntry, flags: Netlink.flagDump, header: header(Bits.family))
    request.nested(Attribute.original) { tuple in
      tuple.nested(Attribute.tupleTransport) { transportFields in
        transportFields.attribute(Attribute.transportNumber, transport)
        transportFields.attribute(Attribute.destinationPort, bigEndian: port)
      }
    }
    request.nested(Attribute.filter) {
      $0.attribute(Attribute.filterOriginal, FilterFlag.transportNumber | FilterFlag.destinationPort)
    }
    return request
  }

  /// Forgets a connection; answered with `ENOENT` where it has ended already.
  ///
  /// It is named by its answers: a client may have begun the next connection from the same port meanwhile, whose first packets look
  /// the same and are answered by somebody else.
  public static func forget(_ entry: Entry) -> NetlinkRequest {
    var request = NetlinkRequest(
      type: subsystem << 8 | deleteEntry, flags: Netlink.flagAcknowledge, header: header(entry.family))
    request.nested(Attribute.reply) { $0.raw(entry.reply) }
    return request
  }
}
