import HTTPServing
import Internet
import KubeMachinery
import KubeResources

/// What the proxy reads of a slice of endpoints. Source: Kubernetes API, `discovery.k8s.io/v1 EndpointSlice`.
struct SliceDocument: Sendable {
  struct Port: Sendable {
    let name: String
    let transport: ServiceTransport
    let number: UInt16
  }

  struct Endpoint: Sendable {
    let address: IPv4Address
    let isReady: Bool
    /// Still answers, though it may be ending.
    let isServing: Bool
    let isTerminating: Bool
    let node: String
  }

  /// The label that names a slice's service.
  private static let serviceLabel = "kubernetes.io/service-name"

  let service: ServiceKey
  let ports: [Port]
  let endpoints: [Endpoint]

  /// Nil for slices of no service, and of other addresses than IPv4.
  init?(_ document: JSONValue) {
    guard document.textAt("addressType") == "IPv4",
      let name = document.at("metadata", "labels", Self.serviceLabel)?.text
    else { return nil }
    service = ServiceKey(namespace: document.meta.namespace, name: name)
    ports = document.listAt("ports").compactMap { port in
      guard let transport = ServiceTransport(port.textAt("protocol")),
        let number = UInt16(exactly: port.numberAt("port")), number > 0
      else { return nil }
      return Port(name: port.textAt("name"), transport: transport, number: number)
    }
    endpoints = document.listAt("endpoints").compactMap { endpoint in
      // All addresses of an endpoint lead to the same; the first is the one to use.
      guard let address = endpoint.listAt("addresses").first?.text.flatMap({ IPv4Address($0) }) else { return nil }
      let conditions = endpoint["conditions"] ?? [:]
      let isReady = conditions["ready"]?.flag ?? true
      return Endpoint(
        address: address, isReady: isReady, isServing: conditions["serving"]?.flag ?? isReady,
        isTerminating: conditions["terminating"]?.flag ?? false, node: endpoint.textAt("nodeName"))
    }
  }
}
