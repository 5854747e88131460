import KubeMachinery

extension KindCatalog {
  /// The kinds that the platform serves.
  public static let all = KindCatalog([
    .binding, .configMap, .endpoints, .event, .namespace, .node, .pod, .podTemplate, .replicationController, .secret,
    .serviceAccount, .service,
    .controllerRevision, .daemonSet, .deployment, .replicaSet,
    .newEvent,
    .job,
    .clusterRole, .clusterRoleBinding, .role, .roleBinding,
    .priorityClass,
    .lease,
    .runtimeClass,
    .endpointSlice,
  ])

  /// What subresources take and answer, that are no kinds of their own.
  public static let subresourceSchemas: [KindName: ObjectSchema] = [
    KindName(group: "autoscaling", version: "v1", kind: "Scale"): .scale
  ]
}
