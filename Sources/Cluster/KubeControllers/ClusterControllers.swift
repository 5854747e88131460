import KubeMachinery
import KubeResources

/// All controllers of a cluster.
public enum ClusterControllers {
  /// - Parameters:
  ///   - rootCertificate: PEM that every namespace gets, so that pods know the server; nil: none.
  ///   - balancerPool: addresses for load balancers.
  ///   - api: how pods find the API; nil: by no service.
  public static func all(
    catalog: KindCatalog, rootCertificate: String?, balancerPool: AddressRanges = AddressRanges(),
    api: APIService? = nil
  ) -> [any Controller] {
    let always: [any Controller] = [
      ReplicaSetController.replicaSets, ReplicaSetController.replicationControllers, DeploymentController(),
      EndpointSliceController(), SliceMirrorController(), EndpointsController(), NamespaceController(),
      GarbageCollector(catalog: catalog), ServiceAccountController(rootCertificate: rootCertificate), Scheduler(),
      DaemonSetController(), JobController(),
      LoadBalancerController(pool: balancerPool), NodeHealthController(), PodGarbageController(),
      EventExpiryController(catalog: catalog),
    ]
    return always + (api.map { [APIServiceController($0)] } ?? [])
  }
}
