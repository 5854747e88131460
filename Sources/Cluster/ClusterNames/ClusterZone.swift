import Internet
import KubeResources

/// Answers questions about names of the cluster, from what is known of its objects. Pure.
struct ClusterZone: Sendable {
  /// What is known about a question.
  enum Finding: Sendable, Equatable {
    case records([DNSAnswer.Record], additional: [DNSAnswer.Record])
    /// The name exists, with records of other types only.
    case noData
    case nobody
    /// The objects that tell were not listed yet: whoever asks has to ask again.
    case notYet
    /// The name stands for another, of which the same is asked.
    case alias(String)
    /// Not of the cluster: ask a server.
    case unknown
  }

  /// Without dots at its ends, in lower case.
  let domain: String
  /// Whose addresses have no names elsewhere.
  let ranges: [IPv4Subnet]
  /// Where the name service itself is.
  let server: IPv4Address

  /// Records in one answer.
  static let maximumRecords = 1_000
  private static let version = "1.1.0"
  private static let reverseZone = ".in-addr.arpa"
  private static let reverseZone6 = ".ip6.arpa"

  private var services: String { "svc.\(domain)" }
  private var serverName: String { "ns.dns.\(domain)" }

  /// Of the zone: told with answers that there is nothing.
  var authority: DNSAnswer.Record {
    DNSAnswer.Record(
      .authority(
        server: serverName, mailbox: "hostmaster.\(domain)", serial: 1, minimumSeconds: DNSAnswer.timeToLiveSeconds),
      owner: domain)
  }

  func isOfZone(_ name: String) -> Bool { name == domain || name.hasSuffix("." + domain) }

  /// - Parameter name: in lower case, without the last dot.
  func find(_ name: String, type: UInt16, in catalog: NameCatalog) -> Finding {
    if name.hasSuffix(Self.reverseZone) { return reverse4(name, type, catalog) }
    if name.hasSuffix(Self.reverseZone6) { return reverse6(name, type, catalog) }
    guard isOfZone(name) else { return .unknown }
    let inner = name.dropLast(domain.utf8.count)
    var labels = inner.split(separator: ".").map(String.init)
    guard let kind = labels.popLast() else { return answer([authority.value], type) }
    switch (kind, labels) {
    case ("svc", []), ("pod", []), ("dns", []): return .noData
    case ("svc", _): return catalog.hasServices ? service(labels, type, catalog) : .notYet
    case ("pod", _): return catalog.hasServices && catalog.hasPods ? pod(labels, type, catalog) : .notYet
    case ("dns", ["ns"]): return answer([.address(server)], type)
    case ("dns-version", []): return answer([.text(Self.version)], type)
    default: return .nobody
    }
  }

  /// The values of the type asked for.
  private func answer(
    _ values: [DNSAnswer.Value], _ type: UInt16, additional: [DNSAnswer.Record] = []
  ) -> Finding {
    let records = values.filter { type == DNSMessage.RecordType.any || $0.type == type }
    if records.isEmpty { return .noData }
    return .records(records.prefix(Self.maximumRecords).map { DNSAnswer.Record($0) }, additional: additional)
  }

  private func service(_ labels: [String], _ type: UInt16, _ catalog: NameCatalog) -> Finding {
    let namespace = labels[labels.count - 1]
    guard labels.count > 1 else { return catalog.hasNamespace(namespace) ? .noData : .nobody }
    let key = ServiceKey(namespace: namespace, name: labels[labels.count - 2])
    guard let service = catalog.services[key] else { return .nobody }
    guard !service.isHeadless || catalog.hasSlices else { return .notYet }
    switch labels.count {
    case 2:
      if let alias = service.alias {
        return type == DNSMessage.RecordType.cname ? answer([.alias(alias)], type) : .alias(alias)
      }
      guard service.isHeadless else { return answer(service.addresses, type) }
      let addresses = Set(catalog.endpoints(of: key).map(\.address))
      // No ready endpoint: the name is there, and leads nowhere. In another order each time, so that clients spread.
      return answer(addresses.shuffled(), type)
    case 3:
      let ports = service.ports.filter { $0.transport == labels[0] }
      if !ports.isEmpty { return .noData }
      guard service.isHeadless else { return .nobody }
      let named = catalog.endpoints(of: key).filter { $0.hostname == labels[0] }
      return named.isEmpty ? .nobody : answer(named.map(\.address), type)
    case 4: return port(labels, service, key, type, catalog)
    default: return .nobody
    }
  }

