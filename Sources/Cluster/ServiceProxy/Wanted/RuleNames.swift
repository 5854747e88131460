import Internet
import LinuxSystem

/// Sets, maps and chains of the proxy's table.
enum RuleNames {
  /// Address, transport and port of a service to the chain that chooses an endpoint.
  static let services = ServiceTableNames.services
  /// The same with the number of an endpoint, to its address and port.
  static let endpoints = ServiceTableNames.endpoints
  /// Transport and port of the node to the chain that chooses.
  static let nodeServices = ServiceTableNames.nodeServices
  static let nodeEndpoints = ServiceTableNames.nodeEndpoints
  /// Keys of `services` whose clients are hidden behind the node's address.
  static let masqueraded = "masqueraded"
  static let nodeMasqueraded = "node_masqueraded"
  /// Services without endpoints, to what becomes of packets for them.
  static let refused = ServiceTableNames.refused
  static let nodeRefused = ServiceTableNames.nodeRefused
  /// Keys of `services` that only some clients may use, and those clients.
  static let guarded = ServiceTableNames.guarded
  static let allowed = ServiceTableNames.allowed
  /// Pairs of an endpoint's address with itself.
  static let loops = "loops"
  /// Addresses of load balancers: nothing but services answers there.
  static let balancers = ServiceTableNames.balancers

  /// In the order in which they are compared with the kernel's.
  static let sets = [
    services, endpoints, nodeServices, nodeEndpoints, masqueraded, nodeMasqueraded, refused, nodeRefused, guarded,
    allowed, loops, balancers,
  ]

  static let refuseChain = ServiceTableNames.refuseChain
  static let refusalChain = ServiceTableNames.refusalChain
  static let admissionChain = ServiceTableNames.admissionChain
  static let dropChain = "discard"

  private static let pickPrefix = "pick_"
  private static let nodePickPrefix = "node_pick_"
  /// The chain that chooses one of so many endpoints.
  static func pick(_ count: Int, atNode: Bool) -> String { "\(atNode ? nodePickPrefix : pickPrefix)\(count)" }

  /// The rule of a chain that chooses by chance; nil for other chains.
  static func pickRule(_ chain: String) -> [NFTables.Expression]? {
    func register(_ number: UInt32) -> NFTables.Register { NFTables.Register(number) }
    let translation = NFTables.Expression.translate(address: register(0), port: register(1))
    if chain.hasPrefix(nodePickPrefix), let count = UInt32(chain.dropFirst(nodePickPrefix.count)), count > 0 {
      return [
        .transport(register(0)), .port(register(1)), .random(below: count, register(2)),
        .map(nodeEndpoints, key: register(0), into: register(0)), translation,
      ]
    }
    if chain.hasPrefix(pickPrefix), let count = UInt32(chain.dropFirst(pickPrefix.count)), count > 0 {
      return [
        .ipv4Destination(register(0)), .transport(register(1)), .port(register(2)), .random(below: count, register(3)),
        .map(endpoints, key: register(0), into: register(0)), translation,
      ]
    }
    return nil
  }
}
