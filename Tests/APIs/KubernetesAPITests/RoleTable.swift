import KubeMachinery

/// What each default role allows, written down from the documentation: a line for each resource, a column for each role.
///
/// Sources: Kubernetes *Using RBAC Authorization*, *Default roles and role bindings*; *Using Node Authorization*.
enum RoleTable {
  /// Roles that are looked at resource by resource; `agent` is no role but what an agent may whose node has no pod.
  static let columns = [
    "admin", "edit", "view", "system:kube-scheduler", "system:kube-controller-manager", "system:node",
    "system:node-proxier", "agent",
  ]

  /// Letters of verbs, in the cells below.
  static let letters: [Character: String] = [
    "g": "get", "l": "list", "w": "watch", "c": "create", "u": "update", "p": "patch", "d": "delete",
    "D": "deletecollection", "i": "impersonate", "b": "bind", "e": "escalate", "a": "approve", "s": "sign",
    "x": "proxy", "y": "use", "*": "*",
  ]

  static let verbs = letters.values.sorted()

  /// `all`: every verb on objects; `read`: the three that read; else letters.
  static func meaning(_ cell: String) -> Set<String> {
    cell.split(separator: "+").reduce(into: []) { verbs, word in
      let spelled = word == "all" ? "glwcupdD" : word == "read" ? "glw" : word == "-" ? "" : String(word)
      for letter in spelled { verbs.insert(letters[letter] ?? "unknown letter \(letter)") }
    }
  }

  /// By resource as roles name it (`deployments.apps/scale`): a cell for each column.
  static let lines: [String: [String]] = {
    var lines: [String: [String]] = [:]
    for line in (served + others).split(separator: "\n") {
      let words = line.split(separator: " ").map(String.init)
      lines[words[0]] = Array(words.dropFirst())
    }
    return lines
  }()

  //                                    admin edit view sched manager node proxier agent
  private static let served = """
    pods                                  all all read glwd lw glwcd - -
    pods/attach                           all all - - lw - - -
    pods/binding                          - - - c lw - - -
    pods/eviction                         c c - - lw c - -
    pods/exec                             all all - - lw - - -
    pods/log                              read read read - lw - - -
    pods/portforward                      all all - - lw - - -
    pods/status                           read read read pu lw pu - -
    configmaps                            all all read - glw glw - -
    endpoints                             read read read - lw g lw g
    events                                all all read cpu cpulw cpu cpu cpu
    namespaces                            read read read read glw - - -
    namespaces/finalize                   - - - - lw - - -
    namespaces/status                     read read read - lw - - -
    nodes                                 - - - read lw glwcup read c
    nodes/status                          - - - - lw pu - -
    podtemplates                          - - - - lw - - -
    replicationcontrollers                all all read read lw - - -
    replicationcontrollers/scale          all all read - lw - - -
    replicationcontrollers/status         read read read - lw - - -
    secrets                               all all - - glwcud glw - -
    serviceaccounts                       all+i all+i read - glwcu - - -
    serviceaccounts/token                 c c - - clw c - -
    services                              all all read read lw glw lw glw
    services/status                       read read read - lw - - -
    nodes.metrics.k8s.io                  read read read - lw - - -
    pods.metrics.k8s.io                   read read read - lw - - -
    controllerrevisions.apps              read read read - lw - - -
    daemonsets.apps                       all all read - lw - - -
    daemonsets.apps/status                read read read - lw - - -
    deployments.apps                      all all read - lw - - -
    deployments.apps/scale                all all read - lw - - -
    deployments.apps/status               read read read - lw - - -
    replicasets.apps                      all all read read lw - - -
    replicasets.apps/scale                all all read - lw - - -
    replicasets.apps/status               read read read - lw - - -
    jobs.batch                            all all read - lw - - -
    jobs.batch/status                     read read read - lw - - -
    events.events.k8s.io                  - - - cpu cpulw - cpu cpu
    endpointslices.discovery.k8s.io       read read read - lw - lw glw
    leases.coordination.k8s.io            all all - c clw cdgpu - -
    priorityclasses.scheduling.k8s.io     - - - - lw - - -
    runtimeclasses.node.k8s.io            - - - - lw glw - glw
    roles.rbac.authorization.k8s.io       all - - - lw - - -
    rolebindings.rbac.authorization.k8s.io all - - - lw - - -
    clusterroles.rbac.authorization.k8s.io - - - - lw - - -
    clusterrolebindings.rbac.authorization.k8s.io - - - - lw - - -
    tokenreviews.authentication.k8s.io    - - - c clw c - c
    selfsubjectreviews.authentication.k8s.io - - - - lw - - -
    subjectaccessreviews.authorization.k8s.io - - - c clw c - c
    localsubjectaccessreviews.authorization.k8s.io c - - - lw c - c
    selfsubjectaccessreviews.authorization.k8s.io - - - - lw - - -
    selfsubjectrulesreviews.authorization.k8s.io - - - - lw - - -

    """

