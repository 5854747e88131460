import LinuxSystem
import Model

/// Which names containers have on which network.
final class NameDirectory: Sendable {
  /// What the directory knows about a question.
  enum Finding: Sendable, Equatable {
    case values([DNSAnswer.Value])
    /// The name exists, with records of other types only.
    case noData
    /// An address of one of the asker's networks that nobody has.
    case nobody
    /// Not ours: ask a server.
    case unknown
  }

  /// Where a name leads.
  private struct Member: Hashable {
    var address: IPv4Address
    var address6: IPv6Address?

    init(_ endpoint: EndpointRecord) {
      address = endpoint.address
      address6 = endpoint.ipv6?.address
    }
  }

  /// Changed under the lock alone.
  private final class Network {
    var name = "" {
      didSet { suffix = "." + name }
    }
    /// `name.network` says which one is meant.
    private(set) var suffix = "."
    var subnet: IPv4Subnet?
    var subnet6: IPv6Subnet?
    var resolves = false
    var isInternal = false
    /// By lower-case name; the same alias may stand for several containers.
    var members: [String: Set<Member>] = [:]
    /// The first name of each endpoint.
    var names: [IPv4Address: String] = [:]
    var names6: [IPv6Address: String] = [:]
  }

  private struct State {
    var networks: [NetworkID: Network] = [:]
    var endpoints: [ContainerID: [EndpointRecord]] = [:]
    /// Where each container asks: those of its networks that resolve names.
    var asked: [ContainerID: [Network]] = [:]

    /// Finds `asked` anew.
    mutating func look(for container: ContainerID) {
      asked[container] = endpoints[container]?.compactMap { networks[$0.networkID] }.filter(\.resolves)
    }
  }

  private let state = Locked(State())
  private static let reverseZone = ".in-addr.arpa"
  private static let reverseZone6 = ".ip6.arpa"

  /// Notes a network.
  func add(_ network: NetworkRecord) {
    state.withLock { state in
      let entry = state.networks[network.id] ?? Network()
      entry.name = network.name.lowercased()
      entry.subnet = network.subnet
      entry.subnet6 = network.ipv6?.subnet
      entry.resolves = network.resolvesNames
      entry.isInternal = network.isInternal
      state.networks[network.id] = entry
      for container in state.endpoints.keys { state.look(for: container) }
    }
  }

  func remove(_ network: NetworkID) {
    state.withLock { state in
      state.networks[network] = nil
      for container in state.endpoints.keys { state.look(for: container) }
    }
  }

  /// Replaces what is known of a container; an empty list removes it.
  func update(container: ContainerID, endpoints: [EndpointRecord]) {
    state.withLock { state in
      for old in state.endpoints[container] ?? [] { Self.forget(old, &state) }
      state.endpoints[container] = endpoints.isEmpty ? nil : endpoints
      for endpoint in endpoints { Self.note(endpoint, &state) }
      state.look(for: container)
    }
  }

  private static func note(_ endpoint: EndpointRecord, _ state: inout State) {
    guard let network = state.networks[endpoint.networkID] else { return }
    for name in endpoint.dnsNames { network.members[name.lowercased(), default: []].insert(Member(endpoint)) }
    network.names[endpoint.address] = endpoint.dnsNames.first
    if let part = endpoint.ipv6 { network.names6[part.address] = endpoint.dnsNames.first }
  }

  private static func forget(_ endpoint: EndpointRecord, _ state: inout State) {
    guard let network = state.networks[endpoint.networkID] else { return }
    for name in endpoint.dnsNames.map({ $0.lowercased() }) {
      network.members[name]?.remove(Member(endpoint))
      if network.members[name]?.isEmpty == true { network.members[name] = nil }
    }
    network.names[endpoint.address] = nil
    if let part = endpoint.ipv6 { network.names6[part.address] = nil }
  }

