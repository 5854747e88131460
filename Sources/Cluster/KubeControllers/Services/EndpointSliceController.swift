import HTTPServing
import KubeMachinery
import KubeResources

/// Keeps the slices of addresses behind services. Source: Kubernetes *EndpointSlices*.
public struct EndpointSliceController: Controller {
  public let name = "endpoint-slice-controller"
  public let follows: Set<ResourceName> = [.services, .pods, .endpointSlices, .nodes]

  static let serviceLabel = "kubernetes.io/service-name"
  static let managerLabel = "endpointslice.kubernetes.io/managed-by"
  static let manager = "endpointslice-controller.k8s.io"
  static let headlessLabel = "service.kubernetes.io/headless"

  public init() {}

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    switch change.key.resource {
    case .services: [change.key]
    case .pods: ClusterObject.services(for: change, in: index)
    case .endpointSlices:
      change.last.labels?.textAt(Self.managerLabel) == Self.manager
        ? [
          ObjectKey(
            .services, namespace: change.key.namespace, name: change.last.labels?.textAt(Self.serviceLabel) ?? "")
        ]
        : []
    default: []
    }
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    // With its service a slice goes by its owner.
    guard let service = observed.index.object(key), !service.isTerminating,
      !(service.document.at("spec", "selector")?.members ?? []).isEmpty
    else { return Plan() }
    let slices = observed.index.objects(.endpointSlices, in: key.namespace).filter {
      $0.labels?.textAt(Self.serviceLabel) == key.name && $0.labels?.textAt(Self.managerLabel) == Self.manager
        && !$0.isTerminating
    }
    let pods = observed.index.objects(.pods, in: key.namespace)
    if service.spec.textAt("type") == "ExternalName" { return Plan(slices.map { .delete($0) }) }
    var plan = Plan()
    let families = service.addressFamilies
    for isV6 in families {
      let type = isV6 ? "IPv6" : "IPv4"
      plan.add(
        SlicePlan(
          service: service, type: type, endpoints: ServiceEndpoint.all(of: service, pods, isV6: isV6),
          slices: slices.filter { $0.document.textAt("addressType") == type },
          zone: {
            observed.index.object(ObjectKey(.nodes, name: $0))?.labels?.textAt("topology.kubernetes.io/zone") ?? ""
          }
        ).changes())
    }
    let types = families.map { $0 ? "IPv6" : "IPv4" }
    plan.add(slices.filter { !types.contains($0.document.textAt("addressType")) }.map { .delete($0) })
    return plan
  }
}

/// The slices of one service and family: what is there is changed as little as the wanted endpoints allow.
struct SlicePlan {
  static let maxEndpoints = 100

  let service: ClusterObject
  let type: String
  let endpoints: [ServiceEndpoint]
  let slices: [ClusterObject]
  let zone: (String) -> String

  func changes() -> [Change] {
    var groups: [[ServiceEndpoint.Port]: [ServiceEndpoint]] = [:]
    for endpoint in endpoints { groups[endpoint.ports, default: []].append(endpoint) }
    var left = slices
    var changes: [Change] = []
    for (ports, wanted) in groups.sorted(by: { Self.text($0.key) < Self.text($1.key) }) {
      let mine = left.filter { Self.text($0.document.listAt("ports")) == Self.text(ports) }
      left.removeAll { slice in mine.contains { $0.uid == slice.uid } }
      changes += self.changes(ports, wanted, mine)
    }
    if groups.isEmpty {
      // One empty slice says that there is a service and nobody behind it.
      guard let kept = left.first else { return [create([], [])] }
      left.removeFirst()
      changes += update(kept, [], ports: [])
    }
    return changes + left.map { .delete($0) }
  }

  private static func text(_ ports: [ServiceEndpoint.Port]) -> String { text(ports.map(\.document)) }

  /// By which two lists of ports are compared, whatever their order and defaults.
  static func text(_ ports: [JSONValue]) -> String {
    ports.map { port in
      [
        port.textAt("name"), String(port.numberAt("port")), port.textAt("protocol"), port.textAt("appProtocol"),
      ].joined(separator: "/")
    }.sorted().joined(separator: ",")
  }

