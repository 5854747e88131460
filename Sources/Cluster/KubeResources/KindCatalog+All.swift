import KubeMachinery

extension KindCatalog {
  /// The kinds whose objects the platform keeps.
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

  /// These, the questions that are answered, and what is measured.
  public static let complete = KindCatalog(
    all.kinds + [
      .selfSubjectReview, .oldSelfSubjectReview, .tokenReview,
      .localSubjectAccessReview, .selfSubjectAccessReview, .selfSubjectRulesReview, .subjectAccessReview,
      .nodeMetrics, .podMetrics,
    ])

  /// What subresources take and answer, that are no kinds of their own.
  public static let subresourceSchemas: [KindName: ObjectSchema] = [
    KindName(group: "autoscaling", version: "v1", kind: "Scale"): .scale,
    KindName(group: "authentication.k8s.io", version: "v1", kind: "TokenRequest"): .tokenRequest,
    KindName(group: "policy", version: "v1", kind: "Eviction"): .eviction,
  ]
}
