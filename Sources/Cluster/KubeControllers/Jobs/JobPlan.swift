import HTTPServing
import KubeMachinery
import KubeResources

/// What a job wants: from itself and its pods at a moment.
///
/// A pod that ended is counted once and only once: its uid is noted in the status, then the finalizer that kept the pod goes, then the
/// number in the status grows. A stop between these steps loses no pod and counts none twice.
struct JobPlan {
  static let backOffSeconds: Int64 = 10
  static let maxBackOffSeconds: Int64 = 360
  /// Uids that are noted at once.
  static let maxUncounted = 500
  static let burst = 500

  let job: ClusterObject
  let pods: [ClusterObject]
  let now: Timestamp

  var spec: JSONValue { job.spec }
  var completions: Int64? { spec["completions"]?.integer }
  var isIndexed: Bool { spec.textAt("completionMode") == "Indexed" }
  var isSuspended: Bool { spec.flagAt("suspend") }
  var replacesEndedOnly: Bool { spec.textAt("podReplacementPolicy") == "Failed" }
  var active: [ClusterObject] { pods.filter(\.isActive) }
  var terminating: [ClusterObject] { pods.filter { $0.isTerminating && !$0.hasEnded } }

  func hasSucceeded(_ pod: ClusterObject) -> Bool { pod.phase == "Succeeded" }
  func hasFailed(_ pod: ClusterObject) -> Bool {
    pod.phase == "Failed" || pod.isTerminating && !replacesEndedOnly && !hasSucceeded(pod)
  }

  func plan() -> Plan {
    if job.status.conditionHolds("Complete") || job.status.conditionHolds("Failed") { return finished() }
    var plan = Plan()
    let count = JobCount(self)
    plan.add(count.released.map(\.untracking))
    if job.isTerminating {
      // Its pods go with it.
      plan.add(
        pods.filter { $0.isTracked && ($0.hasEnded || $0.isTerminating) && !count.isReleased($0) }.map(\.untracking))
      return plan
    }
    var status = job.status
    count.write(to: &status)
    noteSuspension(&status, &plan)
    if !isSuspended, status["startTime"] == nil { status["startTime"] = .string(now.text) }
    let verdict = JobVerdict(self, count, status)
    var changes: [Change] = []
    if let end = verdict.end {
      if !status.conditionHolds(end.target) {
        status.setCondition(end.target, "True", reason: end.reason, message: end.message, at: now)
      }
      changes = active.map(delete)
      if active.isEmpty, terminating.isEmpty, count.isSettled { close(&status, end, &plan) }
    } else if isSuspended {
      changes = active.map(delete)
    } else {
      changes = manage(count, &plan)
      plan.look(at: verdict.deadline)
    }
    status.setCount("active", Int64(active.count))
    status.setCount("ready", Int64(active.count(where: \.isReady)))
    status["terminating"] = .integer(Int64(terminating.count))
    // The note comes first, so that no pod that is ended now goes uncounted.
    if !status.means(job.status) { plan.add([.replaceStatus(job, status)]) }
    plan.add(Array(changes.prefix(Self.burst)))
    return plan
  }

  private func finished() -> Plan {
    var plan = Plan(pods.filter(\.isTracked).map(\.untracking))
    guard !job.isTerminating, let seconds = spec["ttlSecondsAfterFinished"]?.integer,
      let condition = job.status.condition("Complete") ?? job.status.condition("Failed"),
      let since = Timestamp(condition.textAt("lastTransitionTime"))
    else { return plan }
    let moment = since.adding(seconds: seconds)
    if moment <= now { plan.add([.delete(job, .foreground, isBound: true)]) } else { plan.look(at: moment) }
    return plan
  }

  private func close(_ status: inout JSONValue, _ end: JobVerdict.End, _ plan: inout Plan) {
    status.setCondition(end.condition, "True", reason: end.reason, message: end.message, at: now)
    if end.condition == "Complete" {
      status["completionTime"] = .string(now.text)
      plan.announcements.append(Announcement(job, .normal, "Completed", "Job completed"))
    } else {
      plan.announcements.append(Announcement(job, .warning, end.reason, end.message))
    }
  }