  /// Looks a question up in the networks that the asker is on.
  func find(_ query: DNSQuery, asker: ContainerID) -> Finding {
    guard query.class == DNSMessage.classInternet, let name = query.name else { return .unknown }
    return state.withLock { state in
      let networks = state.asked[asker] ?? []
      if query.type == DNSMessage.RecordType.ptr {
        if name.hasSuffix(Self.reverseZone) { return Self.reverse(name, networks) }
        if name.hasSuffix(Self.reverseZone6) { return Self.reverse6(name, networks) }
      }
      var found: Set<Member> = []
      for network in networks {
        if let members = network.members[name] { found.formUnion(members) }
        if name.hasSuffix(network.suffix), let members = network.members[String(name.dropLast(network.suffix.count))] {
          found.formUnion(members)
        }
      }
      if found.isEmpty {
        return Self.hostNames.contains(name) ? Self.host(query, state.endpoints[asker] ?? []) : .unknown
      }
      var values: [DNSAnswer.Value] = []
      let all = query.type == DNSMessage.RecordType.any
      // In another order each time, so that clients spread over the containers of one name.
      for member in found.shuffled() {
        if all || query.type == DNSMessage.RecordType.a { values.append(.address(member.address)) }
        if all || query.type == DNSMessage.RecordType.aaaa, let address = member.address6 {
          values.append(.address6(address))
        }
      }
      return values.isEmpty ? .noData : .values(values)
    }
  }

  /// The names that lead from a container to its host, as other engines know them.
  private static let hostNames: Set<String> = ["host.docker.internal", "gateway.docker.internal"]

  /// The host as the asker reaches it: the gateway of its first network that leads outside.
  private static func host(_ query: DNSQuery, _ endpoints: [EndpointRecord]) -> Finding {
    guard let endpoint = endpoints.first(where: { $0.gateway != nil }), let gateway = endpoint.gateway else {
      return .nobody
    }
    let all = query.type == DNSMessage.RecordType.any
    var values: [DNSAnswer.Value] = []
    if all || query.type == DNSMessage.RecordType.a { values.append(.address(gateway)) }
    if all || query.type == DNSMessage.RecordType.aaaa, let gateway = endpoint.ipv6?.gateway {
      values.append(.address6(gateway))
    }
    return values.isEmpty ? .noData : .values(values)
  }

  /// Whether an address is of a network of this engine.
  func isOwn(_ address: IPv4Address) -> Bool {
    state.withLock { $0.networks.values.contains { $0.subnet?.contains(address) == true } }
  }

  func isOwn(_ address: IPv6Address) -> Bool {
    state.withLock { $0.networks.values.contains { $0.subnet6?.contains(address) == true } }
  }

  /// Whether an address is of a network of this engine that has no way out.
  func isInternal(_ address: SocketAddress) -> Bool {
    state.withLock { state in
      state.networks.values.contains { network in
        guard network.isInternal else { return false }
        switch address {
        case .ipv4(let address, _): return network.subnet?.contains(address) == true
        case .ipv6(let octets, _):
          return IPv6Address(octets: octets).map { network.subnet6?.contains($0) == true } ?? false
        }
      }
    }
  }

  private static func reverse(_ name: String, _ networks: [Network]) -> Finding {
    let digits = name.dropLast(reverseZone.count).split(separator: ".", omittingEmptySubsequences: false)
    guard let address = IPv4Address(digits.reversed().joined(separator: ".")) else { return .unknown }
    for network in networks where network.subnet?.contains(address) == true {
      guard let host = network.names[address] else { return .nobody }
      return .values([.name("\(host).\(network.name)")])
    }
    return .unknown
  }

  private static func reverse6(_ name: String, _ networks: [Network]) -> Finding {
    let digits = name.dropLast(reverseZone6.count).split(separator: ".", omittingEmptySubsequences: false)
    guard digits.count == 32, digits.allSatisfy({ $0.utf8.count == 1 }),
      let bits = UInt128(digits.reversed().joined(), radix: 16)
    else { return .unknown }
    let address = IPv6Address(bits: bits)
    for network in networks where network.subnet6?.contains(address) == true {
      guard let host = network.names6[address] else { return .nobody }
      return .values([.name("\(host).\(network.name)")])
    }
    return .unknown
  }

  /// Whether a container may have its questions sent to servers: not when all its networks are internal.
  func mayAskServers(_ asker: ContainerID) -> Bool {
    state.withLock { state in
      let endpoints = state.endpoints[asker] ?? []
      return endpoints.isEmpty || endpoints.contains { state.networks[$0.networkID]?.isInternal != true }
    }
  }
}
