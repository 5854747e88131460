import KubeMachinery

/// All controllers of a cluster.
public enum ClusterControllers {
  /// - Parameter rootCertificate: PEM that every namespace gets, so that pods know the server; nil: none.
  public static func all(catalog: KindCatalog, rootCertificate: String?) -> [any Controller] {
    [
      ReplicaSetController.replicaSets, ReplicaSetController.replicationControllers, DeploymentController(),
      EndpointSliceController(), EndpointsController(), NamespaceController(), GarbageCollector(catalog: catalog),
      ServiceAccountController(rootCertificate: rootCertificate), Scheduler(), DaemonSetController(), JobController(),
      NodeHealthController(), PodGarbageController(), EventExpiryController(catalog: catalog),
    ]
  }
}