  private func noteSuspension(_ status: inout JSONValue, _ plan: inout Plan) {
    let was = status.conditionHolds("Suspended")
    if isSuspended, !was {
      status.setCondition("Suspended", "True", reason: "JobSuspended", message: "Job suspended", at: now)
      status["startTime"] = nil
      plan.announcements.append(Announcement(job, .normal, "Suspended", "Job suspended"))
    } else if !isSuspended, was {
      status.setCondition("Suspended", "False", reason: "JobResumed", message: "Job resumed", at: now)
      status["startTime"] = .string(now.text)
      plan.announcements.append(Announcement(job, .normal, "Resumed", "Job resumed"))
    }
  }

  // MARK: pods

  private func delete(_ pod: ClusterObject) -> Change {
    .delete(
      pod, success: Announcement(job, .normal, "SuccessfulDelete", "Deleted pod: ", addsOutcome: true),
      failure: Announcement(job, .warning, "FailedDelete", "Error deleting: ", addsOutcome: true))
  }

  private func manage(_ count: JobCount, _ plan: inout Plan) -> [Change] {
    let parallelism = spec["parallelism"]?.integer ?? 1
    let wanted: Int64
    if let completions {
      wanted = min(max(0, completions - count.succeeded), parallelism)
    } else {
      // A queue of work is done once one pod found nothing more to do.
      wanted = count.succeeded > 0 ? min(Int64(active.count), parallelism) : parallelism
    }
    let surplus = Int64(active.count) - wanted
    if surplus > 0 {
      return EndingOrder(now: now, related: [:]).sorted(active).prefix(Int(surplus)).map(delete)
    }
    var missing = -surplus
    if replacesEndedOnly { missing -= Int64(terminating.count) }
    guard missing > 0 else { return [] }
    if let moment = backOff(), moment > now {
      plan.look(at: moment)
      return []
    }
    let number = Int(min(missing, Int64(Self.burst)))
    if isIndexed { return freeIndexes(count, number).map { create(index: $0) } }
    return (0..<number).map { _ in create(index: nil) }
  }

  /// When pods may be made again after failures: twice as late after each that followed the last success.
  private func backOff() -> Timestamp? {
    let lastSuccess = pods.filter(hasSucceeded).compactMap(\.endedAt).max()
    let failures = pods.filter { $0.phase == "Failed" }.map { $0.endedAt ?? $0.createdAt }
      .filter { moment in lastSuccess.map { moment > $0 } ?? true }
    guard let last = failures.max() else { return nil }
    let seconds = min(Self.backOffSeconds << Int64(min(failures.count - 1, 20)), Self.maxBackOffSeconds)
    return last.adding(seconds: seconds)
  }

  private func freeIndexes(_ count: JobCount, _ number: Int) -> [Int64] {
    let holders = replacesEndedOnly ? active + terminating : active
    return count.completed.missing(number, except: Set(holders.compactMap(\.completionIndex)))
  }

  private func create(index: Int64?) -> Change {
    var pod = PodFactory.pod(from: spec["template"] ?? [:], owner: job)
    var meta = pod.meta
    meta.finalizers.append(JobController.finalizer)
    if let index {
      meta.annotations[JobController.indexName] = String(index)
      meta.labels[JobController.indexName] = String(index)
      meta.generateName = "\(job.name.prefix(50))-\(index)-"
      var podSpec = pod["spec"] ?? [:]
      if podSpec["hostname"] == nil { podSpec["hostname"] = .string("\(job.name.prefix(50))-\(index)") }
      let variable: JSONValue = [
        "name": "JOB_COMPLETION_INDEX",
        "valueFrom": ["fieldRef": ["fieldPath": .string("metadata.annotations['\(JobController.indexName)']")]],
      ]
      for list in ["containers", "initContainers"] {
        podSpec.changeItems(list) { container in
          let known = container.listAt("env")
          guard !known.contains(where: { $0.textAt("name") == "JOB_COMPLETION_INDEX" }) else { return }
          container["env"] = .array(known + [variable])
        }
      }
      pod["spec"] = podSpec
    }
    pod.meta = meta
    return .create(
      .pods, pod, success: Announcement(job, .normal, "SuccessfulCreate", "Created pod: ", addsOutcome: true),
      failure: Announcement(job, .warning, "FailedCreate", "Error creating: ", addsOutcome: true))
  }
}
