import HTTPServing
import KubeMachinery
import KubeResources

/// The services and slices that the proxy was told of, and which of them have changed since it last looked. A pure state.
struct ServiceCatalog: Sendable {
  private var services: [ServiceKey: ServiceDocument] = [:]
  private var slices: [ServiceKey: [String: SliceDocument]] = [:]
  /// The service of each slice, which its label may change.
  private var owners: [ServiceKey: ServiceKey] = [:]
  private var listed: Set<ResourceName> = []
  private var dirty: Set<ServiceKey> = []
  /// How many endpoints each service with affinity has, over its ports.
  private var sticky: [ServiceKey: Int] = [:]
  /// Services whose clients are spread although they should stay with their endpoint: there are too many.
  private(set) var spread: Set<ServiceKey> = []

  /// Each endpoint of a service with affinity is a chain and a set of its own, and the kernel finds those one after the other.
  private static let maximumSticky = 4_096

  static let servicesResource = ResourceName(group: "", resource: "services")
  static let slicesResource = ResourceName(group: "discovery.k8s.io", resource: "endpointslices")

  /// Before all is known, what the kernel holds is better than what would come of it.
  var isWhole: Bool { listed.count == 2 }

  mutating func take(_ news: ClusterNews) {
    switch news {
    case .all(Self.servicesResource, let documents):
      let new = documents.map { ServiceDocument($0) }
      dirty.formUnion(services.keys)
      services = Dictionary(new.map { ($0.key, $0) }, uniquingKeysWith: { $1 })
      dirty.formUnion(services.keys)
      listed.insert(Self.servicesResource)
    case .all(Self.slicesResource, let documents):
      dirty.formUnion(slices.keys)
      (slices, owners) = ([:], [:])
      for document in documents { put(document) }
      listed.insert(Self.slicesResource)
    case .present(Self.servicesResource, let document):
      let service = ServiceDocument(document)
      services[service.key] = service
      dirty.insert(service.key)
    case .gone(Self.servicesResource, let document):
      let key = ServiceKey(namespace: document.meta.namespace, name: document.meta.name)
      services[key] = nil
      dirty.insert(key)
    case .present(Self.slicesResource, let document): put(document)
    case .gone(Self.slicesResource, let document): remove(document)
    case .all, .present, .gone: break
    }
  }

  private mutating func put(_ document: JSONValue) {
    remove(document)
    guard let slice = SliceDocument(document) else { return }
    let meta = document.meta
    slices[slice.service, default: [:]][meta.name] = slice
    owners[ServiceKey(namespace: meta.namespace, name: meta.name)] = slice.service
    dirty.insert(slice.service)
  }

  private mutating func remove(_ document: JSONValue) {
    let meta = document.meta
    guard let owner = owners.removeValue(forKey: ServiceKey(namespace: meta.namespace, name: meta.name)) else { return }
    slices[owner]?[meta.name] = nil
    if slices[owner]?.isEmpty == true { slices[owner] = nil }
    dirty.insert(owner)
  }

  /// The rules of what has changed since the last call; nil for services that are gone.
  mutating func changedRules(_ settings: ServiceProxySettings) -> [ServiceKey: ServiceRules?] {
    let changed = dirty
    dirty = []
    let before = stickyCount
    for key in changed { sticky[key] = nil }
    var rules: [ServiceKey: ServiceRules?] = [:]
    for key in changed.sorted() { rules[key] = .some(self.rules(of: key, settings)) }
    guard stickyCount < before else { return rules }
    // Where others went there may be room for those that were spread.
    for key in spread.subtracting(changed).sorted() { rules[key] = .some(self.rules(of: key, settings)) }
    return rules
  }

  private var stickyCount: Int { sticky.values.reduce(0, +) }

  private mutating func rules(of key: ServiceKey, _ settings: ServiceProxySettings) -> ServiceRules? {
    spread.remove(key)
    guard let service = services[key] else { return nil }
    let slices = Array((slices[key] ?? [:]).values)
    let wanted = ServicePlan.rules(for: service, slices, settings: settings)
    let members = wanted.stickyGroups.reduce(0) { $0 + $1.backends.count }
    guard members > 0 else { return wanted }
    guard stickyCount + members <= Self.maximumSticky else {
      spread.insert(key)
      return ServicePlan.rules(for: service.withoutAffinity, slices, settings: settings)
    }
    sticky[key] = members
    return wanted
  }
}
