import HTTPServing
import KubeMachinery
import KubeResources

/// Runs the pods of jobs until enough have succeeded. Source: Kubernetes *Jobs*.
public struct JobController: Controller {
  public let name = "job-controller"
  public let follows: Set<ResourceName> = [.jobs, .pods]

  /// Keeps an ended pod until it is counted.
  static let finalizer = "batch.kubernetes.io/job-tracking"
  static let indexName = "batch.kubernetes.io/job-completion-index"

  public init() {}

  public func keys(for change: ObservedChange, in index: ObjectIndex) -> [ObjectKey] {
    switch change.key.resource {
    case .jobs: return [change.key]
    case .pods:
      let controllers = [change.old?.controller, change.last.controller].compactMap { $0 }.filter { $0.kind == "Job" }
      // What no job controls any more is nobody's to count: its key names none.
      let isLeft = change.new.map { $0.isTracked && $0.controller == nil } ?? false
      return Set(controllers.map(\.name) + (isLeft ? [""] : [])).sorted().map {
        ObjectKey(.jobs, namespace: change.key.namespace, name: $0)
      }
    default: return []
    }
  }

  public func plan(for key: ObjectKey, _ observed: Observation) -> Plan {
    let pods = observed.index.objects(.pods, in: key.namespace)
    let job = observed.index.object(key)
    // Whose job is gone is counted by nobody.
    let left = pods.filter { pod in
      guard pod.isTracked, let owner = pod.controller else { return pod.isTracked }
      return owner.kind == "Job" && owner.name == key.name && owner.uid != job?.uid
    }
    var plan = Plan(left.map(\.untracking))
    guard let job else { return plan }
    let manager = job.spec.textAt("managedBy")
    guard manager.isEmpty || manager == "kubernetes.io/job-controller" else { return plan }
    let mine = pods.filter { $0.controller?.uid == job.uid }
    let own = JobPlan(job: job, pods: mine, now: observed.now).plan()
    plan.groups += own.groups
    plan.announcements += own.announcements
    plan.look(at: own.lookAgain)
    return plan
  }
}

extension ClusterObject {
  var isTracked: Bool { meta.finalizers.contains(JobController.finalizer) }

  var untracking: Change {
    let rest = meta.finalizers.filter { $0 != JobController.finalizer }
    return .patch(self, ["metadata": ["finalizers": .array(rest.map { .string($0) })]])
  }

  /// When its last container ended.
  var endedAt: Timestamp? {
    document.listAt("status", "containerStatuses").compactMap {
      Timestamp($0.textAt("state", "terminated", "finishedAt"))
    }
    .max()
  }

  var completionIndex: Int64? { annotation(JobController.indexName).flatMap { Int64($0) } }
}
