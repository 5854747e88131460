import HTTPServing
import KubeMachinery
import KubeResources

/// Empties namespaces that are deleted, and lets them go once nothing is left.
public struct NamespaceController: Controller {
  public let name = "namespace-controller"
  public let follows: Set<ResourceName> = [.namespaces]

  static let finalizer = "kubernetes"
  /// Where objects stay behind for others' finalizers or a grace period.
  static let waitMilliseconds: Int64 = 5_000

  public init() {}

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    if change.key.resource == .namespaces {
      // A namespace that went may leave something that came at the same moment.
      return change.new == nil || change.last.isTerminating ? [change.key] : []
    }
    guard !change.key.namespace.isEmpty, change.new == nil else { return [] }
    let key = ObjectKey(.namespaces, name: change.key.namespace)
    return index.object(key).map { $0.isTerminating ? [key] : [] } ?? [key]
  }

  public func questions(for key: ObjectKey, in index: ObjectIndex, at now: Timestamp) -> [Question] {
    if let namespace = index.object(key), !namespace.isTerminating { return [] }
    return [.contents(namespace: key.name)]
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    guard let contents = observed.answers[.contents(namespace: key.name)] else { return Plan() }
    let ends = contents.filter { !$0.isTerminating }.map { Change.delete($0) }
    guard let namespace = observed.index.object(key), namespace.isTerminating else { return Plan(ends) }
    var plan = Plan(ends)
    let finalizers = namespace.document.listAt("spec", "finalizers").compactMap(\.text)
    if contents.isEmpty {
      if finalizers.contains(Self.finalizer) {
        plan.add([Change(.finalize(Target(namespace), finalizers.filter { $0 != Self.finalizer }))])
      }
      return plan
    }
    var status = namespace.status
    status["phase"] = "Terminating"
    let now = observed.now
    for (type, reason, message) in [
      ("NamespaceDeletionDiscoveryFailure", "ResourcesDiscovered", "All resources successfully discovered"),
      (
        "NamespaceDeletionGroupVersionParsingFailure", "ParsedGroupVersions",
        "All legacy kube types successfully parsed"
      ),
    ] { status.setCondition(type, "False", reason: reason, message: message, at: now) }
    if let refusal = observed.refusal, refusal.verb == .delete {
      status.setCondition(
        "NamespaceDeletionContentFailure", "True", reason: "ContentDeletionFailed", message: refusal.message, at: now)
    } else {
      status.setCondition(
        "NamespaceDeletionContentFailure", "False", reason: "ContentDeleted",
        message: "All content successfully deleted, may be waiting on finalization", at: now)
    }
    noteRemaining(contents.filter(\.isTerminating), &status, at: now)
    if !status.means(namespace.status) { plan.add([.replaceStatus(namespace, status)]) }
    plan.look(at: now.adding(milliseconds: Self.waitMilliseconds))
    return plan
  }

  private func noteRemaining(_ left: [ClusterObject], _ status: inout JSONValue, at now: Timestamp) {
    var resources: [String: Int] = [:]
    var finalizers: [String: Int] = [:]
    for object in left {
      let resource = object.key.resource
      resources["\(resource.resource).\(resource.group)", default: 0] += 1
      for finalizer in object.meta.finalizers { finalizers[finalizer, default: 0] += 1 }
    }
    let counts = resources.sorted { $0.key < $1.key }.map { "\($0.key) has \($0.value) resource instances" }
    if resources.isEmpty {
      status.setCondition(
        "NamespaceContentRemaining", "False", reason: "ContentRemoved", message: "All content successfully removed",
        at: now)
    } else {
      status.setCondition(
        "NamespaceContentRemaining", "True", reason: "SomeResourcesRemain",
        message: "Some resources are remaining: \(counts.joined(separator: ", "))", at: now)
    }
    if finalizers.isEmpty {
      status.setCondition(
        "NamespaceFinalizersRemaining", "False", reason: "ContentHasNoFinalizers",
        message: "All content-preserving finalizers finished", at: now)
    } else {
      let texts = finalizers.sorted { $0.key < $1.key }.map { "\($0.key) in \($0.value) resource instances" }
      status.setCondition(
        "NamespaceFinalizersRemaining", "True", reason: "SomeFinalizersRemain",
        message: "Some content in the namespace has finalizers remaining: \(texts.joined(separator: ", "))", at: now)
    }
  }
}
