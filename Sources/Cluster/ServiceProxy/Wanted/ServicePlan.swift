import Internet
import KubeMachinery
import LinuxSystem

/// Decides what a service wants, from its document and its endpoints. Knows no kernel.
///
/// Source: Kubernetes documentation, *Virtual IPs and Service Proxies*.
struct ServicePlan {
  let service: ServiceDocument
  let slices: [SliceDocument]
  let settings: ServiceProxySettings

  /// Endpoints that share the load of one port; of more, the first in order of addresses.
  static let maximumBackends = 1_000
  /// Entries of a service for its endpoints, over its ports and addresses.
  private static let maximumEntries = 100_000

  private var rules = ServiceRules()

  static func rules(
    for service: ServiceDocument, _ slices: [SliceDocument], settings: ServiceProxySettings
  ) -> ServiceRules {
    var plan = ServicePlan(service: service, slices: slices, settings: settings)
    for port in service.ports { plan.add(port) }
    for address in plan.balancers {
      plan.rules.add(RuleNames.balancers, NFTables.Element(key: NFTables.bytes(.ipv4(address.bits))))
    }
    return plan.rules
  }

  private init(service: ServiceDocument, slices: [SliceDocument], settings: ServiceProxySettings) {
    self.service = service
    self.slices = slices
    self.settings = settings
  }

  /// Whose entries these are, for who reads them. Names that Kubernetes does not have are left out: others read nft's listings as
  /// a text, in which nobody is to write more than a name.
  private var label: String? {
    let (namespace, name) = (service.key.namespace, service.key.name)
    let isPlain = [namespace, name].allSatisfy { NameRule.label.problems($0).isEmpty }
    let label = "\(namespace)/\(name)"
    return isPlain && label.utf8.count <= NFTables.maximumCommentBytes ? label : nil
  }

  private var balancers: [IPv4Address] { service.balancerAddresses.filter(settings.mayClaim) }

  /// What new connections are led to.
  private struct Choice {
    var backends: [Backend]
    /// Others could have served where none of these can.
    var isWithheld: Bool
  }

  private func candidates(_ port: ServiceDocument.Port) -> [(endpoint: SliceDocument.Endpoint, backend: Backend)] {
    slices.flatMap { slice in
      slice.ports.filter { $0.name == port.name && $0.transport == port.transport }.flatMap { found in
        slice.endpoints.map { ($0, Backend(address: $0.address, port: found.number)) }
      }
    }
  }

  /// Those that are ready; where none is, those that end but still serve.
  private func usable(_ candidates: [(endpoint: SliceDocument.Endpoint, backend: Backend)]) -> [Backend] {
    let ready = candidates.filter(\.endpoint.isReady)
    let chosen = ready.isEmpty ? candidates.filter { $0.endpoint.isServing && $0.endpoint.isTerminating } : ready
    let frontends = service.ports.count * (2 + service.balancerAddresses.count + service.externalAddresses.count)
    let most = min(Self.maximumBackends, max(1, Self.maximumEntries / frontends))
    return Array(Set(chosen.map(\.backend)).sorted().prefix(most))
  }

  private mutating func add(_ port: ServiceDocument.Port) {
    let candidates = candidates(port)
    let all = usable(candidates)
    let here = usable(candidates.filter { $0.endpoint.node == settings.node })
    let inside = service.keepsInternalLocal ? here : all
    let outside = service.keepsExternalLocal ? here : all
    let serving = Set(candidates.filter { $0.endpoint.isReady || $0.endpoint.isServing }.map(\.backend.address))
    if let address = service.clusterAddress, settings.mayAllocate(address) {
      rules.claim(frontend(address, port), as: .own)
      lead(frontend(address, port), of: port, to: inside, isWithheld: !all.isEmpty, hidesClients: false, serving)
    }
    let hides = !service.keepsExternalLocal
    for address in balancers { rules.claim(frontend(address, port), as: .given) }
    let claimed = service.externalAddresses.filter { settings.mayClaim($0) && !balancers.contains($0) }
    for address in claimed { rules.claim(frontend(address, port), as: .wished) }
    for address in balancers + claimed {
      lead(frontend(address, port), of: port, to: outside, isWithheld: !all.isEmpty, hidesClients: hides, serving)
    }
    if let ranges = service.sourceRanges {
      for address in balancers { restrict(frontend(address, port), to: ranges) }
    }
    if port.nodePort > 0 {
      let frontend = ServiceRules.Frontend(address: nil, transport: port.transport, port: port.nodePort)
      rules.claim(frontend, as: .given)
      lead(frontend, of: port, to: outside, isWithheld: !all.isEmpty, hidesClients: hides, serving)
    }
  }

  private func frontend(_ address: IPv4Address, _ port: ServiceDocument.Port) -> ServiceRules.Frontend {
    ServiceRules.Frontend(address: address, transport: port.transport, port: port.number)
  }

  /// - Parameters:
  ///   - isWithheld: there are endpoints that a policy may keep from this frontend: it is silent where none is left, and refuses
  ///     where there is none at all.
  ///   - serving: addresses that may go on with what they have.
  private mutating func lead(
    _ frontend: ServiceRules.Frontend, of port: ServiceDocument.Port, to backends: [Backend], isWithheld: Bool,
    hidesClients: Bool, _ serving: Set<IPv4Address>
  ) {
    let atNode = frontend.address == nil
    let key = frontend.key
    if frontend.transport == .udp { rules.frontends[frontend]?.datagramEndpoints = serving }
    guard !backends.isEmpty else {
      rules.add(
        atNode ? RuleNames.nodeRefused : RuleNames.refused,
        NFTables.Element(
          key: key, chain: isWithheld ? RuleNames.dropChain : RuleNames.refuseChain, comment: label), at: frontend)
      return
    }
    for backend in backends {
      let address = NFTables.Field.ipv4(backend.address.bits)
      rules.add(RuleNames.loops, NFTables.Element(key: NFTables.bytes(address, address)))
    }
    if hidesClients {
      rules.add(
        atNode ? RuleNames.nodeMasqueraded : RuleNames.masqueraded, NFTables.Element(key: key), at: frontend)
    }
    let chooser = atNode ? RuleNames.nodeServices : RuleNames.services
    if let seconds = service.affinitySeconds {
      let group = StickyGroup(
        service: service.key, port: port.number, transport: port.transport, timeoutSeconds: seconds,
        backends: backends)
      rules.stickyGroups.insert(group)
      rules.add(chooser, NFTables.Element(key: key, chain: group.chain, comment: label), at: frontend)
      return
    }
    rules.add(
      chooser,
      NFTables.Element(key: key, chain: RuleNames.pick(backends.count, atNode: atNode), comment: label), at: frontend)
    for (number, backend) in backends.enumerated() {
      rules.add(
        atNode ? RuleNames.nodeEndpoints : RuleNames.endpoints,
        NFTables.Element(key: key + NFTables.bytes(.number(UInt32(number))), value: backend.value), at: frontend)
    }
  }

  private mutating func restrict(_ frontend: ServiceRules.Frontend, to ranges: [IPv4Subnet]) {
    rules.add(RuleNames.guarded, NFTables.Element(key: frontend.key), at: frontend)
    // The kernel takes no range that lies within another.
    let outer = Set(ranges.filter { range in !ranges.contains { $0 != range && $0.contains(range) } })
    for range in outer {
      rules.add(
        RuleNames.allowed,
        NFTables.Element(
          key: frontend.key + NFTables.bytes(.ipv4(range.network.bits)),
          keyEnd: frontend.key + NFTables.bytes(.ipv4(range.last.bits))), at: frontend)
    }
  }
}
