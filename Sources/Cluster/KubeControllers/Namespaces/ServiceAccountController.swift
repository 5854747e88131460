import HTTPServing
import KubeMachinery
import KubeResources

/// Gives every namespace what each pod in it needs: the account `default`, and the certificate by which it knows the server.
public struct ServiceAccountController: Controller {
  public let name = "serviceaccount-controller"
  public let follows: Set<ResourceName> = [.namespaces, .serviceAccounts]

  static let account = "default"
  static let certificateMap = "kube-root-ca.crt"

  /// PEM; nil: none is published.
  let rootCertificate: String?

  public init(rootCertificate: String?) {
    self.rootCertificate = rootCertificate
  }

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    switch change.key.resource {
    case .namespaces: change.new == nil ? [] : [change.key]
    case .serviceAccounts:
      change.new == nil && change.key.name == Self.account
        ? [ObjectKey(.namespaces, name: change.key.namespace)] : []
    case .configMaps:
      change.key.name == Self.certificateMap ? [ObjectKey(.namespaces, name: change.key.namespace)] : []
    default: []
    }
  }

  public func questions(for key: ObjectKey, in index: ObjectIndex, at now: Timestamp) -> [Question] {
    rootCertificate == nil ? [] : [.object(Self.map(key.name))]
  }

  private static func map(_ namespace: String) -> ObjectKey {
    ObjectKey(.configMaps, namespace: namespace, name: certificateMap)
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    guard let namespace = observed.index.object(key), !namespace.isTerminating else { return Plan() }
    var plan = Plan()
    if let rootCertificate {
      let data: JSONValue = ["ca.crt": .string(rootCertificate)]
      if let map = observed.answers[.object(Self.map(key.name))]?.first {
        if map.document.at("data", "ca.crt")?.text != rootCertificate { plan.add([.patch(map, ["data": data])]) }
      } else {
        var map = Self.object("ConfigMap", Self.certificateMap, key.name)
        map["metadata"]?["annotations"] = [
          "kubernetes.io/description":
            "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints."
        ]
        map["data"] = data
        plan.add([.create(.configMaps, map)])
      }
    }
    // Last, as pods that wait for it mount the other, too.
    if observed.index.object(ObjectKey(.serviceAccounts, namespace: key.name, name: Self.account)) == nil {
      plan.add([.create(.serviceAccounts, Self.object("ServiceAccount", Self.account, key.name))])
    }
    return plan
  }

  private static func object(_ kind: String, _ name: String, _ namespace: String) -> JSONValue {
    [
      "apiVersion": "v1", "kind": .string(kind),
      "metadata": ["name": .string(name), "namespace": .string(namespace)],
    ]
  }
}
