import Model
import Synchronization

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

  private struct Network {
    var name: String
    var subnet: IPv4Subnet?
    var resolves: Bool
    var isInternal: Bool
    /// By lower-case name; the same alias may stand for several containers.
    var addresses: [String: Set<IPv4Address>] = [:]
    /// The first name of each endpoint.
    var names: [IPv4Address: String] = [:]
  }

  private struct State {
    var networks: [NetworkID: Network] = [:]
    var endpoints: [ContainerID: [EndpointRecord]] = [:]
  }

  private let state = Mutex(State())
  private static let reverseZone = ".in-addr.arpa"

  /// Notes a network.
  func add(_ network: NetworkRecord) {
    state.withLock { state in
      var entry = state.networks[network.id] ?? Network(name: "", subnet: nil, resolves: false, isInternal: false)
      entry.name = network.name.lowercased()
      entry.subnet = network.subnet
      entry.resolves = network.resolvesNames
      entry.isInternal = network.isInternal
      state.networks[network.id] = entry
    }
  }

  func remove(_ network: NetworkID) {
    state.withLock { $0.networks[network] = nil }
  }

  /// Replaces what is known of a container; an empty list removes it.
  func update(container: ContainerID, endpoints: [EndpointRecord]) {
    state.withLock { state in
      for old in state.endpoints[container] ?? [] { Self.forget(old, &state) }
      state.endpoints[container] = endpoints.isEmpty ? nil : endpoints
      for endpoint in endpoints { Self.note(endpoint, &state) }
    }
  }

  private static func note(_ endpoint: EndpointRecord, _ state: inout State) {
    for name in endpoint.dnsNames {
      state.networks[endpoint.networkID]?.addresses[name.lowercased(), default: []].insert(endpoint.address)
    }
    state.networks[endpoint.networkID]?.names[endpoint.address] = endpoint.dnsNames.first
  }

  private static func forget(_ endpoint: EndpointRecord, _ state: inout State) {
    for name in endpoint.dnsNames.map({ $0.lowercased() }) {
      state.networks[endpoint.networkID]?.addresses[name]?.remove(endpoint.address)
      if state.networks[endpoint.networkID]?.addresses[name]?.isEmpty == true {
        state.networks[endpoint.networkID]?.addresses[name] = nil
      }
    }
    state.networks[endpoint.networkID]?.names[endpoint.address] = nil
  }

  /// Looks a question up in the networks that the asker is on.
  func find(_ query: DNSQuery, asker: ContainerID) -> Finding {
    guard query.class == DNSMessage.classInternet, let name = query.name else { return .unknown }
    return state.withLock { state in
      let networks = (state.endpoints[asker] ?? []).compactMap { state.networks[$0.networkID] }.filter(\.resolves)
      if query.type == DNSMessage.RecordType.ptr, name.hasSuffix(Self.reverseZone) {
        return Self.reverse(name, networks)
      }
      var found: Set<IPv4Address> = []
      for network in networks {
        found.formUnion(network.addresses[name] ?? [])
        // `name.network` says which one is meant.
        let suffix = "." + network.name
        if name.hasSuffix(suffix) { found.formUnion(network.addresses[String(name.dropLast(suffix.count))] ?? []) }
      }
      if found.isEmpty { return .unknown }
      guard query.type == DNSMessage.RecordType.a || query.type == DNSMessage.RecordType.any else { return .noData }
      return .values(found.shuffled().map { .address($0) })
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

  /// Whether a container may have its questions sent to servers: not when all its networks are internal.
  func mayAskServers(_ asker: ContainerID) -> Bool {
    state.withLock { state in
      let endpoints = state.endpoints[asker] ?? []
      return endpoints.isEmpty || endpoints.contains { state.networks[$0.networkID]?.isInternal != true }
    }
  }
}