  /// `_http._tcp.web.default.svc`.
  private func port(
    _ labels: [String], _ service: NameCatalog.Service, _ key: ServiceKey, _ type: UInt16, _ catalog: NameCatalog
  ) -> Finding {
    guard labels[0].hasPrefix("_") else { return .nobody }
    let name = String(labels[0].dropFirst())
    let base = "\(key.name).\(key.namespace).\(services)"
    func record(_ target: String, _ number: UInt16) -> DNSAnswer.Value {
      .service(priority: 0, weight: 100, port: number, target: target)
    }
    guard let port = service.ports.first(where: { $0.name == name && $0.transport == labels[1] && !name.isEmpty })
    else { return .nobody }
    guard service.isHeadless else {
      let additional = service.addresses.map { DNSAnswer.Record($0, owner: base) }
      return answer([record(base, port.number)], type, additional: additional)
    }
    let endpoints = catalog.endpoints(of: key, port: name, transport: labels[1]).prefix(Self.maximumRecords)
    let targets = Set(endpoints.map { record("\($0.endpoint.hostname).\(base)", $0.number) })
    let additional = Set(
      endpoints.map { DNSAnswer.Record($0.endpoint.address, owner: "\($0.endpoint.hostname).\(base)") })
    return answer(Array(targets), type, additional: Array(additional))
  }

  /// `10-244-0-3.default.pod`: of pods that there are, so that nobody makes names for foreign addresses.
  private func pod(_ labels: [String], _ type: UInt16, _ catalog: NameCatalog) -> Finding {
    if labels.count == 1 { return catalog.hasNamespace(labels[0]) ? .noData : .nobody }
    guard labels.count == 2, let address = IPv4Address(String(labels[0].map { $0 == "-" ? "." : $0 })),
      catalog.hasPod(address, in: labels[1])
    else { return .nobody }
    return answer([.address(address)], type)
  }

  private func reverse4(_ name: String, _ type: UInt16, _ catalog: NameCatalog) -> Finding {
    let digits = name.dropLast(Self.reverseZone.utf8.count).split(separator: ".", omittingEmptySubsequences: false)
    guard let address = IPv4Address(digits.reversed().joined(separator: ".")) else { return .unknown }
    return reverse(.address(address), type, catalog, isOwn: ranges.contains { $0.contains(address) })
  }

  private func reverse6(_ name: String, _ type: UInt16, _ catalog: NameCatalog) -> Finding {
    let digits = name.dropLast(Self.reverseZone6.utf8.count).split(separator: ".", omittingEmptySubsequences: false)
    guard digits.count == 32, digits.allSatisfy({ $0.utf8.count == 1 }),
      let bits = UInt128(digits.reversed().joined(), radix: 16)
    else { return .unknown }
    return reverse(.address6(IPv6Address(bits: bits)), type, catalog, isOwn: false)
  }

  private func reverse(
    _ address: DNSAnswer.Value, _ type: UInt16, _ catalog: NameCatalog, isOwn: Bool
  ) -> Finding {
    let names = catalog.names(of: address)
    if names.isEmpty, isOwn { return catalog.hasServices && catalog.hasSlices ? .nobody : .notYet }
    if names.isEmpty { return .unknown }
    return answer(names.map { .name("\($0).\(services)") }, type)
  }
}
