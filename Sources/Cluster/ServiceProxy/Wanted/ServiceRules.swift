import Internet
import LinuxSystem

/// What one service wants in the table. A value.
struct ServiceRules: Sendable, Equatable {
  typealias Element = NFTables.Element

  /// Where clients send to: an address of a service, or any address of the node (nil).
  struct Frontend: Sendable, Hashable {
    let address: IPv4Address?
    let transport: ServiceTransport
    let port: UInt16

    var key: [UInt8] {
      let port = NFTables.bytes(.transport(transport.rawValue), .port(port))
      return address.map { NFTables.bytes(.ipv4($0.bits)) + port } ?? port
    }
  }

  /// By set.
  var elements: [String: Set<Element>] = [:]
  /// The chains of services whose clients stay with their endpoint.
  var stickyGroups: Set<StickyGroup> = []
  /// For each frontend of UDP the endpoints that may go on with the exchanges they have.
  var datagramEndpoints: [Frontend: Set<IPv4Address>] = [:]

  mutating func add(_ set: String, _ element: Element) { elements[set, default: []].insert(element) }
}

/// An endpoint of one port.
struct Backend: Sendable, Hashable, Comparable {
  let address: IPv4Address
  let port: UInt16

  static func < (left: Self, right: Self) -> Bool {
    left.address == right.address ? left.port < right.port : left.address < right.address
  }

  var value: [UInt8] { NFTables.bytes(.ipv4(address.bits), .port(port)) }
}
