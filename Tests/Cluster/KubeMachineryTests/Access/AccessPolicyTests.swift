import HTTPServing
import KubeMachinery
import Testing

enum AccessSample {
  static func role(_ name: String, in namespace: String? = nil, _ rules: JSONValue) -> JSONValue {
    var meta: JSONValue = ["name": .string(name)]
    meta["namespace"] = namespace.map { .string($0) }
    return [
      "apiVersion": "rbac.authorization.k8s.io/v1", "kind": namespace == nil ? "ClusterRole" : "Role",
      "metadata": meta, "rules": rules,
    ]
  }

  static func binding(
    _ name: String, in namespace: String? = nil, to role: (kind: String, name: String), _ subjects: JSONValue...
  ) -> JSONValue {
    var meta: JSONValue = ["name": .string(name)]
    meta["namespace"] = namespace.map { .string($0) }
    return [
      "apiVersion": "rbac.authorization.k8s.io/v1",
      "kind": namespace == nil ? "ClusterRoleBinding" : "RoleBinding", "metadata": meta,
      "roleRef": [
        "apiGroup": "rbac.authorization.k8s.io", "kind": .string(role.kind), "name": .string(role.name),
      ],
      "subjects": .array(subjects),
    ]
  }

  static func user(_ name: String) -> JSONValue { ["kind": "User", "name": .string(name)] }
  static func group(_ name: String) -> JSONValue { ["kind": "Group", "name": .string(name)] }

  static func policy(_ objects: [JSONValue]) -> AccessPolicy {
    var policy = AccessPolicy()
    for object in objects { policy.put(object) }
    return policy
  }

  static let bob = Requester(name: "bob", groups: ["system:authenticated"])

  static func ask(
    _ verb: String, _ resource: String, group: String = "", sub: String = "", in namespace: String = "",
    name: String = "", by requester: Requester = bob
  ) -> AccessRequest {
    AccessRequest(
      requester, verb,
      .resource(.init(group: group, resource: resource, subresource: sub, namespace: namespace, name: name)))
  }
}

struct AccessPolicyTests {
  private typealias Sample = AccessSample