  /// What this server does not have, or what is none of its objects.
  private static let others = """
    bindings                              read read read c lw - - -
    pods/proxy                            all all - - lw - - -
    pods/ephemeralcontainers              - - - - lw - - -
    services/proxy                        all all - - lw - - -
    nodes/proxy                           - - - - lw - - -
    nodes/metrics                         - - - - lw - - -
    persistentvolumes                     - - - read lw g - -
    persistentvolumeclaims                all all read read lw g - -
    statefulsets.apps                     all all read read lw - - -
    poddisruptionbudgets.policy           all all read read lw - - -
    certificatesigningrequests.certificates.k8s.io - - - - lw glwc - -
    certificatesigningrequests.certificates.k8s.io/approval - - - - lw - - -
    signers.certificates.k8s.io           - - - - lw - - -
    users                                 - - - - lw - - -
    groups                                - - - - lw - - -
    uids.authentication.k8s.io            - - - - lw - - -
    userextras.authentication.k8s.io/scopes - - - - lw - - -
    *                                     - - - - lw - - -
    """

  /// Roles of few rights: what they allow, and nothing else.
  static let small: [String: [String: String]] = [
    "system:auth-delegator": [
      "tokenreviews.authentication.k8s.io": "c", "subjectaccessreviews.authorization.k8s.io": "c",
    ],
    "system:basic-user": [
      "selfsubjectaccessreviews.authorization.k8s.io": "c", "selfsubjectrulesreviews.authorization.k8s.io": "c",
      "selfsubjectreviews.authentication.k8s.io": "c",
    ],
    "system:node-problem-detector": [
      "nodes": "g", "nodes/status": "p", "events": "cpu", "events.events.k8s.io": "cpu",
    ],
    "system:kubelet-api-admin": [
      "nodes": "glwx", "nodes/proxy": "glwcupdDibeasxy*", "nodes/metrics": "glwcupdDibeasxy*",
    ],
    "system:aggregated-metrics-reader": ["nodes.metrics.k8s.io": "glw", "pods.metrics.k8s.io": "glw"],
    "system:kube-dns": ["endpoints": "lw", "services": "lw"],
    "system:aggregate-to-admin": [
      "localsubjectaccessreviews.authorization.k8s.io": "c", "roles.rbac.authorization.k8s.io": "all",
      "rolebindings.rbac.authorization.k8s.io": "all",
    ],
    "system:discovery": [:], "system:public-info-viewer": [:], "system:monitoring": [:],
    "system:service-account-issuer-discovery": [:],
  ]

  /// Who has which role from the beginning.
  static let bindings: [String: [String]] = [
    "cluster-admin": ["Group system:masters"], "system:basic-user": ["Group system:authenticated"],
    "system:discovery": ["Group system:authenticated"],
    "system:public-info-viewer": ["Group system:authenticated", "Group system:unauthenticated"],
    "system:monitoring": ["Group system:monitoring"], "system:node": [],
    "system:node-proxier": ["User system:kube-proxy"], "system:kube-scheduler": ["User system:kube-scheduler"],
    "system:kube-controller-manager": ["User system:kube-controller-manager"],
    "system:service-account-issuer-discovery": ["Group system:serviceaccounts"],
  ]

  /// Addresses that are no resources; then which of the roles may get them.
  static let paths: [(path: String, roles: Set<String>)] = {
    let (known, all, monitor) = ("system:discovery", "system:public-info-viewer", "system:monitoring")
    return [
      ("/api", [known]), ("/api/v1", [known]), ("/apis", [known]), ("/apis/apps/v1", [known]),
      ("/openapi", [known]), ("/openapi/v2", [known]), ("/openapi/v3/apis/apps/v1", [known]),
      ("/version", [known, all]), ("/version/", [known, all]), ("/healthz", [known, all, monitor]),
      ("/livez", [known, all, monitor]), ("/readyz", [known, all, monitor]), ("/healthz/ping", [monitor]),
      ("/livez/ping", [monitor]), ("/readyz/ping", [monitor]), ("/metrics", [monitor]), ("/metrics/slis", [monitor]),
      ("/metrics/cadvisor", []), ("/", []), ("", []), ("/debug/pprof", []), ("/apisx", []), ("/healthzz", []),
      ("/openid/v1/jwks", ["system:service-account-issuer-discovery"]),
      ("/.well-known/openid-configuration", ["system:service-account-issuer-discovery"]), ("/logs", []),
    ]
  }()

  /// `deployments.apps/scale`.
  static func name(_ kind: Kind, _ subresource: Subresource? = nil) -> String {
    kind.resource.description + (subresource.map { "/\($0.name)" } ?? "")
  }
}
