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

  /// By what right a service is reached at a frontend; where several want one, the least of these has it.
  enum Right: Int, Sendable {
    /// The address is the service's own.
    case own
    /// The cluster has given address or port to it.
    case given
    /// Its author has asked for the address, as others may.
    case wished
  }

  /// What is wanted of one frontend.
  struct Claim: Sendable, Equatable {
    var right: Right
    /// By set.
    var elements: [String: Set<Element>] = [:]
    /// Of UDP: the endpoints that may go on with the exchanges they have; nil for other transports.
    var datagramEndpoints: Set<IPv4Address>?
  }

  var frontends: [Frontend: Claim] = [:]
  /// Entries that are of no frontend, by set: several services may want the same.
  var shared: [String: Set<Element>] = [:]
  /// The chains of services whose clients stay with their endpoint.
  var stickyGroups: Set<StickyGroup> = []

  /// Has to be told of each frontend before anything is added there. Of two rights the better one holds.
  mutating func claim(_ frontend: Frontend, as right: Right) {
    if let known = frontends[frontend], known.right.rawValue <= right.rawValue { return }
    frontends[frontend] = Claim(right: right)
  }

  mutating func add(_ set: String, _ element: Element, at frontend: Frontend) {
    frontends[frontend]?.elements[set, default: []].insert(element)
  }

  mutating func add(_ set: String, _ element: Element) { shared[set, default: []].insert(element) }
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
