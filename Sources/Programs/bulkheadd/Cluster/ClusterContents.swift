import HTTPServing
import KubeMachinery

/// What a cluster of ours begins with.
enum ClusterContents {
  static let manager = "bulkhead"
  /// Whose certificates the administrator's kubeconfig holds. Not `system:masters`, which no role can take rights from.
  static let administrators = "bulkhead:administrators"

  static let objects: [JSONValue] =
    ["default", "kube-system", "kube-public", "kube-node-lease"].map { name in
      ["apiVersion": "v1", "kind": "Namespace", "metadata": ["name": .string(name)]]
    } + DefaultRoles.objects + priorities + [
      [
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": [
          "name": .string(administrators), "annotations": ["rbac.authorization.kubernetes.io/autoupdate": "true"],
        ],
        "roleRef": ["apiGroup": .string(AccessPolicy.group), "kind": "ClusterRole", "name": "cluster-admin"],
        "subjects": [["apiGroup": .string(AccessPolicy.group), "kind": "Group", "name": .string(administrators)]],
      ]
    ]

  /// For pods without which the node or the cluster does not work. Source: Kubernetes *Pod Priority and Preemption*.
  private static let priorities = [
    priority("system-node-critical", 2_000_001_000, "For pods that the node itself cannot do without."),
    priority("system-cluster-critical", 2_000_000_000, "For pods that the cluster cannot do without, anywhere."),
  ]

  private static func priority(_ name: String, _ value: Int64, _ description: String) -> JSONValue {
    [
      "apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass", "metadata": ["name": .string(name)],
      "value": .integer(value), "description": .string(description),
    ]
  }
}
