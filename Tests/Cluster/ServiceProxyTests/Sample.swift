import HTTPServing
import Internet
import KubeMachinery

@testable import ServiceProxy

/// Documents of services and slices as the API server gives them.
enum Sample {
  struct Endpoint {
    var address: String
    var ready = true
    var serving: Bool?
    var terminating = false
    var node = "node"
  }

  private static func range(_ text: String) -> IPv4Subnet {
    guard let range = IPv4Subnet(text) else { fatalError("a test's range: \(text)") }
    return range
  }

  static let settings = ServiceProxySettings(
    node: "node", serviceRange: range("10.96.0.0/16"),
    answeredHere: [OwnPlace(IPv4Address(bits: 0x0a60_000a), port: 53, transports: [.udp, .tcp])],
    podRanges: [range("10.244.0.0/24")], nodeAddresses: [IPv4Address(bits: 0xc000_0207)])

  static func service(
    _ name: String = "web", type: String = "ClusterIP", address: String = "10.96.1.1", port: Int64 = 80,
    transport: String = "TCP", nodePort: Int64? = nil, more: [String: JSONValue] = [:], ingress: [String] = []
  ) -> JSONValue {
    var entry: JSONValue = ["name": "http", "protocol": .string(transport), "port": .integer(port)]
    if let nodePort { entry["nodePort"] = .integer(nodePort) }
    var spec: JSONValue = [
      "type": .string(type), "clusterIP": .string(address), "clusterIPs": [.string(address)],
      "ports": .array([entry]),
    ]
    for (name, value) in more { spec[name] = value }
    return [
      "metadata": ["name": .string(name), "namespace": "default"], "spec": spec,
      "status": ["loadBalancer": ["ingress": .array(ingress.map { ["ip": .string($0)] })]],
    ]
  }

  static func slice(
    of endpoints: [Endpoint], _ name: String = "web", port: Int64 = 8_080, transport: String = "TCP",
    suffix: String = "a"
  ) -> JSONValue {
    [
      "metadata": [
        "name": .string("\(name)-\(suffix)"), "namespace": "default",
        "labels": ["kubernetes.io/service-name": .string(name)],
      ],
      "addressType": "IPv4",
      "ports": [["name": "http", "protocol": .string(transport), "port": .integer(port)]],
      "endpoints": .array(
        endpoints.map { endpoint in
          var conditions: JSONValue = ["ready": .bool(endpoint.ready), "terminating": .bool(endpoint.terminating)]
          if let serving = endpoint.serving { conditions["serving"] = .bool(serving) }
          return [
            "addresses": [.string(endpoint.address)], "conditions": conditions, "nodeName": .string(endpoint.node),
          ]
        }),
    ]
  }

  static func slice(_ name: String = "web", _ addresses: String..., port: Int64 = 8_080) -> JSONValue {
    slice(of: addresses.map { Endpoint(address: $0) }, name, port: port)
  }

  static func services(_ documents: JSONValue...) -> ClusterNews { .all(ServiceCatalog.servicesResource, documents) }
  static func slices(_ documents: JSONValue...) -> ClusterNews { .all(ServiceCatalog.slicesResource, documents) }
  static func present(_ service: JSONValue) -> ClusterNews { .present(ServiceCatalog.servicesResource, service) }
  static func gone(_ service: JSONValue) -> ClusterNews { .gone(ServiceCatalog.servicesResource, service) }
  static func changed(_ slice: JSONValue) -> ClusterNews { .present(ServiceCatalog.slicesResource, slice) }
}

extension ServiceRules {
  /// All entries by set, whatever frontend they are of.
  var elements: [String: Set<Element>] {
    frontends.values.reduce(into: shared) { all, claim in
      for (set, elements) in claim.elements { all[set, default: []].formUnion(elements) }
    }
  }
}
