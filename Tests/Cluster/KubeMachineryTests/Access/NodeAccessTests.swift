import HTTPServing
import KubeMachinery
import Testing

/// ATT-075: an agent reaches nothing that is not its node's.
struct NodeAccessTests {
  private struct OnePod: NodeAccess.Pods {
    func isBound(pod name: String, in namespace: String, to node: String) -> Bool {
      [name, namespace, node] == ["web", "x", "n1"]
    }

    func isReferenced(_ resource: String, _ name: String, in namespace: String, by node: String) -> Bool {
      [resource, name, namespace, node] == ["secrets", "key", "x", "n1"]
        || [resource, name, namespace, node] == ["serviceaccounts", "sa", "x", "n1"]
    }
  }

  private static let agent = Requester(name: "system:node:n1", groups: ["system:nodes", "system:authenticated"])

  private static func ask(
    _ verb: String, _ resource: String, _ namespace: String = "", _ name: String = "", group: String = ""
  ) -> AccessRequest {
    let parts = resource.split(separator: "/").map(String.init)
    return AccessSample.ask(
      verb, parts[0], group: group, sub: parts.count > 1 ? parts[1] : "", in: namespace, name: name, by: agent)
  }

  static let cases: [(AccessRequest, String?)] = [
    (ask("get", "secrets", "x", "key"), nil),
    (ask("get", "secrets", "x", "other"), "no relationship found between node \"n1\" and this object"),
    (ask("get", "secrets", "y", "key"), "no relationship found between node \"n1\" and this object"),
    (ask("list", "secrets", "x"), "can only read namespaced object of this type"),
    (ask("update", "secrets", "x", "key"), "can only read namespaced object of this type"),
    (ask("get", "configmaps", "x", "key"), "no relationship found between node \"n1\" and this object"),
    (ask("create", "serviceaccounts/token", "x", "sa"), nil),
    (
      ask("create", "serviceaccounts/token", "x", "admin"),
      "no relationship found between node \"n1\" and this object"
    ),
    (ask("get", "serviceaccounts/token", "x", "sa"), "can only create tokens for individual service accounts"),
    (ask("get", "nodes", "", "n1"), nil), (ask("patch", "nodes/status", "", "n1"), nil),
    (ask("update", "nodes/status", "", "n2"), "node \"n1\" cannot update other nodes"),
    (ask("list", "nodes"), "node \"n1\" cannot list other nodes"), (ask("delete", "nodes", "", "n1"), ""),
    (ask("create", "nodes"), nil), (ask("get", "nodes/proxy", "", "n1"), ""),
    (ask("get", "pods", "x", "web"), nil), (ask("patch", "pods/status", "x", "web"), nil),
    (ask("delete", "pods", "x", "web"), nil), (ask("create", "pods/eviction", "x", "web"), nil),
    (ask("delete", "pods", "x", "db"), "node \"n1\" can only touch pods bound to itself"),
    (ask("update", "pods/status", "y", "web"), "node \"n1\" can only touch pods bound to itself"),
    (ask("update", "pods", "x", "web"), ""), (ask("create", "pods/exec", "x", "web"), ""),
    (ask("create", "pods", "x"), ""),
    (ask("list", "pods"), "can only list/watch pods with spec.nodeName field selector"),
    (ask("update", "leases", "kube-node-lease", "n1", group: "coordination.k8s.io"), nil),
    (
      ask("update", "leases", "kube-node-lease", "n2", group: "coordination.k8s.io"),
      "can only access node lease with the same name as the requesting node"
    ),
    (
      ask("get", "leases", "kube-system", "n1", group: "coordination.k8s.io"),
      "can only access leases in the \"kube-node-lease\" system namespace"
    ),
    (ask("list", "services"), nil), (ask("create", "events", "x"), nil),
    (ask("create", "subjectaccessreviews", group: "authorization.k8s.io"), nil),
    (ask("create", "clusterrolebindings", group: "rbac.authorization.k8s.io"), ""),
    (ask("approve", "signers", group: "certificates.k8s.io"), ""),
  ]

