import HTTPServing
import KubeMachinery
import KubeResources

/// Which pods a pod must be near to, or must not. Source: Kubernetes *Inter-pod affinity and anti-affinity*.
struct PodAffinity {
  private struct Term {
    let selector: LabelSelector
    let namespaces: Set<String>
    let topologyKey: String
    /// All namespaces.
    let isEverywhere: Bool

    init(_ term: JSONValue, of pod: ClusterObject) {
      selector = LabelSelector(document: term["labelSelector"])
      topologyKey = term.textAt("topologyKey")
      let named = Set(term.listAt("namespaces").compactMap(\.text))
      isEverywhere = term["namespaceSelector"].map { LabelSelector(document: $0).isEverything } ?? false
      namespaces = named.isEmpty && term["namespaceSelector"] == nil ? [pod.namespace] : named
    }

    func selects(_ pod: ClusterObject) -> Bool {
      (isEverywhere || namespaces.contains(pod.namespace)) && selector.matches(pod.labels)
    }
  }

  private let near: [Term]
  private let far: [Term]
  private let pod: ClusterObject

  init(_ pod: ClusterObject) {
    self.pod = pod
    near = Self.terms(pod, "podAffinity")
    far = Self.terms(pod, "podAntiAffinity")
  }

  private static func terms(_ pod: ClusterObject, _ what: String) -> [Term] {
    (pod.document[path: ["spec", "affinity", what, "requiredDuringSchedulingIgnoredDuringExecution"]]?.items ?? [])
      .map { Term($0, of: pod) }
  }

  var isEmpty: Bool { near.isEmpty && far.isEmpty }

  /// Why the pod cannot be on the node; nil where it can.
  /// - Parameter placed: pods that have a node, with it.
  func problem(on node: ClusterObject, _ placed: [(pod: ClusterObject, node: ClusterObject)]) -> String? {
    func shares(_ term: Term, _ other: ClusterObject) -> Bool {
      guard let mine = node.labels?.at(term.topologyKey)?.text else { return false }
      return other.labels?.at(term.topologyKey)?.text == mine
    }
    for term in near {
      if placed.contains(where: { term.selects($0.pod) && shares(term, $0.node) }) { continue }
      // The first of a group that wants to be together has nobody to join.
      let isFirst = term.selects(pod) && !placed.contains { term.selects($0.pod) }
      if isFirst, node.labels?.at(term.topologyKey) != nil { continue }
      return "node(s) didn't match pod affinity rules"
    }
    for term in far where placed.contains(where: { term.selects($0.pod) && shares(term, $0.node) }) {
      return "node(s) didn't match pod anti-affinity rules"
    }
    for (other, place) in placed {
      for term in Self.terms(other, "podAntiAffinity") where term.selects(pod) && shares(term, place) {
        return "node(s) didn't satisfy existing pods anti-affinity rules"
      }
    }
    return nil
  }
}