  private static let readPods: JSONValue = [["verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]]]

  static let rules: [(String, AccessRequest, Bool)] = [
    (#"{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}"#, AccessSample.ask("get", "pods"), true),
    (#"{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}"#, AccessSample.ask("list", "pods"), false),
    (#"{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}"#, AccessSample.ask("get", "pods", sub: "log"), false),
    (#"{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}"#, AccessSample.ask("get", "pods", group: "x"), false),
    (#"{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}"#, AccessSample.ask("x", "y", group: "z", sub: "s"), true),
    (
      #"{"verbs":["get"],"apiGroups":[""],"resources":["pods/log"]}"#, AccessSample.ask("get", "pods", sub: "log"), true
    ),
    (#"{"verbs":["get"],"apiGroups":[""],"resources":["pods/log"]}"#, AccessSample.ask("get", "pods"), false),
    (#"{"verbs":["get"],"apiGroups":["*"],"resources":["*/scale"]}"#, AccessSample.ask("get", "a", sub: "scale"), true),
    (#"{"verbs":["get"],"apiGroups":["*"],"resources":["*/scale"]}"#, AccessSample.ask("get", "scale"), false),
    (
      #"{"verbs":["get"],"apiGroups":["*"],"resources":["pods/*"]}"#, AccessSample.ask("get", "pods", sub: "log"), false
    ),
    (
      #"{"verbs":["get"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]}"#,
      AccessSample.ask("get", "pods", name: "a"), true
    ),
    (
      #"{"verbs":["get"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]}"#,
      AccessSample.ask("get", "pods", name: "b"), false
    ),
    (
      #"{"verbs":["list"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]}"#,
      AccessSample.ask("list", "pods"), false
    ),
    (#"{"verbs":["get"],"nonResourceURLs":["/a"]}"#, AccessRequest(AccessSample.bob, "get", .path("/a")), true),
    (#"{"verbs":["get"],"nonResourceURLs":["/a"]}"#, AccessRequest(AccessSample.bob, "get", .path("/a/b")), false),
    (#"{"verbs":["get"],"nonResourceURLs":["/a/*"]}"#, AccessRequest(AccessSample.bob, "get", .path("/a/b/c")), true),
    (#"{"verbs":["get"],"nonResourceURLs":["/a/*"]}"#, AccessRequest(AccessSample.bob, "get", .path("/a")), false),
    (#"{"verbs":["get"],"nonResourceURLs":["*"]}"#, AccessRequest(AccessSample.bob, "get", .path("/x")), true),
    (#"{"verbs":["get"],"nonResourceURLs":["*"]}"#, AccessSample.ask("get", "pods"), false),
    (
      #"{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}"#, AccessRequest(AccessSample.bob, "get", .path("/")), false
    ),
    // Letters that look alike are others (ATT-057).
    (
      #"{"verbs":["get"],"apiGroups":[""],"resources":["pods"],"resourceNames":["é"]}"#,
      AccessSample.ask("get", "pods", name: "e\u{301}"), false
    ),
    (#"{"verbs":"get","apiGroups":[""],"resources":["pods"]}"#, AccessSample.ask("get", "pods"), false),
    ("{}", AccessSample.ask("get", "pods"), false),
  ]

  @Test(arguments: rules)
  func aRuleAllowsWhatItSays(_ rule: String, _ request: AccessRequest, _ isAllowed: Bool) throws {
    let policy = Sample.policy([
      Sample.role("r", .array([try JSONPatchTests.json(rule)])),
      Sample.binding("b", to: ("ClusterRole", "r"), Sample.user("bob")),
    ])
    #expect(policy.decide(request).isAllowed == isAllowed)
  }

  @Test func bindingsOfANamespaceHoldInItOnly() {
    let policy = Sample.policy([
      Sample.role("r", Self.readPods), Sample.binding("b", in: "x", to: ("ClusterRole", "r"), Sample.user("bob")),
    ])
    #expect(policy.decide(Sample.ask("get", "pods", in: "x")).isAllowed)
    #expect(!policy.decide(Sample.ask("get", "pods", in: "y")).isAllowed)
    #expect(!policy.decide(Sample.ask("get", "pods")).isAllowed)
  }

  @Test func rolesOfANamespaceAreNotThoseOfAnother() {
    let policy = Sample.policy([
      Sample.role("r", in: "y", Self.readPods),
      Sample.binding("b", in: "x", to: ("Role", "r"), Sample.user("bob")),
      Sample.binding("c", to: ("Role", "r"), Sample.user("bob")),
    ])
    #expect(
      policy.decide(Sample.ask("get", "pods", in: "x"))
        == .denied(
          reason: #"RBAC: [role.rbac.authorization.k8s.io "r" not found, role.rbac.authorization.k8s.io "r" not found]"#
        ))
    #expect(!policy.decide(Sample.ask("get", "pods", in: "y")).isAllowed)
  }

  @Test(arguments: [
    (#"{"kind":"User","name":"bob"}"#, true), (#"{"kind":"User","name":"Bob"}"#, false),
    (#"{"kind":"Group","name":"system:authenticated"}"#, true), (#"{"kind":"Group","name":"bob"}"#, false),
    (#"{"kind":"ServiceAccount","name":"bob","namespace":"x"}"#, false), (#"{"kind":"Robot","name":"bob"}"#, false),
    (#"{"name":"bob"}"#, false),
  ])
  func subjectsAreMatchedByKindAndName(_ subject: String, _ isAllowed: Bool) throws {
    let policy = Sample.policy([
      Sample.role("r", Self.readPods),
      Sample.binding("b", to: ("ClusterRole", "r"), try JSONPatchTests.json(subject)),
    ])
    #expect(policy.decide(Sample.ask("get", "pods")).isAllowed == isAllowed)
  }

  @Test func serviceAccountsAreOfTheBindingsNamespaceUnlessTheySayAnother() {
    let policy = Sample.policy([
      Sample.role("r", Self.readPods),
      Sample.binding("b", in: "x", to: ("ClusterRole", "r"), ["kind": "ServiceAccount", "name": "a"]),
      Sample.binding(
        "c", in: "x", to: ("ClusterRole", "r"), ["kind": "ServiceAccount", "name": "a", "namespace": "z"]),
    ])
    for (namespace, isAllowed) in [("x", true), ("y", false), ("z", true)] {
      let account = Requester(name: "system:serviceaccount:\(namespace):a", groups: [])
      #expect(policy.decide(Sample.ask("get", "pods", in: "x", by: account)).isAllowed == isAllowed)
    }
  }

  @Test func changesTakeEffect() {
    var policy = Sample.policy([
      Sample.role("r", Self.readPods), Sample.binding("b", to: ("ClusterRole", "r"), Sample.user("bob")),
    ])
    policy.put(Sample.binding("b", to: ("ClusterRole", "r"), Sample.user("eve")))
    #expect(!policy.decide(Sample.ask("get", "pods")).isAllowed)
    policy.put(Sample.binding("b", to: ("ClusterRole", "r"), Sample.user("bob")))
    #expect(policy.decide(Sample.ask("get", "pods")).isAllowed)
    policy.put(Sample.role("r", []))
    #expect(!policy.decide(Sample.ask("get", "pods")).isAllowed)
    policy.put(Sample.role("r", Self.readPods))
    policy.remove(kind: "ClusterRoleBinding", namespace: "", name: "b")
    #expect(!policy.decide(Sample.ask("get", "pods")).isAllowed)
    policy.put(Sample.binding("b", to: ("ClusterRole", "r"), Sample.user("bob")))
    policy.remove(kind: "ClusterRole", namespace: "", name: "r")
    #expect(!policy.decide(Sample.ask("get", "pods")).isAllowed)
  }

  @Test func mastersMayDoEverything() {
    let root = Requester(name: "root", groups: [Requester.masters])
    #expect(AccessPolicy().decide(Sample.ask("delete", "nodes", by: root)).isAllowed)
    #expect(AccessPolicy().decide(AccessRequest(root, "get", .path("/metrics"))).isAllowed)
  }

  @Test(arguments: [
    (
      AccessSample.ask("list", "pods", in: "beh"),
      #"pods is forbidden: User "bob" cannot list resource "pods" in API group "" in the namespace "beh""#
    ),
    (
      AccessSample.ask("get", "secrets", in: "beh", name: "x"),
      #"secrets "x" is forbidden: User "bob" cannot get resource "secrets" in API group "" in the namespace "beh""#
    ),
    (
      AccessSample.ask("update", "deployments", group: "apps", sub: "scale", name: "w"),
      #"deployments.apps "w" is forbidden: User "bob" cannot update resource "deployments/scale" in API group "apps" at the cluster scope"#
    ),
    (
      AccessRequest(Requester.anonymous, "get", .path("/metrics")),
      #"forbidden: User "system:anonymous" cannot get path "/metrics""#
    ),
  ])
  func refusalsAreWordedAsByARealServer(_ request: AccessRequest, _ message: String) {
    #expect(request.denial() == message)
  }

  @Test func theReasonNamesTheBinding() {
    let policy = Sample.policy([
      Sample.role("r", Self.readPods),
      Sample.binding("b", in: "x", to: ("ClusterRole", "r"), Sample.group("system:authenticated")),
    ])
    #expect(
      policy.decide(Sample.ask("get", "pods", in: "x"))
        == .allowed(
          reason: #"RBAC: allowed by RoleBinding "b/x" of ClusterRole "r" to Group "system:authenticated""#))
  }

  @Test func rulesAreListedForReviews() {
    let policy = Sample.policy([
      Sample.role("r", Self.readPods), Sample.role("u", [["verbs": ["get"], "nonResourceURLs": ["/a"]]]),
      Sample.binding("b", in: "x", to: ("ClusterRole", "r"), Sample.user("bob")),
      Sample.binding("c", to: ("ClusterRole", "u"), Sample.user("bob")),
    ])
    #expect(
      policy.rulesReview(for: Sample.bob, namespace: "x").encodedText
        == #"{"resourceRules":[{"verbs":["get","list"],"apiGroups":[""],"resources":["pods"]}],"#
        + #""nonResourceRules":[{"verbs":["get"],"nonResourceURLs":["/a"]}],"incomplete":false}"#)
    #expect(policy.rules(for: Sample.bob, namespace: "y").count == 1)
  }

  @Test func aReviewToldOfManyBindingsTellsEachRoleOnceAndEnds() {
    let names = JSONValue.array((0..<200).map { .string("\($0)" + String(repeating: "n", count: 5_000)) })
    let rule: JSONValue = ["verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": names]
    let policy = Sample.policy(
      [Sample.role("a", in: "x", [rule]), Sample.role("b", in: "x", .array(Array(repeating: rule, count: 9)))]
        + (0..<50).map { Sample.binding("a\($0)", in: "x", to: ("Role", "a"), Sample.user("bob")) }
        + [Sample.binding("b", in: "x", to: ("Role", "b"), Sample.user("bob"))])
    #expect(policy.rules(for: Sample.bob, namespace: "x").count == 10)
    let status = policy.rulesReview(for: Sample.bob, namespace: "x")
    #expect(status["resourceRules"]?.items.count == 4 && status["incomplete"] == true)
    #expect(status["evaluationError"] == "6 of 10 rules are left out")
  }
}
