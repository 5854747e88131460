import HTTPServing
import Internet
import KubeMachinery
import KubeResources

/// The names that services, their endpoints and pods have. A pure state, told of objects.
///
/// Source: Kubernetes DNS-Based Service Discovery, version 1.1.
struct NameCatalog: Sendable {
  /// One address of one endpoint.
  struct Endpoint: Sendable, Hashable {
    let address: DNSAnswer.Value
    /// Of its own, or made from its address.
    let hostname: String
    let hasOwnName: Bool
  }

  struct Port: Sendable, Hashable {
    let name: String
    /// `_tcp`, `_udp`, `_sctp`.
    let transport: String
    let number: UInt16
  }

  struct Slice: Sendable {
    let service: ServiceKey
    let ports: [Port]
    let endpoints: [Endpoint]
  }

  struct Service: Sendable {
    var addresses: [DNSAnswer.Value] = []
    /// Another name that it stands for.
    var alias: String?
    var ports: [Port] = []

    var isHeadless: Bool { addresses.isEmpty && alias == nil }
  }

  private(set) var services: [ServiceKey: Service] = [:]
  /// Which resources were listed: of others nobody knows what there is not.
  private(set) var hasServices = false
  private(set) var hasSlices = false
  private(set) var hasPods = false
  private var slices: [ServiceKey: [String: Slice]] = [:]
  private var owners: [ServiceKey: ServiceKey] = [:]
  /// Services of each namespace.
  private var counts: [String: Int] = [:]
  /// Names of addresses, each with how many say so.
  private var reverse: [DNSAnswer.Value: [String: Int]] = [:]
  private var reverseOf: [ServiceKey: [(address: DNSAnswer.Value, name: String)]] = [:]
  /// Pods at each address.
  private var pods: [IPv4Address: Set<ServiceKey>] = [:]
  private var podAddresses: [ServiceKey: IPv4Address] = [:]

  private static let servicesResource = ResourceName(group: "", resource: "services")
  private static let slicesResource = ResourceName(group: "discovery.k8s.io", resource: "endpointslices")
  private static let podsResource = ResourceName(group: "", resource: "pods")
  static let resources = [servicesResource, slicesResource, podsResource]
  private static let serviceLabel = "kubernetes.io/service-name"

  /// Nothing is held, nor what was made from it.
  var isEmpty: Bool {
    services.isEmpty && slices.isEmpty && owners.isEmpty && counts.isEmpty && reverse.isEmpty && reverseOf.isEmpty
      && pods.isEmpty && podAddresses.isEmpty
  }

  /// Whether names in a namespace exist.
  func hasNamespace(_ name: String) -> Bool { counts[name] != nil }

  func hasPod(_ address: IPv4Address, in namespace: String) -> Bool {
    pods[address]?.contains { $0.namespace == namespace } ?? false
  }

  /// Names of an address within the zone of services: `web.default`.
  func names(of address: DNSAnswer.Value) -> [String] { (reverse[address] ?? [:]).keys.sorted() }

  /// The ready endpoints of a service, each address once.
  func endpoints(of key: ServiceKey) -> [Endpoint] {
    var seen: Set<Endpoint> = []
    return (slices[key] ?? [:]).sorted { $0.key < $1.key }.flatMap(\.value.endpoints)
      .filter { seen.insert($0).inserted }
  }

  /// The endpoints of one port of a headless service.
  func endpoints(of key: ServiceKey, port: String, transport: String) -> [(endpoint: Endpoint, number: UInt16)] {
    (slices[key] ?? [:]).sorted { $0.key < $1.key }.flatMap { _, slice in
      slice.ports.filter { $0.name == port && $0.transport == transport }.flatMap { port in
        slice.endpoints.map { ($0, port.number) }
      }
    }
  }

  // MARK: News

  mutating func take(_ news: ClusterNews) {
    switch news {
    case .all(Self.servicesResource, let documents):
      hasServices = true
      for key in services.keys { removeService(key) }
      for document in documents { putService(document) }
    case .present(Self.servicesResource, let document): putService(document)
    case .gone(Self.servicesResource, let document): removeService(Self.key(document))
    case .all(Self.slicesResource, let documents):
      hasSlices = true
      for key in owners.keys { removeSlice(key) }
      for document in documents { putSlice(document) }
    case .present(Self.slicesResource, let document): putSlice(document)
    case .gone(Self.slicesResource, let document): removeSlice(Self.key(document))
    case .all(Self.podsResource, let documents):
      hasPods = true
      (pods, podAddresses) = ([:], [:])
      for document in documents { putPod(document) }
    case .present(Self.podsResource, let document): putPod(document)
    case .gone(Self.podsResource, let document): removePod(Self.key(document))
    case .all, .present, .gone: break
    }
  }

