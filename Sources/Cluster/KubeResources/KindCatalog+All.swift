import KubeMachinery

extension KindCatalog {
  /// The kinds whose objects the platform keeps. Services may claim no address outside of the cluster.
  public static let all = kept(externalAddresses: AddressRanges())

  private static func kept(externalAddresses: AddressRanges) -> KindCatalog {
    KindCatalog([
      .binding, .configMap, .endpoints, .event, .namespace, .node, .pod, .podTemplate, .replicationController, .secret,
      .serviceAccount, .service(externalAddresses: externalAddresses),
      .controllerRevision, .daemonSet, .deployment, .replicaSet,
      .newEvent,
      .job,
      .clusterRole, .clusterRoleBinding, .role, .roleBinding,
      .priorityClass,
      .lease,
      .runtimeClass,
      .endpointSlice,
    ])
  }

  /// These, the questions that are answered, and what is measured.
  public static let complete = platform(externalAddresses: AddressRanges())

  /// The same.
  /// - Parameter externalAddresses: what services may have in `externalIPs`.
  public static func platform(externalAddresses: AddressRanges) -> KindCatalog {
    KindCatalog(
      kept(externalAddresses: externalAddresses).kinds + [
        .selfSubjectReview, .oldSelfSubjectReview, .tokenReview,
        .localSubjectAccessReview, .selfSubjectAccessReview, .selfSubjectRulesReview, .subjectAccessReview,
        .nodeMetrics, .podMetrics,
      ])
  }

  /// What subresources take and answer, that are no kinds of their own.
  public static let subresourceSchemas: [KindName: ObjectSchema] = [
    KindName(group: "autoscaling", version: "v1", kind: "Scale"): .scale,
    KindName(group: "authentication.k8s.io", version: "v1", kind: "TokenRequest"): .tokenRequest,
    KindName(group: "policy", version: "v1", kind: "Eviction"): .eviction,
  ]
}
