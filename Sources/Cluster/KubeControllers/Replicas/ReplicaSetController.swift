import HTTPServing
import KubeMachinery
import KubeResources

/// Keeps the wanted number of pods of a replica set, or of a replication controller, which differs in its selector alone.
public struct ReplicaSetController: Controller {
  public let name: String
  let resource: ResourceName

  public static let replicaSets = ReplicaSetController(name: "replicaset-controller", resource: .replicaSets)
  public static let replicationControllers = ReplicaSetController(
    name: "replication-controller", resource: .replicationControllers)

  public var follows: Set<ResourceName> { [resource, .pods] }

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    if change.key.resource == resource { return change.new == nil ? [] : [change.key] }
    guard change.key.resource == .pods else { return [] }
    return PodOwners.keys(for: change, resource, in: index) { Self.selector(of: $0) }
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    guard let set = observed.index.object(key) else { return Plan() }
    return ReplicaPlan(
      set: set, selector: Self.selector(of: set), pods: observed.index.objects(.pods, in: key.namespace),
      refusal: observed.refusal, now: observed.now
    ).plan()
  }

  static func selector(of set: ClusterObject) -> LabelSelector {
    let selector = set.document.at("spec", "selector")
    if set.key.resource == .replicationControllers {
      let labels = selector?.texts ?? [:]
      return labels.isEmpty ? .nothing : LabelSelector(matching: labels)
    }
    let read = LabelSelector(document: selector)
    // What selects everything would take every pod of its namespace.
    return read.isEverything ? .nothing : read
  }
}

/// Which owners of pods a pod's change concerns.
enum PodOwners {
  /// The owner that the pod has and had; for a pod without one, all that might adopt it.
  static func keys(
    for change: ObservedChange, _ resource: ResourceName, in index: ObjectIndex,
    _ selector: (ClusterObject) -> LabelSelector
  ) -> [ObjectKey] {
    var keys: [ObjectKey] = []
    let controllers = [change.old?.controller, change.last.controller].compactMap { $0 }
    for controller in controllers {
      let key = ObjectKey(resource, namespace: change.key.namespace, name: controller.name)
      guard !keys.contains(key), index.object(key)?.uid == controller.uid else { continue }
      keys.append(key)
    }
    if change.new != nil, change.last.controller == nil {
      keys += index.objects(resource, in: change.key.namespace).filter {
        selector($0).matches(change.last.labels) || selector($0).matches(change.old?.labels)
      }.map(\.key)
    }
    return keys
  }
}

/// Which objects an owner has, and how that comes to be what its selector says: orphans that match are adopted, own ones that do
/// not match any more are let go. Source: Kubernetes *ReplicaSet*, non-template pod acquisitions.
struct Claims {
  /// Owned and matching, or about to be.
  private(set) var claimed: [ClusterObject] = []
  private(set) var changes: [Change] = []

  init(owner: ClusterObject, selector: LabelSelector, candidates: [ClusterObject]) {
    for object in candidates {
      let matches = selector.matches(object.labels)
      if let controller = object.controller {
        guard controller.uid == owner.uid else { continue }
        if matches || owner.isTerminating {
          claimed.append(object)
        } else if !object.isTerminating {
          changes.append(Self.owners(of: object, object.owners.filter { $0.uid != owner.uid }))
        }
      } else if matches, !owner.isTerminating, !object.isTerminating {
        claimed.append(object)
        changes.append(Self.owners(of: object, object.owners.filter { $0.uid != owner.uid } + [owner.owning()]))
      }
    }
  }

  static func owners(of object: ClusterObject, _ owners: [OwnerReference]) -> Change {
    var meta = ObjectMeta()
    meta.ownerReferences = owners
    return .patch(object, ["metadata": ["ownerReferences": meta.document["ownerReferences"] ?? .null]])
  }
}
