import Glibc

/// Requests of nfnetlink that change elements of nftables sets and maps, and read what is there.
///
/// Tables, chains and rules are loaded by the `nft` program; this codec only does what happens for each container, and for
/// services.
/// Source: `include/uapi/linux/netfilter/{nfnetlink,nf_tables}.h`.
public enum NFTables {
  static let subsystem: UInt16 = 10

  /// What packets a table sees (`NFPROTO_*`).
  public enum Family: UInt8, Sendable {
    /// IPv4 and IPv6.
    case inet = 1
    case arp = 3
  }

  static let newTableMessage: UInt16 = 0
  static let deleteTableMessage: UInt16 = 2
  static let newChain: UInt16 = 3
  static let getChain: UInt16 = 4
  static let newRule: UInt16 = 6
  static let getRule: UInt16 = 7
  static let newElement: UInt16 = 12
  static let getElement: UInt16 = 13
  static let deleteElement: UInt16 = 14
  static let newObject: UInt16 = 18
  static let getObject: UInt16 = 19

  /// `NFT_GOTO`
  private static let goTo: Int32 = -4

  /// One member of a set, or one entry of a map.
  public struct Element: Sendable, Hashable {
    public var key: [UInt8]
    /// The upper end (inclusive, field by field) in a set of ranges.
    public var keyEnd: [UInt8]?
    /// The value, in a map.
    public var value: [UInt8]?
    /// The chain to go to and not to come back from, in a map of verdicts.
    public var chain: String?
    /// What `nft` shows beside it, as it stands here: nothing that readers could take for something else.
    public var comment: String?

    public init(
      key: [UInt8], keyEnd: [UInt8]? = nil, value: [UInt8]? = nil, chain: String? = nil, comment: String? = nil
    ) {
      self.key = key
      self.keyEnd = keyEnd
      self.value = value
      self.chain = chain
      self.comment = comment
    }
  }

  /// A change of one set or map.
  public struct Change: Sendable, Equatable {
    public enum Action: Sendable { case add, remove }
    public var action: Action
    public var set: String
    public var elements: [Element]

    public init(_ action: Action, _ set: String, _ elements: [Element]) {
      self.action = action
      self.set = set
      self.elements = elements
    }
  }

  /// A field of a key or value; fields of a concatenation follow each other, each padded to a 32-bit register.
  public enum Field: Sendable {
    case ipv4(UInt32)
    case ipv6(UInt128)
    case interface(String)
    case transport(UInt8)
    case port(UInt16)
    /// In host order, as the kernel's own numbers are.
    case number(UInt32)

    var bytes: [UInt8] {
      var result: [UInt8] = []
      switch self {
      case .ipv4(let address): result.append(native: address.bigEndian)
      case .ipv6(let address): result.append(native: address.bigEndian)
      case .interface(let name):
        result = Array(name.utf8.prefix(15))
        result += [UInt8](repeating: 0, count: 16 - result.count)
      case .transport(let number): result = [number, 0, 0, 0]
      case .port(let number):
        result.append(native: number.bigEndian)
        result += [0, 0]
      case .number(let number): result.append(native: number)
      }
      return result
    }
  }

  /// The bytes of a key or value made of fields.
  public static func bytes(_ fields: Field...) -> [UInt8] { fields.flatMap(\.bytes) }

  static func header(_ family: Family?, resource: UInt16 = 0) -> [UInt8] {
    var bytes: [UInt8] = [family?.rawValue ?? 0, 0]
    bytes.append(native: resource.bigEndian)
    return bytes
  }

  static func type(_ message: UInt16) -> UInt16 { subsystem << 8 | message }

  /// The begin and end messages that make a batch one transaction.
  public static var transaction: (begin: NetlinkRequest, end: NetlinkRequest) {
    let header = header(nil, resource: subsystem)
    return (
      NetlinkRequest(type: 16, flags: 0, header: header), NetlinkRequest(type: 17, flags: 0, header: header)
    )
  }

  /// The request for one change; send it inside `transaction`.
  public static func request(family: Family = .inet, table: String, _ change: Change) -> NetlinkRequest {
    let adding = change.action == .add
    var request = NetlinkRequest(
      type: type(adding ? newElement : deleteElement),
      flags: Netlink.flagAcknowledge | (adding ? Netlink.flagCreate : 0), header: header(family))
    request.attribute(1, string: table)
    request.attribute(2, string: change.set)
    request.nested(3) { list in
      for element in change.elements {
        list.nested(1) { item in
          item.nested(1) { $0.attribute(1, bytes: element.key) }
          if let end = element.keyEnd { item.nested(10) { $0.attribute(1, bytes: end) } }
          if adding, let value = element.value { item.nested(2) { $0.attribute(1, bytes: value) } }
          if adding, let chain = element.chain {
            item.nested(2) { data in
              data.nested(2) { verdict in
                verdict.attribute(1, bigEndian: goTo)
                verdict.attribute(2, string: chain)
              }
            }
          }
          if adding, let comment = element.comment { item.attribute(6, bytes: userData(comment)) }
        }
      }
    }
    return request
  }

  /// The request that deletes a whole table; send it inside `transaction`.
  public static func deleteTable(family: Family = .inet, _ table: String) -> NetlinkRequest {
    var request = NetlinkRequest(type: type(deleteTableMessage), flags: Netlink.flagAcknowledge, header: header(family))
    request.attribute(1, string: table)
    return request
  }

  /// Asks for one chain; answered with `ENOENT` where table or chain do not exist.
  public static func chain(family: Family = .inet, table: String, name: String) -> NetlinkRequest {
    var request = NetlinkRequest(type: type(getChain), flags: Netlink.flagAcknowledge, header: header(family))
    request.attribute(1, string: table)
    request.attribute(3, string: name)
    return request
  }

