import HTTPServing
import KubeMachinery
import KubeResources

/// Makes slices of the Endpoints that somebody wrote for a service without a selector, so that it leads to addresses outside of the
/// cluster. Source: Kubernetes *EndpointSlices*, EndpointSlice mirroring.
public struct SliceMirrorController: Controller {
  public let name = "endpoint-slice-mirroring-controller"
  public let follows: Set<ResourceName> = [.services, .endpoints, .endpointSlices]

  static let manager = "endpointslicemirroring-controller.k8s.io"
  static let skipLabel = "endpointslice.kubernetes.io/skip-mirror"
  private static let leaderAnnotation = "control-plane.alpha.kubernetes.io/leader"
  private static let appliedAnnotation = "kubectl.kubernetes.io/last-applied-configuration"
  /// Addresses of a subset; the others are left out.
  static let maxEndpoints = 1_000

  public init() {}

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    let place = change.key.namespace
    switch change.key.resource {
    case .services, .endpoints: return [ObjectKey(.endpoints, namespace: place, name: change.key.name)]
    case .endpointSlices:
      let labels = change.last.meta.labels
      guard labels[EndpointSliceController.managerLabel] == Self.manager,
        let service = labels[EndpointSliceController.serviceLabel]
      else { return [] }
      return [ObjectKey(.endpoints, namespace: place, name: service)]
    default: return []
    }
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    var left = observed.index.objects(.endpointSlices, in: key.namespace).filter { slice in
      let labels = slice.meta.labels
      return labels[EndpointSliceController.managerLabel] == Self.manager
        && labels[EndpointSliceController.serviceLabel] == key.name && !slice.isTerminating
    }
    let service = observed.index.object(ObjectKey(.services, namespace: key.namespace, name: key.name))
    guard let endpoints = observed.index.object(key), !endpoints.isTerminating, Self.isMirrored(endpoints, of: service)
    else { return Plan(left.map { .delete($0) }) }
    let labels = Self.labels(of: endpoints)
    func means(_ slice: ClusterObject, _ wanted: JSONValue) -> Bool {
      let document = slice.document
      return document.textAt("addressType") == wanted.textAt("addressType")
        && SlicePlan.text(document.listAt("ports")) == SlicePlan.text(wanted.listAt("ports"))
        && (document["endpoints"] ?? []).means(wanted["endpoints"] ?? [])
    }
    var changes: [Change] = []
    var missing: [JSONValue] = []
    for wanted in Self.slices(of: endpoints) {
      guard let place = left.firstIndex(where: { means($0, wanted) }) else {
        missing.append(wanted)
        continue
      }
      let slice = left.remove(at: place)
      if slice.meta.labels != labels {
        changes.append(.patch(slice, ["metadata": ["labels": slice.relabelling(to: labels)]]))
      }
    }
    for wanted in missing {
      // A slice's family is for good.
      if let place = left.firstIndex(where: { $0.document.textAt("addressType") == wanted.textAt("addressType") }) {
        let slice = left.remove(at: place)
        changes.append(
          .patch(
            slice,
            [
              "metadata": ["labels": slice.relabelling(to: labels)], "endpoints": wanted["endpoints"] ?? [],
              "ports": wanted["ports"] ?? [],
            ]))
      } else {
        changes.append(create(wanted, labels, of: endpoints))
      }
    }
    return Plan(changes + left.map { .delete($0) })
  }

  private static func isMirrored(_ endpoints: ClusterObject, of service: ClusterObject?) -> Bool {
    guard let service, !service.isTerminating, (service.document.at("spec", "selector")?.members ?? []).isEmpty else {
      return false
    }
    return endpoints.meta.labels[skipLabel] != "true" && endpoints.annotation(leaderAnnotation) == nil
  }

  private static func labels(of endpoints: ClusterObject) -> [String: String] {
    var labels = endpoints.meta.labels
    labels[EndpointSliceController.serviceLabel] = endpoints.name
    labels[EndpointSliceController.managerLabel] = manager
    return labels
  }

  /// What the slices have to say: one for each subset and family.
  private static func slices(of endpoints: ClusterObject) -> [JSONValue] {
    endpoints.document.listAt("subsets").flatMap { subset -> [JSONValue] in
      let all =
        subset.listAt("addresses").map { (address: $0, isReady: true) }
        + subset.listAt("notReadyAddresses").map { (address: $0, isReady: false) }
      return ["IPv4", "IPv6"].compactMap { type in
        let mine = all.filter { $0.address.textAt("ip").utf8.contains(UInt8(ascii: ":")) == (type == "IPv6") }
        guard !mine.isEmpty else { return nil }
        return [
          "addressType": .string(type), "ports": .array(subset.listAt("ports")),
          "endpoints": .array(mine.prefix(maxEndpoints).map { endpoint($0.address, isReady: $0.isReady) }),
        ]
      }
    }
  }

  private static func endpoint(_ address: JSONValue, isReady: Bool) -> JSONValue {
    var endpoint: JSONValue = ["addresses": [.string(address.textAt("ip"))], "conditions": ["ready": .bool(isReady)]]
    for name in ["hostname", "nodeName", "targetRef"] { if let value = address[name] { endpoint[name] = value } }
    return endpoint
  }

  private func create(_ wanted: JSONValue, _ labels: [String: String], of endpoints: ClusterObject) -> Change {
    var meta = ObjectMeta()
    meta.generateName = "\(endpoints.name)-"
    meta.namespace = endpoints.namespace
    meta.labels = labels
    meta.annotations = endpoints.meta.annotations.filter { $0.key != Self.appliedAnnotation }
    meta.ownerReferences = [endpoints.owning()]
    var document: JSONValue = ["apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "metadata": meta.document]
    for (name, value) in wanted.members { document[name] = value }
    return .create(
      .endpointSlices, document,
      failure: Announcement(
        endpoints, .warning, "FailedToCreateEndpointSlices", "Error creating Endpoint Slices: ", addsOutcome: true))
  }
}
