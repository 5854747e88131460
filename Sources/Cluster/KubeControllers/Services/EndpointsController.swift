import HTTPServing
import KubeMachinery
import KubeResources

/// Keeps the older form of what is behind services: one Endpoints object of the service's name.
public struct EndpointsController: Controller {
  public let name = "endpoint-controller"
  public let follows: Set<ResourceName> = [.services, .pods, .endpoints]

  static let managerLabel = "endpoints.kubernetes.io/managed-by"
  static let capacityAnnotation = "endpoints.kubernetes.io/over-capacity"
  static let maxAddresses = 1_000

  public init() {}

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    switch change.key.resource {
    case .services: [change.key]
    case .pods: ClusterObject.services(for: change, in: index)
    case .endpoints: [ObjectKey(.services, namespace: change.key.namespace, name: change.key.name)]
    default: []
    }
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    let current = observed.index.object(ObjectKey(.endpoints, namespace: key.namespace, name: key.name))
    guard let service = observed.index.object(key) else {
      // Endpoints that somebody else made stay.
      guard let current, current.labels?[Self.managerLabel] != nil, !current.isTerminating else { return Plan() }
      return Plan([.delete(current)])
    }
    guard !(service.document.at("spec", "selector")?.members ?? []).isEmpty,
      service.spec.textAt("type") != "ExternalName", !service.isTerminating
    else { return Plan() }
    let pods = observed.index.objects(.pods, in: key.namespace)
    let endpoints = ServiceEndpoint.all(of: service, pods, isV6: service.addressFamilies[0])
      .filter { !$0.isTerminating || service.spec.flagAt("publishNotReadyAddresses") }
    let (subsets, isCut) = Self.subsets(endpoints)
    var labels = service.meta.labels
    labels[EndpointSliceController.headlessLabel] = service.isHeadless ? "" : nil
    labels[Self.managerLabel] = "endpoint-controller"
    guard let current else { return Plan([create(service, subsets, labels, isCut)]) }
    var patch: JSONValue = [:]
    if !subsets.means(current.document["subsets"] ?? []) { patch["subsets"] = subsets }
    if current.meta.labels != labels { patch["metadata"] = ["labels": current.relabelling(to: labels)] }
    if isCut != (current.annotation(Self.capacityAnnotation) != nil) {
      var metadata = patch["metadata"] ?? [:]
      metadata["annotations"] = [Self.capacityAnnotation: isCut ? "truncated" : .null]
      patch["metadata"] = metadata
    }
    return patch.members.isEmpty ? Plan() : Plan([.patch(current, patch)])
  }

  private func create(
    _ service: ClusterObject, _ subsets: JSONValue, _ labels: [String: String], _ isCut: Bool
  ) -> Change {
    var meta = ObjectMeta()
    meta.name = service.name
    meta.namespace = service.namespace
    meta.labels = labels
    if isCut { meta.annotations = [Self.capacityAnnotation: "truncated"] }
    return .create(
      .endpoints, ["apiVersion": "v1", "kind": "Endpoints", "metadata": meta.document, "subsets": subsets],
      failure: Announcement(
        service, .warning, "FailedToCreateEndpoint", "Failed to create endpoint for service: ", addsOutcome: true))
  }

  /// Addresses by the set of ports that they have, each list in order; at most `maxAddresses`, ready ones first.
  static func subsets(_ endpoints: [ServiceEndpoint]) -> (JSONValue, isCut: Bool) {
    let kept = endpoints.filter(\.isReady).prefix(maxAddresses)
    let others = endpoints.filter { !$0.isReady }.prefix(maxAddresses - kept.count)
    var groups: [[ServiceEndpoint.Port]: [ServiceEndpoint]] = [:]
    for endpoint in kept + others {
      groups[endpoint.ports.sorted { ($0.name, $0.number) < ($1.name, $1.number) }, default: []].append(endpoint)
    }
    let subsets = groups.map { ports, members -> JSONValue in
      func addresses(_ isReady: Bool) -> JSONValue {
        .array(members.filter { $0.isReady == isReady }.sorted { $0.address < $1.address }.map(address))
      }
      var subset: JSONValue = [:]
      if !addresses(true).items.isEmpty { subset["addresses"] = addresses(true) }
      if !addresses(false).items.isEmpty { subset["notReadyAddresses"] = addresses(false) }
      if !ports.isEmpty { subset["ports"] = .array(ports.map(\.document)) }
      return subset
    }
    let sorted = subsets.map { ($0["ports"]?.encodedText ?? "", $0) }.sorted { $0.0 < $1.0 }.map(\.1)
    return (.array(sorted), endpoints.count > maxAddresses)
  }

  private static func address(_ endpoint: ServiceEndpoint) -> JSONValue {
    var address: JSONValue = ["ip": .string(endpoint.address)]
    if !endpoint.hostname.isEmpty { address["hostname"] = .string(endpoint.hostname) }
    if !endpoint.pod.nodeName.isEmpty { address["nodeName"] = .string(endpoint.pod.nodeName) }
    address["targetRef"] = endpoint.target
    return address
  }
}
