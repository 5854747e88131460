import HTTPServing
import Internet
import KubeMachinery
import KubeResources

/// Where the API is reached from within the cluster: the service `default/kubernetes` and what is behind it.
public struct APIService: Sendable, Equatable {
  static let port: Int64 = 443
  /// Where others answer at the service's own address on behalf of a server that listens for its own machine only. Not the server's own
  /// port: one that takes it at every address would find it in use.
  public static let relayPort: UInt16 = 26_443
  private static let portName = "https"

  /// Of the server, or of who leads there.
  let address: IPv4Address
  let number: UInt16

  /// A server that pods reach at no address of its own: connections are led to it from the service's address.
  static let relayed = APIService(address: ServiceAllocation.apiAddress, port: relayPort)

  init(address: IPv4Address, port: UInt16) {
    self.address = address
    number = port
  }

  /// By the first of a server's addresses that pods reach; where there is none, they are led to it.
  public init(serverAt addresses: [(address: IPv4Address, port: UInt16)]) {
    let reached = addresses.first { Self.isReached($0.address) }
    self = reached.map { APIService(address: $0.address, port: $0.port) } ?? .relayed
  }

  /// Such as endpoints may have (`EndpointsRules.special`).
  private static func isReached(_ address: IPv4Address) -> Bool {
    !address.isLoopback && !address.isMulticastOrReserved && address.bits >> 24 != 0 && address.bits >> 16 != 0xa9fe
  }

  private func object(_ apiVersion: String, _ kind: String, _ labels: JSONValue) -> JSONValue {
    let key = ServiceAllocation.apiService
    return [
      "apiVersion": .string(apiVersion), "kind": .string(kind),
      "metadata": ["name": .string(key.name), "namespace": .string(key.namespace), "labels": labels],
    ]
  }

  private var ports: JSONValue {
    [["name": .string(Self.portName), "port": .integer(Int64(number)), "protocol": "TCP"]]
  }

  var servicePorts: JSONValue {
    [
      [
        "name": .string(Self.portName), "protocol": "TCP", "port": .integer(Self.port),
        "targetPort": .integer(Int64(number)),
      ]
    ]
  }

  var subsets: JSONValue { [["addresses": [["ip": .string("\(address)")]], "ports": ports]] }

  var sliceEndpoints: JSONValue { [["addresses": [.string("\(address)")], "conditions": ["ready": true]]] }

  var slicePorts: JSONValue { ports }

  /// Source: Kubernetes *Services, the kubernetes service*.
  public var service: JSONValue {
    var service = object("v1", "Service", ["component": "apiserver", "provider": "kubernetes"])
    service["spec"] = [
      "type": "ClusterIP", "clusterIP": .string("\(ServiceAllocation.apiAddress)"), "ports": servicePorts,
      "sessionAffinity": "None",
    ]
    return service
  }

  var endpoints: JSONValue {
    var endpoints = object("v1", "Endpoints", ["endpointslice.kubernetes.io/skip-mirror": "true"])
    endpoints["subsets"] = subsets
    return endpoints
  }

  var slice: JSONValue {
    var slice = object(
      "discovery.k8s.io/v1", "EndpointSlice",
      [EndpointSliceController.serviceLabel: .string(ServiceAllocation.apiService.name)])
    slice["addressType"] = "IPv4"
    slice["endpoints"] = sliceEndpoints
    slice["ports"] = slicePorts
    return slice
  }
}

/// Keeps the service by which pods find the API, and what is behind it: what somebody deletes or changes of them is put back.
public struct APIServiceController: Controller {
  public let name = "kubernetes-service-controller"
  public let follows: Set<ResourceName> = [.services, .endpoints, .endpointSlices]

  private static let serviceLabel = EndpointSliceController.serviceLabel

  let wanted: APIService

  public init(_ wanted: APIService) { self.wanted = wanted }

  private static func key(_ resource: ResourceName) -> ObjectKey {
    ObjectKey(resource, namespace: ServiceAllocation.apiService.namespace, name: ServiceAllocation.apiService.name)
  }

  public var standingKeys: [ObjectKey] { [Self.key(.services)] }

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    follows.contains(change.key.resource) && change.key == Self.key(change.key.resource) ? standingKeys : []
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    var plan = Plan()
    func object(_ resource: ResourceName) -> ClusterObject? { observed.index.object(Self.key(resource)) }
    plan.add(serviceChanges(object(.services)))
    var changes: [Change] = []
    if let endpoints = object(.endpoints) {
      if !(endpoints.document["subsets"] ?? []).means(wanted.subsets) {
        changes.append(.patch(endpoints, ["subsets": wanted.subsets]))
      }
    } else {
      changes.append(.create(.endpoints, wanted.endpoints))
    }
    changes += object(.endpointSlices).map(sliceChanges) ?? [.create(.endpointSlices, wanted.slice)]
    plan.add(changes)
    return plan
  }

  private func serviceChanges(_ service: ClusterObject?) -> [Change] {
    guard let service else { return [.create(.services, wanted.service)] }
    guard service.spec.textAt("type") == "ClusterIP",
      service.spec.textAt("clusterIP") == "\(ServiceAllocation.apiAddress)"
    else {
      // An address is for good, and other types have fields of their own: a new service takes its place.
      return service.isTerminating ? [] : [.delete(service)]
    }
    var spec: JSONValue = [:]
    if !(service.spec["ports"] ?? []).means(wanted.servicePorts) { spec["ports"] = wanted.servicePorts }
    // Pods that somebody selected are not the API.
    if service.spec.has("selector") { spec["selector"] = .null }
    return spec.members.isEmpty ? [] : [.patch(service, ["spec": spec])]
  }

  private func sliceChanges(_ slice: ClusterObject) -> [Change] {
    guard slice.document.textAt("addressType") == "IPv4" else { return slice.isTerminating ? [] : [.delete(slice)] }
    var patch: JSONValue = [:]
    if !(slice.document["endpoints"] ?? []).means(wanted.sliceEndpoints) { patch["endpoints"] = wanted.sliceEndpoints }
    if !(slice.document["ports"] ?? []).means(wanted.slicePorts) { patch["ports"] = wanted.slicePorts }
    let service = ServiceAllocation.apiService.name
    if slice.labels?[Self.serviceLabel]?.text != service {
      patch["metadata"] = ["labels": [Self.serviceLabel: .string(service)]]
    }
    return patch.members.isEmpty ? [] : [.patch(slice, patch)]
  }
}
