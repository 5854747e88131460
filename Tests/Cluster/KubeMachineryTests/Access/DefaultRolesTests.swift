import HTTPServing
import KubeMachinery
import Testing

/// Every verb on every resource, for every default role that people are given.
struct DefaultRolesTests {
  private static let verbs = [
    "get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "impersonate", "bind",
    "escalate",
    "approve", "proxy", "use",
  ]
  private static let read: Set = ["get", "list", "watch"]
  private static let write: Set = ["create", "update", "patch", "delete", "deletecollection"]

  /// What a cell of the table stands for.
  private static func meaning(_ cell: String) -> Set<String> {
    cell.split(separator: "+").reduce(into: []) { verbs, word in
      switch word {
      case "-": break
      case "read": verbs.formUnion(read)
      case "write": verbs.formUnion(write)
      case "all": verbs.formUnion(read.union(write))
      default: verbs.insert(String(word))
      }
    }
  }

  /// Group, resource; then what admin, edit and view may do in a namespace.
  static let table: [(String, String, String, String, String)] = [
    ("", "pods", "all", "all", "read"), ("", "pods/log", "read", "read", "read"),
    ("", "pods/status", "read", "read", "read"), ("", "pods/exec", "all", "all", "-"),
    ("", "pods/attach", "all", "all", "-"), ("", "pods/portforward", "all", "all", "-"),
    ("", "pods/proxy", "all", "all", "-"), ("", "pods/eviction", "create", "create", "-"),
    ("", "pods/binding", "-", "-", "-"), ("", "pods/ephemeralcontainers", "-", "-", "-"),
    ("", "bindings", "read", "read", "read"), ("", "configmaps", "all", "all", "read"),
    ("", "secrets", "all", "all", "-"), ("", "services", "all", "all", "read"),
    ("", "services/status", "read", "read", "read"), ("", "services/proxy", "all", "all", "-"),
    ("", "endpoints", "read", "read", "read"),
    ("", "serviceaccounts", "all+impersonate", "all+impersonate", "read"),
    ("", "serviceaccounts/token", "create", "create", "-"), ("", "events", "all", "all", "read"),
    ("", "replicationcontrollers", "all", "all", "read"), ("", "replicationcontrollers/scale", "all", "all", "read"),
    ("", "replicationcontrollers/status", "read", "read", "read"), ("", "podtemplates", "-", "-", "-"),
    ("", "namespaces", "read", "read", "read"), ("", "namespaces/status", "read", "read", "read"),
    ("", "namespaces/finalize", "-", "-", "-"), ("", "nodes", "-", "-", "-"), ("", "nodes/proxy", "-", "-", "-"),
    ("", "users", "-", "-", "-"), ("", "groups", "-", "-", "-"),
    ("apps", "deployments", "all", "all", "read"), ("apps", "deployments/scale", "all", "all", "read"),
    ("apps", "deployments/status", "read", "read", "read"), ("apps", "replicasets", "all", "all", "read"),
    ("apps", "replicasets/scale", "all", "all", "read"), ("apps", "daemonsets", "all", "all", "read"),
    ("apps", "daemonsets/status", "read", "read", "read"), ("apps", "controllerrevisions", "read", "read", "read"),
    ("batch", "jobs", "all", "all", "read"), ("batch", "jobs/status", "read", "read", "read"),
    ("rbac.authorization.k8s.io", "roles", "all", "-", "-"),
    ("rbac.authorization.k8s.io", "rolebindings", "all", "-", "-"),
    ("rbac.authorization.k8s.io", "clusterroles", "-", "-", "-"),
    ("rbac.authorization.k8s.io", "clusterrolebindings", "-", "-", "-"),
    ("discovery.k8s.io", "endpointslices", "read", "read", "read"),
    ("coordination.k8s.io", "leases", "all", "all", "-"), ("node.k8s.io", "runtimeclasses", "-", "-", "-"),
    ("scheduling.k8s.io", "priorityclasses", "-", "-", "-"), ("events.k8s.io", "events", "-", "-", "-"),
    ("metrics.k8s.io", "pods", "read", "read", "read"), ("metrics.k8s.io", "nodes", "read", "read", "read"),
    ("authentication.k8s.io", "tokenreviews", "-", "-", "-"),
    ("authorization.k8s.io", "subjectaccessreviews", "-", "-", "-"),
    ("authorization.k8s.io", "localsubjectaccessreviews", "create", "-", "-"),
    ("authorization.k8s.io", "selfsubjectaccessreviews", "-", "-", "-"),
    ("certificates.k8s.io", "certificatesigningrequests", "-", "-", "-"),
    ("certificates.k8s.io", "certificatesigningrequests/approval", "-", "-", "-"),
  ]

  private static let policy: AccessPolicy = {
    var policy = AccessPolicy()
    for object in DefaultRoles.objects { policy.put(object) }
    for role in ["admin", "edit", "view"] {
      policy.put(AccessSample.binding(role, in: "x", to: ("ClusterRole", role), AccessSample.user(role)))
    }
    return policy
  }()