  private static func key(_ document: JSONValue) -> ServiceKey {
    ServiceKey(namespace: document.meta.namespace, name: document.meta.name)
  }

  private mutating func putService(_ document: JSONValue) {
    let key = Self.key(document)
    removeService(key)
    let spec = document["spec"] ?? [:]
    var service = Service()
    if spec.textAt("type") == "ExternalName" {
      service.alias = Self.hostName(spec.textAt("externalName"))
      // A name that cannot be written is none.
      guard service.alias != nil else { return }
    } else {
      let listed = spec.listAt("clusterIPs").compactMap(\.text)
      service.addresses = (listed.isEmpty ? [spec.textAt("clusterIP")] : listed).compactMap(Self.address)
      service.ports = Self.ports(spec.listAt("ports"))
    }
    services[key] = service
    counts[key.namespace, default: 0] += 1
    noteReverse(key)
  }

  private mutating func removeService(_ key: ServiceKey) {
    guard services.removeValue(forKey: key) != nil else { return }
    let count = counts[key.namespace] ?? 0
    counts[key.namespace] = count > 1 ? count - 1 : nil
    noteReverse(key)
  }

  private mutating func putSlice(_ document: JSONValue) {
    let own = Self.key(document)
    removeSlice(own)
    guard let name = document.at("metadata", "labels", Self.serviceLabel)?.text,
      ["IPv4", "IPv6"].contains(document.textAt("addressType"))
    else { return }
    let service = ServiceKey(namespace: own.namespace, name: name)
    let endpoints = document.listAt("endpoints").filter { $0.at("conditions", "ready")?.flag ?? true }
    slices[service, default: [:]][own.name] = Slice(
      service: service, ports: Self.ports(document.listAt("ports")),
      endpoints: endpoints.flatMap { endpoint -> [Endpoint] in
        let hostname = endpoint.textAt("hostname").lowercased()
        return endpoint.listAt("addresses").compactMap(\.text).compactMap { text in
          Self.address(text).map { address in
            let made = String(text.map { ".:".contains($0) ? "-" : $0 })
            return Endpoint(
              address: address, hostname: hostname.isEmpty ? made : hostname, hasOwnName: !hostname.isEmpty)
          }
        }
      })
    owners[own] = service
    noteReverse(service)
  }

  private mutating func removeSlice(_ own: ServiceKey) {
    guard let service = owners.removeValue(forKey: own) else { return }
    slices[service]?[own.name] = nil
    if slices[service]?.isEmpty == true { slices[service] = nil }
    noteReverse(service)
  }

  private mutating func putPod(_ document: JSONValue) {
    let key = Self.key(document)
    removePod(key)
    guard let address = IPv4Address(document.textAt("status", "podIP")),
      !["Succeeded", "Failed"].contains(document.textAt("status", "phase"))
    else { return }
    podAddresses[key] = address
    pods[address, default: []].insert(key)
  }

  private mutating func removePod(_ key: ServiceKey) {
    guard let address = podAddresses.removeValue(forKey: key) else { return }
    pods[address]?.remove(key)
    if pods[address]?.isEmpty == true { pods[address] = nil }
  }

  /// Finds out anew which addresses have names by a service.
  private mutating func noteReverse(_ key: ServiceKey) {
    for (address, name) in reverseOf.removeValue(forKey: key) ?? [] {
      let count = reverse[address]?[name] ?? 0
      reverse[address]?[name] = count > 1 ? count - 1 : nil
      if reverse[address]?.isEmpty == true { reverse[address] = nil }
    }
    guard let service = services[key] else { return }
    let name = "\(key.name).\(key.namespace)"
    var entries = service.addresses.map { (address: $0, name: name) }
    if service.isHeadless {
      entries += endpoints(of: key).filter(\.hasOwnName).map { ($0.address, "\($0.hostname).\(name)") }
    }
    for (address, name) in entries { reverse[address, default: [:]][name, default: 0] += 1 }
    if !entries.isEmpty { reverseOf[key] = entries }
  }

  private static func address(_ text: String) -> DNSAnswer.Value? {
    IPv4Address(text).map { .address($0) } ?? IPv6Address(text).map { .address6($0) }
  }

  private static func ports(_ documents: [JSONValue]) -> [Port] {
    documents.compactMap { port in
      guard let number = UInt16(exactly: port.numberAt("port")), number > 0 else { return nil }
      let transport = port.textAt("protocol").lowercased()
      return Port(
        name: port.textAt("name").lowercased(), transport: "_\(transport.isEmpty ? "tcp" : transport)", number: number)
    }
  }

  /// In lower case, without the last dot; nil where it is no name that can be asked for.
  private static func hostName(_ text: String) -> String? {
    let name = (text.hasSuffix(".") ? String(text.dropLast()) : text).lowercased()
    return name.isEmpty || DNSMessage.encode(name: name) == nil ? nil : name
  }
}
