import HTTPServing
import KubeMachinery
import KubeResources

/// Runs one pod of a daemon set on each node that allows it. Source: Kubernetes *DaemonSet*.
public struct DaemonSetController: Controller {
  public let name = "daemonset-controller"
  public let follows: Set<ResourceName> = [.daemonSets, .pods, .nodes, .controllerRevisions]

  public init() {}

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    switch change.key.resource {
    case .daemonSets: change.new == nil ? [] : [change.key]
    case .pods, .controllerRevisions:
      PodOwners.keys(for: change, .daemonSets, in: index, Self.selector)
    case .nodes: Self.isOtherwise(change) ? index.keys(.daemonSets) : []
    default: []
    }
  }

  /// Heartbeats of a node concern nobody here.
  private static func isOtherwise(_ change: ObservedChange) -> Bool {
    guard let new = change.new, let old = change.old else { return true }
    return new.spec != old.spec || new.labels != old.labels
  }

  static func selector(of set: ClusterObject) -> LabelSelector {
    let selector = LabelSelector(document: set.document.at("spec", "selector"))
    return selector.isEverything ? .nothing : selector
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    guard let set = observed.index.object(key) else { return Plan() }
    return DaemonPlan(
      set: set, candidates: observed.index.objects(.pods, in: key.namespace),
      revisions: observed.index.owned(by: set.uid, .controllerRevisions), nodes: observed.index.all(.nodes),
      now: observed.now
    ).plan()
  }
}
