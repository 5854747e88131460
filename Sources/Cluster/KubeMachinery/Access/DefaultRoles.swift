import HTTPServing

/// The roles and bindings that every cluster begins with. Source: Kubernetes *Default roles and role bindings*.
///
/// Roles of single controllers are left out: controllers run within the server. So are the groups of kinds that this server does not
/// have and never will (`extensions`).
public enum DefaultRoles {
  /// Cluster roles with the rules of aggregates filled in, then cluster role bindings.
  public static let objects: [JSONValue] = {
    let changed = RoleAggregation.changes(roles)
    let names = Set(changed.map(\.meta.name))
    return (roles.filter { !names.contains($0.meta.name) } + changed).sorted { $0.meta.name < $1.meta.name } + bindings
  }()

  private static let all = "get list watch create update patch delete deletecollection"
  private static let read = "get list watch"
  private static let write = "create delete deletecollection patch update"

  private static func rule(_ group: String, _ resources: String, _ verbs: String, names: [String] = []) -> AccessRule {
    AccessRule(
      verbs: words(verbs), apiGroups: group.isEmpty ? [""] : words(group).map { $0 == "core" ? "" : $0 },
      resources: words(resources), resourceNames: names)
  }

  private static func urls(_ urls: String) -> AccessRule { AccessRule(verbs: ["get"], nonResourceURLs: words(urls)) }

  private static func words(_ text: String) -> [String] { text.split(separator: " ").map(String.init) }

  private static func role(
    _ name: String, _ rules: [AccessRule], aggregatesTo targets: String = "", from source: String? = nil
  ) -> JSONValue {
    let prefix = "rbac.authorization.k8s.io/aggregate-to-"
    var labels = ["kubernetes.io/bootstrapping": "rbac-defaults"]
    for target in words(targets) { labels[prefix + target] = "true" }
    var role = object("ClusterRole", name, labels)
    if let source {
      role["aggregationRule"] = ["clusterRoleSelectors": [["matchLabels": .texts([prefix + source: "true"])]]]
    }
    role["rules"] = .array(rules.map(\.document))
    return role
  }

  private static func object(_ kind: String, _ name: String, _ labels: [String: String]) -> JSONValue {
    [
      "apiVersion": "rbac.authorization.k8s.io/v1", "kind": .string(kind),
      "metadata": [
        "name": .string(name), "labels": .texts(labels),
        "annotations": ["rbac.authorization.kubernetes.io/autoupdate": "true"],
      ],
    ]
  }

  private static func binding(_ name: String, groups: [String] = [], users: [String] = []) -> JSONValue {
    var binding = object("ClusterRoleBinding", name, ["kubernetes.io/bootstrapping": "rbac-defaults"])
    binding["roleRef"] = ["apiGroup": .string(AccessPolicy.group), "kind": "ClusterRole", "name": .string(name)]
    let subjects = groups.map { ("Group", $0) } + users.map { ("User", $0) }
    if !subjects.isEmpty {
      binding["subjects"] = .array(
        subjects.map { ["apiGroup": .string(AccessPolicy.group), "kind": .string($0), "name": .string($1)] })
    }
    return binding
  }

  private static let bindings = [
    binding("cluster-admin", groups: [Requester.masters]),
    binding("system:basic-user", groups: [Requester.authenticated]),
    binding("system:discovery", groups: [Requester.authenticated]),
    binding("system:kube-controller-manager", users: ["system:kube-controller-manager"]),
    binding("system:kube-scheduler", users: ["system:kube-scheduler"]),
    binding("system:monitoring", groups: ["system:monitoring"]),
    // Agents have the rights of their own node only, which no role can say.
    binding("system:node"),
    binding("system:node-proxier", users: ["system:kube-proxy"]),
    binding("system:public-info-viewer", groups: [Requester.authenticated, Requester.unauthenticated]),
    binding("system:service-account-issuer-discovery", groups: ["system:serviceaccounts"]),
  ]

  private static let roles: [JSONValue] = [
    role("cluster-admin", AccessRule.everything),
    role("admin", [], from: "admin"),
    role("edit", [], aggregatesTo: "admin", from: "edit"),
    role("view", [], aggregatesTo: "edit", from: "view"),
    role(
      "system:aggregate-to-admin",
      [
        rule("authorization.k8s.io", "localsubjectaccessreviews", "create"),
        rule(AccessPolicy.group, "rolebindings roles", all),
      ], aggregatesTo: "admin"),
    role("system:aggregate-to-edit", edit, aggregatesTo: "edit"),
    role("system:aggregate-to-view", view, aggregatesTo: "view"),
    // Of metrics-server, which this server is itself.
    role(
      "system:aggregated-metrics-reader", [rule("metrics.k8s.io", "nodes pods", read)],
      aggregatesTo: "admin edit view"),
    role("system:auth-delegator", reviews),
    role(
      "system:basic-user",
      [
        rule("authorization.k8s.io", "selfsubjectaccessreviews selfsubjectrulesreviews", "create"),
        rule("authentication.k8s.io", "selfsubjectreviews", "create"),
      ]),
    role(
      "system:discovery",
      [
        urls(
          "/api /api/* /apis /apis/* /healthz /livez /openapi /openapi/* /readyz /version /version/")
      ]),
    role("system:public-info-viewer", [urls("/healthz /livez /readyz /version /version/")]),
    role(
      "system:monitoring",
      [urls("/healthz /healthz/* /livez /livez/* /metrics /metrics/slis /readyz /readyz/*")]),
    role(
      "system:service-account-issuer-discovery", [urls("/.well-known/openid-configuration /openid/v1/jwks")]),
    role("system:node", node),
    role(
      "system:node-proxier",
      [
        rule("", "endpoints services", "list watch"), rule("", "nodes", read),
        rule("core events.k8s.io", "events", "create patch update"),
        rule("discovery.k8s.io", "endpointslices", "list watch"),
      ]),
    role(
      "system:node-problem-detector",
      [
        rule("", "nodes", "get"), rule("", "nodes/status", "patch"),
        rule("core events.k8s.io", "events", "create patch update"),
      ]),
    role(
      "system:kubelet-api-admin",
      [
        rule("", "nodes", read), rule("", "nodes", "proxy"),
        rule("", "nodes/log nodes/metrics nodes/proxy nodes/stats", "*"),
      ]),
    role("system:kube-dns", [rule("", "endpoints services", "list watch")]),
    role("system:kube-scheduler", scheduler),
    role("system:kube-controller-manager", controllerManager),
  ]