  @Test(arguments: cases)
  func anAgentReachesWhatItsPodsNeed(_ request: AccessRequest, _ refusal: String?) throws {
    let access = try #require(NodeAccess(Self.agent))
    let expected: AccessPolicy.Decision = refusal.map { .denied(reason: $0) } ?? .allowed(reason: "")
    #expect(access.decide(request, OnePod()) == expected)
  }

  @Test func anAgentListsItsOwnPodsAndSingleNames() throws {
    let access = try #require(NodeAccess(Self.agent))
    #expect(access.decide(Self.ask("watch", "pods"), OnePod(), selectsOwnPods: true).isAllowed)
    #expect(access.decide(Self.ask("watch", "secrets", "x", "key"), OnePod(), selectsOneName: true).isAllowed)
    #expect(!access.decide(Self.ask("watch", "secrets", "x", "other"), OnePod(), selectsOneName: true).isAllowed)
  }

  @Test(arguments: [
    ("system:node:", ["system:nodes"]), ("system:node:n1", ["other"]), ("n1", ["system:nodes"]),
  ])
  func whoIsNoAgentIsNotTakenForOne(_ name: String, _ groups: [String]) {
    #expect(NodeAccess(Requester(name: name, groups: groups)) == nil)
  }

  @Test(
    arguments: [
      (#"{"kind":"Pod","name":"web","uid":"u"}"#, "n1", nil),
      (
        #"{"kind":"Pod","name":"web","uid":"u"}"#, "n2",
        "node requested token bound to a pod scheduled on a different node"
      ),
      (
        #"{"kind":"Pod","name":"web","uid":"u"}"#, "",
        "node requested token bound to a pod scheduled on a different node"
      ),
      (#"{"kind":"Pod","name":"web"}"#, "n1", "node requested token with a pod binding without a uid"),
      (#"{"kind":"Secret","name":"web","uid":"u"}"#, "n1", "node requested token not bound to a pod"),
      ("null", nil, "node requested token not bound to a pod"),
    ] as [(String, String?, String?)])
  func anAgentHasTokensOfItsPodsAlone(_ reference: String, _ node: String?, _ refusal: String?) throws {
    let access = try #require(NodeAccess(Self.agent))
    let holder = node.map { ["spec": ["nodeName": .string($0)]] as JSONValue }
    let bound = try JSONPatchTests.json(reference)
    #expect(access.refusal(tokenBoundTo: bound, holder) == refusal)
  }

  @Test func anAgentCannotMakeItselfAnotherNodeNorTrusted() throws {
    let access = try #require(NodeAccess(Self.agent))
    func node(_ name: String, _ labels: [String: String] = [:]) -> JSONValue {
      ["kind": "Node", "metadata": ["name": .string(name), "labels": .texts(labels)]]
    }
    let trusted = ["node-restriction.kubernetes.io/trusted": "yes"]
    #expect(access.refusal(creating: node("n1", ["a": "b"])) == nil)
    #expect(access.refusal(creating: node("n2")) == #"node "n1" is not allowed to modify node "n2""#)
    #expect(
      access.refusal(creating: node("n1", trusted))
        == "is not allowed to modify labels: node-restriction.kubernetes.io/trusted")
    #expect(access.refusal(changing: node("n1", trusted), to: node("n1", trusted)) == nil)
    #expect(access.refusal(changing: node("n1", trusted), to: node("n1")) != nil)
    #expect(access.refusal(changing: node("n1"), to: node("n1", ["x.node-restriction.kubernetes.io/a": ""])) != nil)
    var tainted = node("n1")
    tainted["spec"] = ["taints": [["key": "a", "effect": "NoSchedule"]]]
    #expect(
      access.refusal(changing: tainted, to: node("n1")) == #"node "n1" is not allowed to modify taints"#)
  }
}
