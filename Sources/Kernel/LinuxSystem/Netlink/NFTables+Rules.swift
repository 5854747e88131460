import Glibc

/// Chains and rules made without the `nft` program, for those that come with each change and say little.
extension NFTables {
  private static let deleteRule: UInt16 = 8

  /// A 32-bit register, from 0 to 15 (`NFT_REG32_00`…). A concatenation takes registers in a row.
  public struct Register: Sendable, Equatable {
    let number: UInt32

    public init(_ number: UInt32) {
      precondition(number < 16, "no such register")
      self.number = 8 + number
    }
  }

  /// A step of a rule.
  public enum Expression: Sendable, Equatable {
    /// The IPv4 address that a packet goes to, into a register.
    case ipv4Destination(Register)
    /// The number of its transport protocol.
    case transport(Register)
    /// The port that it goes to.
    case port(Register)
    /// A random number below a bound.
    case random(below: UInt32, Register)
    /// Looks a key up, from its first register on; ends the rule where it is not there.
    case map(String, key: Register, into: Register)
    /// Sends the connection to an IPv4 address and port.
    case translate(address: Register, port: Register)

    private var name: String {
      switch self {
      case .ipv4Destination, .port: "payload"
      case .transport: "meta"
      case .random: "numgen"
      case .map: "lookup"
      case .translate: "nat"
      }
    }

    /// Numbers by attribute, and the name of a map.
    private var data: (numbers: [(UInt16, UInt32)], set: String?) {
      switch self {
      // Registers, header (1: network, 2: transport), offset, length.
      case .ipv4Destination(let register): ([(1, register.number), (2, 1), (3, 16), (4, 4)], nil)
      case .port(let register): ([(1, register.number), (2, 2), (3, 2), (4, 2)], nil)
      // NFT_META_L4PROTO
      case .transport(let register): ([(1, register.number), (2, 16)], nil)
      // NFT_NG_RANDOM
      case .random(let bound, let register): ([(1, register.number), (2, bound), (3, 1)], nil)
      case .map(let set, let key, let destination): ([(2, key.number), (3, destination.number)], set)
      // NFT_NAT_DNAT, family, registers of address and port.
      case .translate(let address, let port):
        ([(1, 1), (2, UInt32(AF_INET)), (3, address.number), (5, port.number)], nil)
      }
    }

    func encode(into list: inout NetlinkRequest) {
      list.nested(1) { expression in
        expression.attribute(1, string: name)
        expression.nested(2) { body in
          let (numbers, set) = data
          if let set { body.attribute(1, string: set) }
          for (attribute, number) in numbers { body.attribute(attribute, bigEndian: number) }
        }
      }
    }
  }

  /// The requests that make a chain have one rule and no other, whether it is there or not; send them inside `transaction`.
  public static func chain(
    family: Family = .inet, table: String, name: String, rule: [Expression]
  ) -> [NetlinkRequest] {
    let flags = Netlink.flagAcknowledge | Netlink.flagCreate
    var chain = NetlinkRequest(type: type(newChain), flags: flags, header: header(family))
    chain.attribute(1, string: table)
    chain.attribute(3, string: name)
    var flush = NetlinkRequest(type: type(deleteRule), flags: Netlink.flagAcknowledge, header: header(family))
    flush.attribute(1, string: table)
    flush.attribute(2, string: name)
    var addition = NetlinkRequest(type: type(newRule), flags: flags | Netlink.flagAppend, header: header(family))
    addition.attribute(1, string: table)
    addition.attribute(2, string: name)
    addition.nested(4) { list in
      for expression in rule { expression.encode(into: &list) }
    }
    return [chain, flush, addition]
  }
}