  private static func may(
    _ requester: Requester, _ verb: String, _ group: String, _ resource: String, in namespace: String = "x"
  ) -> Bool {
    let parts = resource.split(separator: "/").map(String.init)
    return policy.decide(
      AccessSample.ask(
        verb, parts[0], group: group, sub: parts.count > 1 ? parts[1] : "", in: namespace, name: "n", by: requester)
    ).isAllowed
  }

  @Test(arguments: table)
  func namespaceRolesMayWhatTheTableSays(
    _ group: String, _ resource: String, _ admin: String, _ edit: String, _ view: String
  ) {
    for (role, cell) in [("admin", admin), ("edit", edit), ("view", view), ("nobody", "-")] {
      let allowed = Self.meaning(cell)
      let requester = Requester(name: role, groups: [])
      for verb in Self.verbs {
        #expect(
          Self.may(requester, verb, group, resource) == allowed.contains(verb), "\(role) \(verb) \(group)/\(resource)")
        #expect(!Self.may(requester, verb, group, resource, in: "y"), "\(role) \(verb) \(group)/\(resource) elsewhere")
        #expect(!Self.may(requester, verb, group, resource, in: ""), "\(role) \(verb) \(group)/\(resource) everywhere")
      }
    }
  }

  @Test(arguments: table)
  func administratorsOfTheClusterMayEverything(
    _ group: String, _ resource: String, _: String, _: String, _: String
  ) {
    let bound = AccessSample.policy(
      DefaultRoles.objects + [
        AccessSample.binding("more", to: ("ClusterRole", "cluster-admin"), AccessSample.user("eve"))
      ])
    for verb in Self.verbs {
      #expect(
        bound.decide(
          AccessSample.ask(verb, resource, group: group, by: Requester(name: "eve", groups: []))
        ).isAllowed)
    }
  }

  /// What everybody may who is known, and who is not.
  @Test(arguments: table)
  func knownUsersMayAskAboutThemselvesOnly(_ group: String, _ resource: String, _: String, _: String, _: String) {
    for verb in Self.verbs {
      let isSelf = group == "authorization.k8s.io" && resource == "selfsubjectaccessreviews" && verb == "create"
      #expect(Self.may(AccessSample.bob, verb, group, resource) == isSelf)
      #expect(!Self.may(.anonymous, verb, group, resource))
    }
  }

  @Test(arguments: [
    ("/api", true, false), ("/api/v1", true, false), ("/apis/apps/v1", true, false), ("/openapi/v3", true, false),
    ("/version", true, true), ("/healthz", true, true), ("/livez", true, true), ("/readyz", true, true),
    ("/readyz/ping", false, false), ("/metrics", false, false), ("/", false, false), ("/debug/pprof", false, false),
    ("/openid/v1/jwks", false, false),
  ])
  func addressesAreOpenAsInARealCluster(_ path: String, _ known: Bool, _ unknown: Bool) {
    #expect(Self.policy.decide(AccessRequest(AccessSample.bob, "get", .path(path))).isAllowed == known)
    #expect(Self.policy.decide(AccessRequest(.anonymous, "get", .path(path))).isAllowed == unknown)
    #expect(!Self.policy.decide(AccessRequest(AccessSample.bob, "post", .path(path))).isAllowed)
  }

  @Test func theDefaultsAreWholeAndNoneStandsTwice() {
    let names = DefaultRoles.objects.map { "\($0.kind)/\($0.meta.name)" }
    #expect(Set(names).count == names.count)
    for object in DefaultRoles.objects where object.kind == "ClusterRoleBinding" {
      #expect(names.contains("ClusterRole/\(object["roleRef"]?["name"]?.text ?? "")"))
      #expect(object.meta.labels["kubernetes.io/bootstrapping"] == "rbac-defaults")
    }
    #expect(RoleAggregation.changes(DefaultRoles.objects.filter { $0.kind == "ClusterRole" }).isEmpty)
  }

  @Test func aRoleWithTheLabelJoinsTheAggregate() throws {
    var mine = AccessSample.role("widgets", [["verbs": ["get"], "apiGroups": ["my"], "resources": ["widgets"]]])
    mine["metadata"]?["labels"] = ["rbac.authorization.k8s.io/aggregate-to-view": "true"]
    let roles = DefaultRoles.objects.filter { $0.kind == "ClusterRole" } + [mine]
    let changed = RoleAggregation.changes(roles)
    #expect(changed.map(\.meta.name) == ["admin", "edit", "view"])
    for role in changed {
      #expect(role["rules"]?.items.contains { $0["resources"] == ["widgets"] } ?? false)
    }
  }

  @Test func aggregatesInACircleComeToRest() {
    func aggregate(_ name: String, _ label: String, from: String) -> JSONValue {
      var role = AccessSample.role(name, [])
      role["metadata"]?["labels"] = .texts([label: "true"])
      role["aggregationRule"] = ["clusterRoleSelectors": [["matchLabels": .texts([from: "true"])]]]
      return role
    }
    var source = AccessSample.role("source", [["verbs": ["get"], "apiGroups": [""], "resources": ["pods"]]])
    source["metadata"]?["labels"] = ["a": "true"]
    let changed = RoleAggregation.changes([aggregate("x", "a", from: "b"), aggregate("y", "b", from: "a"), source])
    #expect(changed.map { $0["rules"]?.items.count } == [1, 1])
  }
}
