import HTTPServing
import Internet
import KubeMachinery
import KubeResources

/// The transport of a service's port, by its number in the IP header.
enum ServiceTransport: UInt8, Sendable {
  case tcp = 6
  case udp = 17
  case sctp = 132

  /// As documents name it; nil for others than Kubernetes knows.
  init?(_ text: String) {
    switch text {
    case "TCP", "": self = .tcp
    case "UDP": self = .udp
    case "SCTP": self = .sctp
    default: return nil
    }
  }
}

/// What the proxy reads of a service. Source: Kubernetes API, `core/v1 ServiceSpec`.
struct ServiceDocument: Sendable {
  struct Port: Sendable {
    let name: String
    let transport: ServiceTransport
    let number: UInt16
    /// 0: none.
    let nodePort: UInt16
  }

  let key: ServiceKey
  /// Its own address; nil for headless services and names of others.
  let clusterAddress: IPv4Address?
  let externalAddresses: [IPv4Address]
  /// Of a load balancer that leaves translation to nodes.
  let balancerAddresses: [IPv4Address]
  /// Who may use the addresses of the load balancer; nil: everybody.
  let sourceRanges: [IPv4Subnet]?
  let ports: [Port]
  /// How long a client stays with its endpoint; nil: it does not.
  private(set) var affinitySeconds: Int?
  let keepsInternalLocal: Bool
  let keepsExternalLocal: Bool

  private static let defaultAffinitySeconds: Int64 = 10_800
  private static let maximumAffinitySeconds: Int64 = 86_400
  /// The server takes no service that has more; of an older one's the rest is passed over. A client that the ranges left out would
  /// let in is kept out.
  private static let maximumPorts = 1_000
  private static let maximumAddresses = 64
  private static let maximumRanges = 256

  var withoutAffinity: ServiceDocument {
    var service = self
    service.affinitySeconds = nil
    return service
  }

  init(_ document: JSONValue) {
    key = ServiceKey(namespace: document.meta.namespace, name: document.meta.name)
    let spec = document["spec"] ?? [:]
    let type = spec.textAt("type")
    let isProxied = type != "ExternalName"
    // Further ones in `clusterIPs` are of the other family: the server gives one of each.
    clusterAddress = isProxied ? IPv4Address(spec.textAt("clusterIP")) : nil
    // Without an address of its own a service is headless, and has no others either.
    let isReachable = clusterAddress != nil
    externalAddresses =
      isReachable
      ? spec.listAt("externalIPs").prefix(Self.maximumAddresses).compactMap { $0.text.flatMap { IPv4Address($0) } } : []
    balancerAddresses =
      isReachable && type == "LoadBalancer"
      ? document.listAt("status", "loadBalancer", "ingress").prefix(Self.maximumAddresses)
        .filter { $0.textAt("ipMode") != "Proxy" }.compactMap { IPv4Address($0.textAt("ip")) } : []
    let ranges = spec.listAt("loadBalancerSourceRanges").prefix(Self.maximumRanges).compactMap(\.text)
    sourceRanges =
      ranges.isEmpty ? nil : ranges.compactMap { IPv4Subnet($0.filter { !$0.isWhitespace }) }
    let hasNodePorts = isReachable && (type == "NodePort" || type == "LoadBalancer")
    ports = spec.listAt("ports").prefix(Self.maximumPorts).compactMap { port in
      guard let transport = ServiceTransport(port.textAt("protocol")),
        let number = UInt16(exactly: port.numberAt("port")), number > 0
      else { return nil }
      return Port(
        name: port.textAt("name"), transport: transport, number: number,
        nodePort: hasNodePorts ? UInt16(exactly: port.numberAt("nodePort")) ?? 0 : 0)
    }
    if spec.textAt("sessionAffinity") == "ClientIP" {
      let seconds = spec.at("sessionAffinityConfig", "clientIP", "timeoutSeconds")?.integer
      affinitySeconds = Int(min(max(1, seconds ?? Self.defaultAffinitySeconds), Self.maximumAffinitySeconds))
    } else {
      affinitySeconds = nil
    }
    keepsInternalLocal = spec.textAt("internalTrafficPolicy") == "Local"
    keepsExternalLocal = spec.textAt("externalTrafficPolicy") == "Local"
  }
}
