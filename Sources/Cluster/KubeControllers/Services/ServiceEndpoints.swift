import HTTPServing
import KubeMachinery
import KubeResources

/// One pod behind a service as the service's endpoints say it.
struct ServiceEndpoint {
  /// A port of the service as this pod has it.
  struct Port: Hashable {
    let name: String
    let number: Int64
    let transport: String
    let appProtocol: String

    var document: JSONValue {
      var document: JSONValue = [:]
      if !name.isEmpty { document["name"] = .string(name) }
      document["port"] = .integer(number)
      document["protocol"] = .string(transport)
      if !appProtocol.isEmpty { document["appProtocol"] = .string(appProtocol) }
      return document
    }
  }

  let pod: ClusterObject
  let address: String
  let ports: [Port]
  let isReady: Bool
  let isServing: Bool
  let isTerminating: Bool
  let hostname: String

  /// The service's pods with an address of a family, by their places. Pods that have ended are never among them.
  static func all(of service: ClusterObject, _ pods: [ClusterObject], isV6: Bool) -> [ServiceEndpoint] {
    let labels = service.document.at("spec", "selector")?.texts ?? [:]
    guard !labels.isEmpty, service.spec.textAt("type") != "ExternalName" else { return [] }
    let selector = LabelSelector(matching: labels)
    let publishesAll = service.spec.flagAt("publishNotReadyAddresses")
    return pods.compactMap { pod in
      guard selector.matches(pod.labels), !pod.hasEnded, let address = address(of: pod, isV6: isV6) else { return nil }
      let isServing = pod.isReady
      return ServiceEndpoint(
        pod: pod, address: address, ports: ports(of: service, pod),
        isReady: publishesAll || isServing && !pod.isTerminating, isServing: isServing,
        isTerminating: pod.isTerminating, hostname: hostname(of: pod, service))
    }
  }

  private static func address(of pod: ClusterObject, isV6: Bool) -> String? {
    var addresses = pod.document.listAt("status", "podIPs").map { $0.textAt("ip") }
    if addresses.isEmpty { addresses = [pod.document.textAt("status", "podIP")] }
    return addresses.first { !$0.isEmpty && $0.contains(":") == isV6 }
  }

  private static func hostname(of pod: ClusterObject, _ service: ClusterObject) -> String {
    pod.spec.textAt("subdomain") == service.name ? pod.spec.textAt("hostname") : ""
  }

  /// Ports that the pod has; one that is named and that no container has is left out.
  private static func ports(of service: ClusterObject, _ pod: ClusterObject) -> [Port] {
    service.document.listAt("spec", "ports").compactMap { port in
      let transport = port.textAt("protocol").isEmpty ? "TCP" : port.textAt("protocol")
      guard let number = number(port, transport, pod) else { return nil }
      return Port(
        name: port.textAt("name"), number: number, transport: transport, appProtocol: port.textAt("appProtocol"))
    }
  }

  private static func number(_ port: JSONValue, _ transport: String, _ pod: ClusterObject) -> Int64? {
    switch port["targetPort"] {
    case .string(let name) where !name.isEmpty:
      let sidecars = pod.document.listAt("spec", "initContainers").filter { $0.textAt("restartPolicy") == "Always" }
      for container in pod.document.listAt("spec", "containers") + sidecars {
        for candidate in container.listAt("ports")
        where candidate.textAt("name") == name
          && (candidate.textAt("protocol").isEmpty ? "TCP" : candidate.textAt("protocol")) == transport
        {
          return candidate.numberAt("containerPort")
        }
      }
      return nil
    case .integer(let number) where number > 0: return number
    default: return port.numberAt("port")
    }
  }

  /// As endpoints and slices name the pod.
  var target: JSONValue {
    [
      "kind": "Pod", "namespace": .string(pod.namespace), "name": .string(pod.name), "uid": .string(pod.uid),
    ]
  }
}

extension ClusterObject {
  /// Whether a service has no address of its own.
  var isHeadless: Bool { spec.textAt("clusterIP") == "None" }

  /// Families of a service's addresses: whether each is IPv6.
  var addressFamilies: [Bool] {
    let named = document.listAt("spec", "ipFamilies").compactMap(\.text).map { $0 == "IPv6" }
    if !named.isEmpty { return named }
    return [spec.textAt("clusterIP").contains(":")]
  }

  /// What is written to give the object these labels and no others.
  func relabelling(to labels: [String: String]) -> JSONValue {
    var wanted = JSONValue.texts(labels)
    for name in meta.labels.keys where labels[name] == nil { wanted[name] = .null }
    return wanted
  }

  /// Services of the pod's namespace that select it, or selected it before.
  static func services(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    guard change.key.resource == .pods else { return [] }
    return index.objects(.services, in: change.key.namespace).filter { service in
      let labels = service.document.at("spec", "selector")?.texts ?? [:]
      guard !labels.isEmpty else { return false }
      let selector = LabelSelector(matching: labels)
      return selector.matches(change.last.labels) || selector.matches(change.old?.labels)
    }.map(\.key)
  }
}