  /// Asks for the chains of all tables of a family, one reply for each.
  public static func chains(family: Family = .inet) -> NetlinkRequest {
    NetlinkRequest(type: type(getChain), flags: Netlink.flagDump, header: header(family))
  }

  /// Table and name of a chain in one answer to `chains`; nil for other replies.
  public static func decodeChain(_ reply: NetlinkReply) -> (table: String, name: String)? {
    let attributes = reply.attributes(after: 4)
    guard reply.type == type(newChain), let table = attributes.string(1), let name = attributes.string(3) else {
      return nil
    }
    return (table, name)
  }

  /// Asks for the rules of a table, one reply for each.
  public static func rules(family: Family = .inet, table: String) -> NetlinkRequest {
    var request = NetlinkRequest(type: type(getRule), flags: Netlink.flagDump, header: header(family))
    request.attribute(1, string: table)
    return request
  }

  /// A rule as the kernel lists it.
  public struct Rule: Sendable, Equatable {
    public let chain: String
    /// What it compares and does, as the kernel encodes it.
    public let expressions: [UInt8]

    /// Nil where the reply is none.
    public init?(_ reply: NetlinkReply) {
      guard reply.type == type(newRule) else { return nil }
      let attributes = reply.attributes(after: 4)
      guard let chain = attributes.string(2) else { return nil }
      self.chain = chain
      expressions = attributes.first(4).map(Array.init) ?? []
    }
  }

  /// `NFT_TABLE_F_OWNER`, from kernel 5.12 on.
  private static let owned: UInt32 = 2

  /// The requests for a table that only the socket which sends them may change or flush, and that goes with it, holding
  /// one chain of address translation; send them inside `transaction`.
  ///
  /// The kernel translates packets of known connections as long as any chain of that type is there, and it tracks
  /// connections only while some rule asks for it: the chain's rule looks at a connection's state and does nothing.
  public static func translationKeeper(table: String) -> [NetlinkRequest] {
    let flags = Netlink.flagAcknowledge | Netlink.flagCreate
    var tableRequest = NetlinkRequest(type: type(newTableMessage), flags: flags, header: header(.inet))
    tableRequest.attribute(1, string: table)
    tableRequest.attribute(2, bigEndian: owned)
    var chain = NetlinkRequest(type: type(newChain), flags: flags, header: header(.inet))
    chain.attribute(1, string: table)
    chain.attribute(3, string: "keep")
    chain.nested(4) { hook in
      // Postrouting, after everybody else.
      hook.attribute(1, bigEndian: UInt32(4))
      hook.attribute(2, bigEndian: UInt32(300))
    }
    chain.attribute(7, string: "nat")
    return [tableRequest, chain, trackingRule(table: table, chain: "keep")]
  }

  /// `ct state` into a register, of which nobody makes use.
  private static func trackingRule(table: String, chain: String) -> NetlinkRequest {
    var request = NetlinkRequest(
      type: type(newRule), flags: Netlink.flagAcknowledge | Netlink.flagCreate | Netlink.flagAppend,
      header: header(.inet))
    request.attribute(1, string: table)
    request.attribute(2, string: chain)
    request.nested(4) { expressions in
      expressions.nested(1) { expression in
        expression.attribute(1, string: "ct")
        expression.nested(2) { data in
          // NFTA_CT_DREG: register 1; NFTA_CT_KEY: NFT_CT_STATE.
          data.attribute(1, bigEndian: UInt32(1))
          data.attribute(2, bigEndian: UInt32(0))
        }
      }
    }
    return request
  }

  /// Asks for the elements of a set or map.
  public static func elements(family: Family = .inet, table: String, set: String) -> NetlinkRequest {
    var request = NetlinkRequest(type: type(getElement), flags: Netlink.flagDump, header: header(family))
    request.attribute(1, string: table)
    request.attribute(2, string: set)
    return request
  }

  /// The elements in one answer to `elements(table:set:)`.
  public static func decodeElements(_ reply: NetlinkReply) -> [Element] {
    guard reply.type == type(newElement), let list = reply.attributes(after: 4).nested(3) else { return [] }
    return list.compactMap { item in
      guard item.type == 1 else { return nil }
      let attributes = NetlinkAttributes(item.value)
      guard let key = attributes.nested(1)?.first(1) else { return nil }
      let data = attributes.nested(2)
      return Element(
        key: Array(key), keyEnd: attributes.nested(10)?.first(1).map(Array.init),
        value: data?.first(1).map(Array.init), chain: data?.nested(2)?.string(2),
        comment: attributes.first(6).flatMap(comment))
    }
  }

  /// Asks for the named counters of a table, and its other named objects.
  public static func counters(table: String) -> NetlinkRequest {
    var request = NetlinkRequest(type: type(getObject), flags: Netlink.flagDump, header: header(.inet))
    request.attribute(1, string: table)
    return request
  }

  /// `NFT_OBJECT_COUNTER`.
  private static let counterObject: UInt32 = 1

  /// Name and packets of a counter in one answer to `counters(table:)`; nil for other objects.
  public static func decodeCounter(_ reply: NetlinkReply) -> (name: String, packets: UInt64)? {
    let attributes = reply.attributes(after: 4)
    guard reply.type == type(newObject), let name = attributes.string(2),
      attributes.number(3, as: UInt32.self).map(UInt32.init(bigEndian:)) == counterObject,
      let packets = attributes.nested(4)?.number(2, as: UInt64.self)
    else { return nil }
    return (name, UInt64(bigEndian: packets))
  }
}