  private func changes(
    _ ports: [ServiceEndpoint.Port], _ wanted: [ServiceEndpoint], _ slices: [ClusterObject]
  ) -> [Change] {
    var missing = Dictionary(wanted.map { ($0.pod.uid, $0) }, uniquingKeysWith: { $1 })
    // First every endpoint stays in the slice that it is in.
    var contents: [(ClusterObject, [ServiceEndpoint])] = slices.map { slice in
      let kept = slice.document.listAt("endpoints").compactMap {
        missing.removeValue(forKey: $0.textAt("targetRef", "uid"))
      }
      return (slice, kept)
    }
    var rest = missing.values.sorted { $0.pod.name < $1.pod.name }[...]
    // New ones go where there is room, the fullest slice first, so that few slices change.
    for place in contents.indices.sorted(by: { contents[$0].1.count > contents[$1].1.count }) {
      let room = max(0, Self.maxEndpoints - contents[place].1.count)
      contents[place].1 += rest.prefix(room)
      rest = rest.dropFirst(room)
    }
    var changes: [Change] = []
    var keepsOne = rest.isEmpty && wanted.isEmpty
    for (slice, kept) in contents {
      if kept.isEmpty, !keepsOne {
        changes.append(.delete(slice))
      } else {
        keepsOne = false
        changes += update(slice, kept, ports: ports)
      }
    }
    while !rest.isEmpty {
      changes.append(create(ports, Array(rest.prefix(Self.maxEndpoints))))
      rest = rest.dropFirst(Self.maxEndpoints)
    }
    return changes
  }

  private func document(_ endpoint: ServiceEndpoint) -> JSONValue {
    var document: JSONValue = [
      "addresses": [.string(endpoint.address)],
      "conditions": [
        "ready": .bool(endpoint.isReady), "serving": .bool(endpoint.isServing),
        "terminating": .bool(endpoint.isTerminating),
      ],
    ]
    if !endpoint.hostname.isEmpty { document["hostname"] = .string(endpoint.hostname) }
    document["targetRef"] = endpoint.target
    let node = endpoint.pod.nodeName
    if !node.isEmpty { document["nodeName"] = .string(node) }
    let zone = zone(node)
    if !zone.isEmpty { document["zone"] = .string(zone) }
    return document
  }

  private var labels: [String: String] {
    var labels = service.meta.labels
    labels[EndpointSliceController.headlessLabel] = service.isHeadless ? "" : nil
    labels[EndpointSliceController.serviceLabel] = service.name
    labels[EndpointSliceController.managerLabel] = EndpointSliceController.manager
    return labels
  }

  private func update(
    _ slice: ClusterObject, _ endpoints: [ServiceEndpoint], ports: [ServiceEndpoint.Port]
  ) -> [Change] {
    let documents = JSONValue.array(endpoints.map(document))
    var patch: JSONValue = [:]
    if !documents.means(.array(slice.document.listAt("endpoints"))) { patch["endpoints"] = documents }
    if Self.text(ports) != Self.text(slice.document.listAt("ports")) { patch["ports"] = .array(ports.map(\.document)) }
    if slice.meta.labels != labels { patch["metadata"] = ["labels": slice.relabelling(to: labels)] }
    return patch.members.isEmpty ? [] : [.patch(slice, patch)]
  }

  private func create(_ ports: [ServiceEndpoint.Port], _ endpoints: [ServiceEndpoint]) -> Change {
    var meta = ObjectMeta()
    meta.generateName = "\(service.name)-"
    meta.namespace = service.namespace
    meta.labels = labels
    meta.ownerReferences = [service.owning()]
    return .create(
      .endpointSlices,
      [
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta.document,
        "addressType": .string(type), "endpoints": .array(endpoints.map(document)),
        "ports": .array(ports.map(\.document)),
      ],
      failure: Announcement(
        service, .warning, "FailedToUpdateEndpointSlices", "Error updating Endpoint Slices for Service: ",
        addsOutcome: true))
  }
}
