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
    } + DefaultRoles.objects + [
      [
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": [
          "name": .string(administrators), "annotations": ["rbac.authorization.kubernetes.io/autoupdate": "true"],
        ],
        "roleRef": ["apiGroup": .string(AccessPolicy.group), "kind": "ClusterRole", "name": "cluster-admin"],
        "subjects": [["apiGroup": .string(AccessPolicy.group), "kind": "Group", "name": .string(administrators)]],
      ]
    ]
}