  private static let reviews = [
    rule("authentication.k8s.io", "tokenreviews", "create"),
    rule("authorization.k8s.io", "subjectaccessreviews", "create"),
  ]

  /// For a scheduler beside ours, which pods ask for by `schedulerName`.
  private static let scheduler =
    [
      rule("core events.k8s.io", "events", "create patch update"),
      rule("coordination.k8s.io", "leases", "create"),
      rule("coordination.k8s.io", "leases", "get update", names: ["kube-scheduler"]),
      rule("", "pods", "delete get list watch"), rule("", "pods/status", "patch update"),
      rule("", "bindings pods/binding", "create"),
      rule(
        "", "namespaces nodes persistentvolumeclaims persistentvolumes replicationcontrollers services", read),
      rule("apps", "replicasets statefulsets", read), rule("policy", "poddisruptionbudgets", read),
      rule("storage.k8s.io", "csidrivers csinodes csistoragecapacities", read),
    ] + reviews

  /// For controllers beside ours.
  private static let controllerManager =
    [
      rule("core events.k8s.io", "events", "create patch update"),
      rule("coordination.k8s.io", "leases", "create"),
      rule("coordination.k8s.io", "leases", "get update", names: ["kube-controller-manager"]),
      rule("", "configmaps namespaces", "get"), rule("", "secrets", "create delete get update"),
      rule("", "serviceaccounts", "create get update"), rule("", "serviceaccounts/token", "create"),
      rule("*", "*", "list watch"),
    ] + reviews

  private static let edit = [
    rule("", "pods/attach pods/exec pods/portforward pods/proxy secrets services/proxy", read),
    rule("", "serviceaccounts", "impersonate"),
    rule("", "pods pods/attach pods/exec pods/portforward pods/proxy", write),
    rule("", "pods/eviction", "create"),
    rule(
      "",
      "configmaps events persistentvolumeclaims replicationcontrollers replicationcontrollers/scale secrets"
        + " serviceaccounts services services/proxy", write),
    rule("", "serviceaccounts/token", "create"),
    rule(
      "apps",
      "daemonsets deployments deployments/rollback deployments/scale replicasets replicasets/scale statefulsets"
        + " statefulsets/scale", write),
    rule("autoscaling", "horizontalpodautoscalers", write),
    rule("batch", "cronjobs jobs", write),
    rule("policy", "poddisruptionbudgets", write),
    rule("networking.k8s.io", "ingresses networkpolicies", write),
    rule("coordination.k8s.io", "leases", all),
  ]

  private static let view = [
    rule(
      "",
      "configmaps endpoints persistentvolumeclaims persistentvolumeclaims/status pods replicationcontrollers"
        + " replicationcontrollers/scale serviceaccounts services services/status", read),
    rule(
      "",
      "bindings events limitranges namespaces/status pods/log pods/status replicationcontrollers/status resourcequotas"
        + " resourcequotas/status", read),
    rule("", "namespaces", read),
    rule("discovery.k8s.io", "endpointslices", read),
    rule(
      "apps",
      "controllerrevisions daemonsets daemonsets/status deployments deployments/scale deployments/status replicasets"
        + " replicasets/scale replicasets/status statefulsets statefulsets/scale statefulsets/status", read),
    rule("autoscaling", "horizontalpodautoscalers horizontalpodautoscalers/status", read),
    rule("batch", "cronjobs cronjobs/status jobs jobs/status", read),
    rule("policy", "poddisruptionbudgets poddisruptionbudgets/status", read),
    rule("networking.k8s.io", "ingresses ingresses/status networkpolicies", read),
  ]

  private static let node = [
    rule("authentication.k8s.io", "tokenreviews", "create"),
    rule("authorization.k8s.io", "localsubjectaccessreviews subjectaccessreviews", "create"),
    rule("", "services", read), rule("", "nodes", "create get list watch"),
    rule("", "nodes/status", "patch update"), rule("", "nodes", "patch update"),
    rule("", "events", "create patch update"), rule("", "pods", read), rule("", "pods", "create delete"),
    rule("", "pods/status", "patch update"), rule("", "pods/eviction", "create"),
    rule("", "configmaps secrets", read), rule("", "persistentvolumeclaims persistentvolumes", "get"),
    rule("", "endpoints", "get"),
    rule("certificates.k8s.io", "certificatesigningrequests", "create get list watch"),
    rule("coordination.k8s.io", "leases", "create delete get patch update"),
    rule("storage.k8s.io", "volumeattachments", "get"), rule("", "serviceaccounts/token", "create"),
    rule("", "persistentvolumeclaims/status", "get patch update"), rule("storage.k8s.io", "csidrivers", read),
    rule("storage.k8s.io", "csinodes", "create delete get patch update"),
    rule("node.k8s.io", "runtimeclasses", read),
  ]
}
