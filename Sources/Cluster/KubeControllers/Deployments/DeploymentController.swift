import HTTPServing
import KubeMachinery
import KubeResources

/// Runs deployments: one replica set for each template, replaced step by step.
public struct DeploymentController: Controller {
  public let name = "deployment-controller"
  public let follows: Set<ResourceName> = [.deployments, .replicaSets, .pods]

  public init() {}

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    switch change.key.resource {
    case .deployments: change.new == nil ? [] : [change.key]
    case .replicaSets:
      PodOwners.keys(for: change, .deployments, in: index) {
        LabelSelector(document: $0.document.at("spec", "selector"))
      }
    // Recreate waits for the last old pod to be gone.
    case .pods: change.new == nil || change.last.hasEnded ? owner(ofPod: change.last, in: index) : []
    default: []
    }
  }

  private func owner(ofPod pod: ClusterObject, in index: ObjectIndex) -> [ObjectKey] {
    guard let controller = pod.controller, controller.kind == "ReplicaSet",
      let set = index.object(ObjectKey(.replicaSets, namespace: pod.namespace, name: controller.name)),
      let owner = set.controller
    else { return [] }
    let key = ObjectKey(.deployments, namespace: pod.namespace, name: owner.name)
    guard let deployment = index.object(key), deployment.uid == owner.uid,
      deployment.document.at("spec", "strategy", "type") == "Recreate"
    else { return [] }
    return [key]
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    guard let deployment = observed.index.object(key) else { return Plan() }
    let sets = observed.index.objects(.replicaSets, in: key.namespace)
    return DeploymentPlan(
      deployment: deployment, candidates: sets, pods: { observed.index.owned(by: $0.uid, .pods) }, now: observed.now
    ).plan()
  }
}

/// Names in annotations and labels of deployments and their replica sets.
enum DeploymentNames {
  static let revision = "deployment.kubernetes.io/revision"
  static let revisionHistory = "deployment.kubernetes.io/revision-history"
  static let desired = "deployment.kubernetes.io/desired-replicas"
  static let maximum = "deployment.kubernetes.io/max-replicas"
  static let hash = "pod-template-hash"

  /// Annotations of a deployment that its replica sets do not get.
  static let own: Set<String> = [
    "kubectl.kubernetes.io/last-applied-configuration", revision, revisionHistory, desired, maximum,
    "deprecated.deployment.rollback.to",
  ]
}

extension ClusterObject {
  /// `spec.replicas`.
  var wantedReplicas: Int64 { min(max(0, document.at("spec", "replicas")?.integer ?? 1), RollingNumbers.most) }
  /// 0 where there is none, and where it is none that a controller has counted up to.
  var deploymentRevision: Int64 {
    let number = annotation(DeploymentNames.revision).flatMap { Int64($0) } ?? 0
    return (0...Int64(Int32.max)).contains(number) ? number : 0
  }
}
