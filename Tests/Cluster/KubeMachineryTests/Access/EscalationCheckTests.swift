import HTTPServing
import Testing

@testable import KubeMachinery

/// ATT-057: nobody hands out rights that he does not have.
struct EscalationCheckTests {
  private typealias Sample = AccessSample

  private static func refusal(_ rights: String) -> EscalationCheck.Refusal {
    .forbidden(
      #"user "bob" (groups=["system:authenticated"]) is attempting to grant RBAC permissions not currently held:"#
        + "\n\(rights)")
  }

  /// Bob may read pods in `x`, and edit roles and bindings there.
  private static let policy = AccessSample.policy([
    AccessSample.role(
      "pods", [["verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods", "*/scale"]]]),
    AccessSample.role("big", [["verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]]]),
    AccessSample.role(
      "rbac",
      [
        [
          "verbs": ["create", "update"], "apiGroups": ["rbac.authorization.k8s.io"],
          "resources": ["roles", "rolebindings"],
        ]
      ]),
    AccessSample.binding("a", in: "x", to: ("ClusterRole", "pods"), AccessSample.user("bob")),
    AccessSample.binding("b", in: "x", to: ("ClusterRole", "rbac"), AccessSample.user("bob")),
  ])

  private static let check = EscalationCheck(policy, AccessSample.bob)

  static let rules: [(String, String?)] = [
    (#"[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}]"#, nil),
    (#"[{"verbs":["list","get"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]}]"#, nil),
    (#"[{"verbs":["get"],"apiGroups":[""],"resources":["deployments/scale"]}]"#, nil),
    ("[]", nil), ("null", nil),
    (
      #"[{"verbs":["get","delete","watch"],"apiGroups":[""],"resources":["pods"]}]"#,
      #"{APIGroups:[""], Resources:["pods"], Verbs:["delete" "watch"]}"#
    ),
    (
      #"[{"verbs":["get"],"apiGroups":["","apps"],"resources":["pods","secrets"]}]"#,
      #"{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}"# + "\n"
        + #"{APIGroups:["apps"], Resources:["pods"], Verbs:["get"]}"# + "\n"
        + #"{APIGroups:["apps"], Resources:["secrets"], Verbs:["get"]}"#
    ),
    (
      #"[{"verbs":["*"],"apiGroups":["*"],"resources":["*"]}]"#,
      #"{APIGroups:["*"], Resources:["*"], Verbs:["*"]}"#
    ),
    (
      #"[{"verbs":["get"],"nonResourceURLs":["/metrics"]}]"#, #"{NonResourceURLs:["/metrics"], Verbs:["get"]}"#
    ),
    (
      #"[{"verbs":["get"],"apiGroups":[""],"resources":["secrets"],"resourceNames":["s"]}]"#,
      #"{APIGroups:[""], Resources:["secrets"], ResourceNames:["s"], Verbs:["get"]}"#
    ),
    (
      #"[{"verbs":["get"],"apiGroups":[""],"resources":["*/log"]}]"#,
      #"{APIGroups:[""], Resources:["*/log"], Verbs:["get"]}"#
    ),
  ]

  @Test(arguments: rules)
  func aRoleWithMoreThanOnesOwnRightsIsRefused(_ rules: String, _ missing: String?) throws {
    let role = Sample.role("new", in: "x", try JSONPatchTests.json(rules))
    if let missing {
      #expect(throws: Self.refusal(missing)) { try Self.check.role(role) }
    } else {
      try Self.check.role(role)
    }
  }

  @Test func rightsInOneNamespaceAreNoneInAnother() {
    let rules: JSONValue = [["verbs": ["get"], "apiGroups": [""], "resources": ["pods"]]]
    #expect(throws: EscalationCheck.Refusal.self) { try Self.check.role(Sample.role("new", in: "y", rules)) }
    #expect(throws: EscalationCheck.Refusal.self) { try Self.check.role(Sample.role("new", rules)) }
  }

  /// By its label a role joins an aggregate: whoever puts that on gives its rights to all who are bound to it.
  @Test func whoLetsGoOfARoleGrantsNothingAndWhoLabelsItDoes() throws {
    let role = Sample.role("big", [["verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]]])
    let binding = Sample.binding("z", in: "x", to: ("ClusterRole", "big"), Sample.user("eve"))
    for (member, value, isGrant) in [
      ("finalizers", ["a"], false), ("ownerReferences", [], false), ("managedFields", [], false),
      ("labels", ["rbac.authorization.k8s.io/aggregate-to-view": "true"], true), ("annotations", ["a": "b"], true),
    ] as [(String, JSONValue, Bool)] {
      for old in [role, binding] {
        var new = old
        new["metadata"]?[member] = value
        func check() throws {
          if old.kind == "ClusterRole" {
            try Self.check.role(new, old: old)
          } else {
            try Self.check.binding(new, old: old)
          }
        }
        if isGrant {
          #expect(throws: EscalationCheck.Refusal.self, "\(member)") { try check() }
        } else {
          try check()
        }
      }
    }
    var more = binding
    more["subjects"]?.items.append(Sample.user("bob"))
    #expect(throws: EscalationCheck.Refusal.self) { try Self.check.binding(more, old: binding) }
  }

  @Test func aBindingToARoleWithMoreRightsIsRefused() throws {
    try Self.check.binding(Sample.binding("n", in: "x", to: ("ClusterRole", "pods"), Sample.user("eve")))
    #expect(throws: Self.refusal(#"{APIGroups:["*"], Resources:["*"], Verbs:["*"]}"#)) {
      try Self.check.binding(Sample.binding("n", in: "x", to: ("ClusterRole", "big"), Sample.user("bob")))
    }
    // His rights in the namespace do not reach the cluster.
    #expect(throws: EscalationCheck.Refusal.self) {
      try Self.check.binding(Sample.binding("n", to: ("ClusterRole", "pods"), Sample.user("eve")))
    }
    #expect(
      throws: EscalationCheck.Refusal.roleNotFound(#"clusterroles.rbac.authorization.k8s.io "none" not found"#)
    ) { try Self.check.binding(Sample.binding("n", in: "x", to: ("ClusterRole", "none"), Sample.user("eve"))) }
  }

  @Test func theVerbsBindAndEscalateLift() throws {
    var policy = Self.policy
    policy.put(
      Sample.role(
        "lift",
        [
          [
            "verbs": ["bind"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"],
            "resourceNames": ["big"],
          ],
          ["verbs": ["escalate"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"]],
        ]))
    policy.put(Sample.binding("l", in: "x", to: ("ClusterRole", "lift"), Sample.user("bob")))
    let check = EscalationCheck(policy, Sample.bob)
    let everything: JSONValue = [["verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]]]
    try check.binding(Sample.binding("n", in: "x", to: ("ClusterRole", "big"), Sample.user("eve")))
    try check.role(Sample.role("new", in: "x", everything))
    #expect(throws: EscalationCheck.Refusal.self) { try check.role(Sample.role("new", everything)) }
    #expect(throws: EscalationCheck.Refusal.self) {
      try check.binding(Sample.binding("n", to: ("ClusterRole", "big"), Sample.user("eve")))
    }
  }

  @Test func aggregatesAreForAdministrators() throws {
    var role = Sample.role("agg", [])
    role["aggregationRule"] = ["clusterRoleSelectors": [["matchLabels": ["a": "b"]]]]
    #expect(
      throws: EscalationCheck.Refusal.forbidden("must have cluster-admin privileges to use an aggregationRule")
    ) { try Self.check.role(role) }
    let root = Requester(name: "root", groups: [Requester.masters])
    try EscalationCheck(Self.policy, root).role(role)
  }

  @Test func aRoleOfVeryManyRightsIsRefusedBeforeTheyAreCounted() {
    func texts(_ count: Int) -> JSONValue { .array((0..<count).map { .string("t\($0)") }) }
    let role = Sample.role(
      "huge", in: "x",
      [["verbs": texts(3_000), "apiGroups": texts(3_000), "resources": texts(3_000), "resourceNames": texts(3_000)]])
    #expect {
      try Self.check.role(role)
    } throws: { error in
      guard case .tooMany(let error)? = error as? EscalationCheck.Refusal else { return false }
      return error.text == "rules: Too many: must amount to at most 100000 single rights"
    }
  }

  @Test func aRefusalListsABoundedText() {
    func texts(_ count: Int) -> JSONValue {
      .array((0..<count).map { .string("\($0)" + String(repeating: "x", count: 20_000)) })
    }
    let role = Sample.role(
      "long", in: "x",
      [["verbs": texts(17), "apiGroups": texts(17), "resources": texts(17), "resourceNames": texts(17)]])
    #expect {
      try Self.check.role(role)
    } throws: { error in
      guard case .forbidden(let text)? = error as? EscalationCheck.Refusal else { return false }
      return text.utf8.count < 200_000 && text.hasSuffix("\nand 83471 more")
    }
  }

  @Test func rightsThatAreTooManyToCompareAreRefused() {
    func texts(_ prefix: String, _ count: Int) -> JSONValue { .array((0..<count).map { .string("\(prefix)\($0)") }) }
    let policy = Sample.policy([
      Sample.role("own", in: "x", [["verbs": texts("a", 30_000), "apiGroups": [""], "resources": ["pods"]]]),
      Sample.binding("b", in: "x", to: ("Role", "own"), Sample.user("bob")),
    ])
    let check = EscalationCheck(policy, Sample.bob)
    let role = Sample.role("wide", in: "x", [["verbs": texts("b", 30_000), "apiGroups": [""], "resources": ["pods"]]])
    #expect {
      try check.role(role)
    } throws: { error in
      guard case .tooMany(let error)? = error as? EscalationCheck.Refusal else { return false }
      return error.text.contains("cannot be compared with the 1 rules")
    }
  }

  @Test(arguments: [
    (Impersonation(user: "eve"), ["users eve"]),
    (Impersonation(user: "system:serviceaccount:x:a"), ["serviceaccounts x a"]),
    (Impersonation(user: "system:serviceaccount:x:a:b"), ["users system:serviceaccount:x:a:b"]),
    (
      Impersonation(user: "eve", groups: ["g", "system:masters"], uid: "u", extra: ["k": ["v"]]),
      [
        "users eve", "groups g", "groups system:masters", "uids.authentication.k8s.io u",
        "userextras/k.authentication.k8s.io v",
      ]
    ),
  ])
  func impersonationNeedsARightForEachPart(_ wanted: Impersonation, _ parts: [String]) {
    let requests = wanted.requests(by: Sample.bob)
    let asked = requests.map { request -> String in
      guard case .resource(let target) = request.target else { return "" }
      let kind = ResourceName(group: target.group, resource: target.combined).description
      return [kind, target.namespace, target.name].filter { !$0.isEmpty }.joined(separator: " ")
    }
    #expect(asked == parts)
    #expect(requests.allSatisfy { $0.verb == "impersonate" && !Self.policy.decide($0).isAllowed })
  }

  @Test func whoActsForAnotherIsKnownAsHim() {
    #expect(Impersonation(user: "eve").requester.groups == ["system:authenticated"])
    #expect(
      Impersonation(user: "system:serviceaccount:x:a").requester.groups == [
        "system:serviceaccounts", "system:serviceaccounts:x", "system:authenticated",
      ])
    #expect(Impersonation(user: "system:anonymous").requester.groups == ["system:unauthenticated"])
    #expect(
      Impersonation(user: "eve").requests(by: Sample.bob)[0].denial()
        == #"users "eve" is forbidden: User "bob" cannot impersonate resource "users" in API group "" at the cluster scope"#
    )
  }
}
